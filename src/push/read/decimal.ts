/**
 * Converts the values of samples to doubles, correctly rounded.
 *
 * A decimal of at most 15 digits is a whole number that a double holds exactly, multiplied or divided
 * by a power of ten that a double holds exactly: one operation rounds it once. `Number` converts all
 * other decimals.
 *
 * @see https://dl.acm.org/doi/10.1145/93542.93557 (Clinger, "How to read floating point numbers")
 */
import { skipValue } from '../../exposition/number.ts';

const PLUS = 43;
const MINUS = 45;
const DOT = 46;
const ZERO = 48;
const NINE = 57;

/** Every whole number of at most so many digits is a double. */
const EXACT_DIGITS = 15;
/** `10 ** 0` to `10 ** 22` are the powers of ten that are doubles. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

export class DecimalReader {
  /** The offset after the number read last; -1 if no number was there. */
  end = -1;

  /**
   * Reads a number in plain notation: an optional minus, and at most 15 digits with an optional
   * point between or behind them.
   *
   * @returns the number; `end` is -1 if the bytes at `at` have another form
   */
  readPlain(bytes: Uint8Array, at: number): number {
    let p = at;
    let byte = bytes[p]!;
    const negative = byte === MINUS;
    if (negative) byte = bytes[++p]!;
    const from = p;
    let mantissa = 0;
    while (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + (byte - ZERO);
      byte = bytes[++p]!;
    }
    let digits = p - from;
    if (byte === DOT && digits > 0) {
      byte = bytes[++p]!;
      const fractionFrom = p;
      while (byte >= ZERO && byte <= NINE) {
        mantissa = mantissa * 10 + (byte - ZERO);
        byte = bytes[++p]!;
      }
      const fraction = p - fractionFrom;
      digits += fraction;
      if (fraction > 0 && digits <= EXACT_DIGITS) mantissa /= POWERS[fraction]!;
    }
    // A letter would follow in `1e5`, and in what is no number.
    const plain = digits > 0 && digits <= EXACT_DIGITS && (byte | 32) !== 101;
    this.end = plain ? p : -1;
    return negative ? -mantissa : mantissa;
  }

  /**
   * Reads a number in any notation of the exposition formats: `1e5`, `+Inf`, `NaN`.
   *
   * @returns the number; `end` is -1 if no number begins at `at`
   */
  read(bytes: Buffer, at: number): number {
    const plain = this.readPlain(bytes, at);
    if (this.end >= 0) return plain;
    this.end = skipValue(bytes, at);
    return this.end < 0 ? Number.NaN : toDouble(bytes, at, this.end);
  }
}

/** @param bytes - `skipValue` takes the bytes from `from` to `to` for a number */
function toDouble(bytes: Buffer, from: number, to: number): number {
  const first = bytes[from]!;
  const signed = first === MINUS || first === PLUS;
  const letter = bytes[signed ? from + 1 : from]! | 32;
  if (letter === 110) return Number.NaN;
  if (letter === 105) return first === MINUS ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(bytes.toString('latin1', from, to));
}

const texts = new DecimalReader();

/** The number that the whole text is, such as the value of a label `le`; undefined for none. */
export function parseDecimal(text: string): number | undefined {
  const bytes = Buffer.from(`${text}\n`);
  const value = texts.read(bytes, 0);
  return texts.end === bytes.length - 1 ? value : undefined;
}
