/**
 * Reads bits, the most significant first, and the numbers that chunks are made of.
 *
 * A read may go beyond the end: there it finds zeros, or bytes of an earlier chunk. Whoever reads
 * calls `check` at least once for every `SLACK_BITS` bits, so that nothing of these becomes a sample.
 */
import { ChunkError } from './chunk-error.ts';

/** How far beyond the end a read may go: two samples of numbers have at most 400 bits. */
const SLACK_BYTES = 64;
const FIRST_BYTES = 4_096;
/** Fewer bytes are copied one by one. */
const COPIED_BYTES = 256;
const TWO_32 = 2 ** 32;

export class BitReader {
  #bytes = new Uint8Array(FIRST_BYTES + SLACK_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** The offset of the next bit. */
  #at = 0;
  #end = 0;

  /** Begins with the first bit of a chunk, whose bytes are copied. */
  open(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    if (length + SLACK_BYTES > this.#bytes.length) {
      this.#resize(length * 2);
    }
    const own = this.#bytes;
    if (length > COPIED_BYTES) own.set(bytes.subarray(from, to));
    else for (let at = 0; at < length; at++) own[at] = bytes[from + at]!; // no view is made
    own.fill(0, length, length + SLACK_BYTES);
    this.#at = 0;
    this.#end = length * 8;
  }

  /** Forgets the bytes of a large chunk. */
  shrink(): void {
    if (this.#bytes.length > 16 * FIRST_BYTES) {
      this.#resize(FIRST_BYTES);
    }
  }

  #resize(length: number): void {
    this.#bytes = new Uint8Array(length + SLACK_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** How many bits are left. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** @throws {ChunkError} if more was read than there is */
  check(): void {
    if (this.#at > this.#end) throw new ChunkError('the chunk ends inside of a sample');
  }

  /** The next 32 bits as a signed number, without going on. */
  peek(): number {
    const from = this.#at >> 3;
    const shift = this.#at & 7;
    const word = this.#view.getInt32(from);
    return shift === 0 ? word : (word << shift) | (this.#bytes[from + 4]! >> (8 - shift));
  }

  skip(bits: number): void {
    this.#at += bits;
  }

  /** An unsigned number of 1 to 32 bits. */
  bits(count: number): number {
    const word = this.peek() >>> (32 - count);
    this.#at += count;
    return word;
  }

  /** A number of at most 32 bits; the highest value of its width but one half stays positive. */
  signed(count: number): number {
    const value = this.bits(count);
    return value > 2 ** (count - 1) ? value - 2 ** count : value;
  }

  /** A number of 64 bits in two's complement, rounded to a double. */
  signed64(): number {
    const high = this.bits(32) | 0;
    return high * TWO_32 + this.bits(32);
  }

  unsigned64(): number {
    return this.bits(32) * TWO_32 + this.bits(32);
  }

  double(): number {
    words[HIGH] = this.bits(32);
    words[1 - HIGH] = this.bits(32);
    return number[0]!;
  }

  /** 7 bits a byte, the lowest first; rounded to a double. */
  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bits(8);
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new ChunkError('a number has more than 64 bits');
  }

  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A signed number whose prefix tells its width. */
  varbit(): number {
    const ones = this.#prefix();
    if (ones === 0) return 0;
    const width = WIDTHS[ones]!;
    if (width <= 32) return this.signed(width);
    if (width === 64) return this.signed64();
    // The sign is applied to the high part: as a whole, 56 bits are no exact double.
    const high = this.bits(24);
    const low = this.bits(32);
    const isNegative = high > 2 ** 23 || (high === 2 ** 23 && low > 0);
    return (isNegative ? high - 2 ** 24 : high) * TWO_32 + low;
  }

  unsignedVarbit(): number {
    const ones = this.#prefix();
    if (ones === 0) return 0;
    const width = WIDTHS[ones]!;
    if (width <= 32) return this.bits(width);
    return this.bits(width - 32) * TWO_32 + this.bits(32);
  }

  /** How many ones come before a zero, at most 8. */
  #prefix(): number {
    const ones = Math.min(8, Math.clz32(~this.peek()));
    this.#at += ones === 8 ? 8 : ones + 1;
    return ones;
  }
}

/** The width of a number by the ones in its prefix. */
const WIDTHS = [0, 3, 6, 9, 12, 18, 25, 56, 64];

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);
/** Where the high word of a number is. */
export const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;
