/**
 * A number of which the bits that changed are stored.
 *
 * The bits are kept in two words: a NaN may lose its bits as a number, and a stale marker is a NaN.
 */
import { type BitReader, HIGH } from './bit-reader.ts';
import { ChunkError } from './chunk-error.ts';

const STALE_HIGH = 0x7ff0_0000;
const STALE_LOW = 2;

const number = new Float64Array(1);
const words = new Int32Array(number.buffer);

export class XorValue {
  high = 0;
  low = 0;
  /** The window of the bits that changed last. */
  #leading = 0;
  #trailing = 0;

  get number(): number {
    words[HIGH] = this.high;
    words[1 - HIGH] = this.low;
    return number[0]!;
  }

  get isStale(): boolean {
    return this.high === STALE_HIGH && this.low === STALE_LOW;
  }

  /** Begins anew with 64 bits that are stored as they are. */
  start(reader: BitReader): void {
    this.#leading = 0;
    this.#trailing = 0;
    this.high = reader.bits(32) | 0;
    this.low = reader.bits(32) | 0;
  }

  setZero(): void {
    this.#leading = 0;
    this.#trailing = 0;
    this.high = 0;
    this.low = 0;
  }

  /** Reads `0`: the same, `10`: bits in the old window, `11`: a new window. */
  next(reader: BitReader): void {
    const ahead = reader.peek();
    if (ahead >= 0) reader.skip(1);
    else if ((ahead & 0x4000_0000) === 0) {
      reader.skip(2);
      this.inOldWindow(reader);
    } else {
      reader.skip(2);
      this.inNewWindow(reader);
    }
  }

  inNewWindow(reader: BitReader): void {
    const window = reader.bits(11);
    const leading = window >> 6;
    const length = (window & 63) === 0 ? 64 : window & 63;
    if (leading + length > 64) throw new ChunkError('a value has more than 64 bits');
    this.#leading = leading;
    this.#trailing = 64 - leading - length;
    this.inOldWindow(reader);
  }

  inOldWindow(reader: BitReader): void {
    const trailing = this.#trailing;
    const length = 64 - this.#leading - trailing;
    if (length > 32) {
      const high = reader.bits(length - 32);
      const low = reader.bits(32);
      if (trailing === 0) {
        this.high ^= high;
        this.low ^= low;
        return;
      }
      this.high ^= (high << trailing) | (low >>> (32 - trailing));
      this.low ^= low << trailing;
      return;
    }
    const bits = reader.bits(length);
    if (trailing >= 32) this.high ^= bits << (trailing - 32);
    else if (trailing === 0) this.low ^= bits;
    else {
      this.low ^= bits << trailing;
      this.high ^= bits >>> (32 - trailing);
    }
  }
}
