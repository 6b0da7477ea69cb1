/** Writes bits, the most significant first, as Prometheus' chunks have them. */
const FIRST_BYTES = 256;

/** The widths that follow the prefixes 10, 110, 1110 …; after the longest prefix come 64 bits. */
const VARBIT_WIDTHS = [3, 6, 9, 12, 18, 25, 56];

export class BitWriter {
  #bytes = Buffer.alloc(FIRST_BYTES);
  #bits = 0;

  /** The lowest bits of a number, 32 at most. */
  bits(value: number, count: number): void {
    let left = count;
    while (left > 0) {
      if (this.#bits >> 3 === this.#bytes.length) this.#grow();
      const room = 8 - (this.#bits & 7);
      const taken = Math.min(room, left);
      const part = (value >>> (left - taken)) & ((1 << taken) - 1);
      this.#bytes[this.#bits >> 3]! |= part << (room - taken);
      this.#bits += taken;
      left -= taken;
    }
  }

  /** The lowest bits of a number that is given as two words. */
  words(high: number, low: number, count: number): void {
    if (count > 32) this.bits(high, count - 32);
    this.bits(low, Math.min(count, 32));
  }

  /** The lowest bits of an integer, in two's complement. */
  integer(value: bigint, count: number): void {
    this.words(Number((value >> 32n) & 0xffff_ffffn), Number(value & 0xffff_ffffn), count);
  }

  /** An unsigned integer, 7 bits a byte. */
  uvarint(value: bigint): void {
    let rest = value;
    for (; rest > 127n; rest >>= 7n) this.bits(Number(rest & 127n) | 128, 8);
    this.bits(Number(rest), 8);
  }

  varint(value: bigint): void {
    this.uvarint(value < 0n ? -2n * value - 1n : 2n * value);
  }

  varbit(value: bigint): void {
    const fits = (width: number): boolean =>
      value >= -(2n ** BigInt(width - 1)) + 1n && value <= 2n ** BigInt(width - 1);
    this.#prefixed(value, VARBIT_WIDTHS.findIndex(fits));
  }

  unsignedVarbit(value: bigint): void {
    this.#prefixed(
      value,
      VARBIT_WIDTHS.findIndex((width) => value < 2n ** BigInt(width)),
    );
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, (this.#bits + 7) >> 3);
  }

  #prefixed(value: bigint, at: number): void {
    if (value === 0n) this.bits(0, 1);
    else if (at < 0) {
      this.bits(0xff, 8);
      this.integer(value, 64);
    } else {
      this.bits(2 ** (at + 2) - 2, at + 2);
      this.integer(value, VARBIT_WIDTHS[at]!);
    }
  }

  #grow(): void {
    const larger = Buffer.alloc(this.#bytes.length * 2);
    this.#bytes.copy(larger);
    this.#bytes = larger;
  }
}

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** The bits of a number: high word, low word. Only numbers that are not NaN keep their bits here. */
export function wordsOfNumber(value: number): readonly [number, number] {
  number[0] = value;
  return [words[1]!, words[0]!];
}

/** The window of bits that the last value of a column differed in. */
export class XorColumn {
  #high = 0;
  #low = 0;
  #leading = -1;
  #trailing = 0;

  /** The value that the next one is compared with. */
  start(high: number, low: number): void {
    this.#high = high;
    this.#low = low;
  }

  isSame(high: number, low: number): boolean {
    return high === this.#high && low === this.#low;
  }

  /** Writes a value: `same`, or the code of the window and the bits in it. */
  write(
    out: BitWriter,
    [high, low]: readonly [number, number],
    codes: readonly [same: Code, old: Code, fresh: Code],
  ): void {
    const differsHigh = (high ^ this.#high) >>> 0;
    const differsLow = (low ^ this.#low) >>> 0;
    this.start(high, low);
    if (differsHigh === 0 && differsLow === 0) {
      out.bits(...codes[0]);
      return;
    }
    const leading = Math.min(
      31,
      differsHigh === 0 ? 32 + Math.clz32(differsLow) : Math.clz32(differsHigh),
    );
    const trailing = differsLow === 0 ? 32 + zerosBelow(differsHigh) : zerosBelow(differsLow);
    if (this.#leading >= 0 && leading >= this.#leading && trailing >= this.#trailing) {
      out.bits(...codes[1]);
    } else {
      this.#leading = leading;
      this.#trailing = trailing;
      out.bits(...codes[2]);
      out.bits(leading, 5);
      out.bits((64 - leading - trailing) & 63, 6);
    }
    const shifted = ((BigInt(differsHigh) << 32n) | BigInt(differsLow)) >> BigInt(this.#trailing);
    out.integer(shifted, 64 - this.#leading - this.#trailing);
  }
}

/** Bits, and how many of them. */
type Code = readonly [bits: number, count: number];

/** The codes of a value in chunks of XOR and of histograms. */
export const XOR_CODES = [
  [0, 1],
  [2, 2],
  [3, 2],
] as const;

function zerosBelow(word: number): number {
  return 31 - Math.clz32(word & -word);
}
