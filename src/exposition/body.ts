/**
 * The bytes of a page, laid out so that a scanner may read past the end of the page.
 *
 * `PADDING` line feeds follow the last byte: a scanner finds the end of the last line without a
 * bound check, and may read sixteen bytes at once from anywhere in the page.
 */

/** Line feeds after the page. */
export const PADDING = 16;
const LINE_FEED = 10;

export interface Body {
  /** The page, then `PADDING` line feeds. */
  readonly bytes: Buffer;
  /** The same memory, for reads and writes of eight bytes at any offset. */
  readonly view: DataView;
  /** Bytes of the page, without the padding. */
  readonly length: number;
}

/**
 * Prepares a page for scanning. Copies the page unless the page begins an ArrayBuffer of its own
 * that has room for the padding.
 *
 * @param page - nobody may write to these bytes after the call
 */
export function toBody(page: Buffer): Body {
  const { buffer, byteOffset, length } = page;
  // Small buffers of Node are parts of one pool: other buffers own the bytes after them.
  const pooled = buffer.byteLength === Buffer.poolSize;
  const owned = !pooled && byteOffset === 0 && buffer.byteLength - length >= PADDING;
  const bytes = owned
    ? Buffer.from(buffer, 0, length + PADDING)
    : Buffer.allocUnsafeSlow(length + PADDING);
  if (!owned) page.copy(bytes);
  bytes.fill(LINE_FEED, length);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), length };
}

/** Whether a NUL lies in the range. A loop: for few bytes it is cheaper than a subarray. */
export function hasNul(bytes: Buffer, from: number, to: number): boolean {
  for (let p = from; p < to; p++) if (bytes[p] === 0) return true;
  return false;
}

/** Whether `length` bytes of two pages are equal. Compares eight bytes at a time. */
export function sameBytes(
  a: DataView,
  aFrom: number,
  b: DataView,
  bFrom: number,
  length: number,
): boolean {
  const last = length - 8;
  if (last < 0) return sameFewBytes(a, aFrom, b, bFrom, length);
  let at = 0;
  for (; at + 8 < last; at += 16) {
    if (a.getBigInt64(aFrom + at, true) !== b.getBigInt64(bFrom + at, true)) return false;
    if (a.getBigInt64(aFrom + at + 8, true) !== b.getBigInt64(bFrom + at + 8, true)) return false;
  }
  if (at < last && a.getBigInt64(aFrom + at, true) !== b.getBigInt64(bFrom + at, true)) {
    return false;
  }
  return a.getBigInt64(aFrom + last, true) === b.getBigInt64(bFrom + last, true);
}

function sameFewBytes(
  a: DataView,
  aFrom: number,
  b: DataView,
  bFrom: number,
  length: number,
): boolean {
  for (let at = 0; at < length; at++) {
    if (a.getUint8(aFrom + at) !== b.getUint8(bFrom + at)) return false;
  }
  return true;
}

/** How many bytes from offset `a` on equal the bytes from offset `b` on; at most `limit`. */
export function commonPrefix(view: DataView, a: number, b: number, limit: number): number {
  let at = 0;
  while (at + 8 <= limit && view.getBigInt64(a + at, true) === view.getBigInt64(b + at, true)) {
    at += 8;
  }
  while (at < limit && view.getUint8(a + at) === view.getUint8(b + at)) at++;
  return at;
}
