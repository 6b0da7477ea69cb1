/**
 * Writes bits, the most significant ones first, as the chunks of Prometheus hold them.
 */

/** The prefixes of a varbit integer and the bits that follow each. */
const VARBITS: readonly (readonly [prefix: number, prefixBits: number, bits: number])[] = [
  [0b10, 2, 3],
  [0b110, 3, 6],
  [0b1110, 4, 9],
  [0b11110, 5, 12],
  [0b111110, 6, 18],
  [0b1111110, 7, 25],
  [0b11111110, 8, 56],
];

export class BitWriter {
  #bytes = new Uint8Array(512);
  /** The number of bits so far. */
  #bits = 0;

  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, Math.ceil(this.#bits / 8)));
  }

  /** The lowest `count` bits of a value, at most 32. */
  bits(value: number, count: number): void {
    this.#reserve(count);
    let left = count;
    while (left > 0) {
      const room = 8 - (this.#bits & 7);
      const taken = Math.min(room, left);
      const part = (value >>> (left - taken)) & ((1 << taken) - 1);
      this.#bytes[this.#bits >> 3]! |= part << (room - taken); // there is room
      this.#bits += taken;
      left -= taken;
    }
  }

  /** All 64 bits. */
  words(high: number, low: number): void {
    this.bits(high, 32);
    this.bits(low, 32);
  }

  double(value: number): void {
    VIEW.setFloat64(0, value);
    this.words(VIEW.getUint32(0), VIEW.getUint32(4));
  }

  /** The lowest `count` bits, up to 64, of a signed integer in two's complement. */
  integer(value: number, count: number): void {
    if (count > 32) {
      const all = BigInt.asUintN(64, BigInt(value));
      this.bits(Number(all >> 32n), count - 32);
      this.bits(Number(all & 0xffff_ffffn), 32);
    } else this.bits(value, count);
  }

  /** A varint of Go, as whole bytes. */
  uvarint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.bits((rest % 128) | 128, 8);
      rest = Math.floor(rest / 128);
    }
    this.bits(rest, 8);
  }

  varint(value: number): void {
    this.uvarint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  varbit(value: number): void {
    if (value === 0) {
      this.bits(0, 1);
      return;
    }
    for (const [prefix, prefixBits, count] of VARBITS) {
      const half = 2 ** (count - 1);
      if (value <= -half || value > half) continue;
      this.bits(prefix, prefixBits);
      this.integer(value, count);
      return;
    }
    this.bits(0xff, 8);
    this.integer(value, 64);
  }

  unsignedVarbit(value: number): void {
    if (value === 0) {
      this.bits(0, 1);
      return;
    }
    for (const [prefix, prefixBits, count] of VARBITS) {
      if (value >= 2 ** count) continue;
      this.bits(prefix, prefixBits);
      this.integer(value, count);
      return;
    }
    this.bits(0xff, 8);
    this.integer(value, 64);
  }

  #reserve(bits: number): void {
    const needed = Math.ceil((this.#bits + bits) / 8);
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

const VIEW = new DataView(new ArrayBuffer(8));

/** The bits of a number. */
export function wordsOfDouble(value: number): readonly [high: number, low: number] {
  VIEW.setFloat64(0, value);
  return [VIEW.getUint32(0), VIEW.getUint32(4)];
}

/** Writes numbers as what differs from the number before. */
export class XorWriter {
  readonly #out: BitWriter;
  #high = 0;
  #low = 0;
  /** Beyond any: the first difference opens a window. */
  #leading = 65;
  #trailing = 0;

  constructor(out: BitWriter) {
    this.#out = out;
  }

  /** The first number, as it is. */
  first(high: number, low: number): void {
    this.#out.words(high, low);
    this.#high = high;
    this.#low = low;
  }

  next(high: number, low: number): void {
    const [xorHigh, xorLow] = [(this.#high ^ high) >>> 0, (this.#low ^ low) >>> 0];
    this.#high = high;
    this.#low = low;
    if (xorHigh === 0 && xorLow === 0) {
      this.#out.bits(0, 1);
      return;
    }
    const leading = Math.min(31, xorHigh === 0 ? 32 + Math.clz32(xorLow) : Math.clz32(xorHigh));
    const trailing = xorLow === 0 ? 32 + trailingZeros(xorHigh) : trailingZeros(xorLow);
    if (this.#leading <= leading && this.#trailing <= trailing) this.#out.bits(0b10, 2);
    else {
      this.#leading = leading;
      this.#trailing = trailing;
      this.#out.bits(0b11, 2);
      this.#out.bits(leading, 5);
      this.#out.bits((64 - leading - trailing) & 63, 6);
    }
    this.#window(xorHigh, xorLow);
  }

  /** The bits between the leading and the trailing zeros of the window. */
  #window(high: number, low: number): void {
    const [leading, trailing] = [this.#leading, this.#trailing];
    const bottom = Math.max(0, trailing - 32);
    this.#out.bits(high >>> bottom, 32 - leading - bottom);
    if (trailing < 32) this.#out.bits(low >>> trailing, 32 - trailing);
  }
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
