/**
 * Chance that is the same for the same seed, and what it does to bytes.
 */

/** Bytes at which parsers decide something. */
const EDGES = [
  0, 9, 10, 13, 32, 34, 35, 44, 45, 58, 61, 92, 123, 125, 127, 128, 191, 194, 237, 240, 255,
];
/** The changes of `#change`, small ones more often. */
const CHANGES = [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 5, 6];
/** A repeated part makes an input no longer than this. */
const MAX_BYTES = 1 << 17;

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to `below` - 1 (mulberry32). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!; // the caller gives at least one
  }

  /**
   * Changes an input in one to three places, mostly in one: what is wrong everywhere is refused at once.
   *
   * @param words - of the input's language: put in whole
   */
  mutate(input: Buffer, words: readonly string[]): Buffer {
    let bytes = input;
    for (let left = this.pick([1, 1, 1, 1, 2, 3]); left > 0; left--) {
      bytes = this.#change(bytes, words);
    }
    return bytes;
  }

  #change(bytes: Buffer, words: readonly string[]): Buffer {
    const at = this.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + this.below(12));
    const [before, part, after] = [
      bytes.subarray(0, at),
      bytes.subarray(at, end),
      bytes.subarray(end),
    ];
    switch (this.pick(CHANGES)) {
      case 0: // a part is left out
        return Buffer.concat([before, after]);
      case 1: // a byte is put in
        return Buffer.concat([before, Buffer.from([this.pick(EDGES)]), part, after]);
      case 2: // a byte is another one
        return Buffer.concat([before, Buffer.from([this.below(256)]), part.subarray(1), after]);
      case 3: // a word is put in
        return Buffer.concat([before, Buffer.from(this.pick(words)), part, after]);
      case 4: // a part stands many times
        return Buffer.concat([before, ...this.#repeated(part, bytes.length), after]);
      case 5: // a part stands elsewhere too
        return Buffer.concat([after, part, before, part]);
      default: // the end is missing
        return Buffer.from(before);
    }
  }

  #repeated(part: Buffer, length: number): Buffer[] {
    const most = Math.max(1, Math.floor((MAX_BYTES - length) / Math.max(1, part.length)));
    const times = Math.min(most, this.pick([2, 3, 100, 5000]));
    return new Array<Buffer>(times).fill(part);
  }
}
