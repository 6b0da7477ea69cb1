/**
 * The stale marker: the value that says "this series has ended".
 *
 * The marker is one bit pattern of NaN. JavaScript may change the bits of a NaN whenever a number is computed or
 * boxed, so markers are recognised and written in the bytes of a Float64Array, before any arithmetic.
 */

const MARKER_HIGH = 0x7ff00000;
const MARKER_LOW = 2;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const HIGH = LITTLE_ENDIAN ? 1 : 0;

/** The 32-bit words of an array of values, two per value. */
export function wordsOf(values: Float64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
}

/** Whether the value at an index is the stale marker. */
export function isStale(words: Uint32Array, index: number): boolean {
  return words[2 * index + HIGH] === MARKER_HIGH && words[2 * index + 1 - HIGH] === MARKER_LOW;
}

/** Writes the stale marker over the value at an index. */
export function writeStale(values: Float64Array, index: number): void {
  const words = wordsOf(values);
  words[2 * index + HIGH] = MARKER_HIGH;
  words[2 * index + 1 - HIGH] = MARKER_LOW;
}
