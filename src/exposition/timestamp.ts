/**
 * Timestamps of OpenMetrics (seconds, a decimal) as the text format writes them (milliseconds, an
 * integer). Digits are shifted, nothing passes through a float.
 */
const NUMBER = /^\+?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
/** Digits of 2^63 - 1; also the bound for what an exponent may ask us to write. */
const MAX_DIGITS = 19;
const MAX = 2n ** 63n - 1n;

/**
 * @param seconds - as OpenMetrics writes it: `1520872607.123`, `1.5e9`
 * @returns milliseconds without fraction, or `undefined` when text has no word for it: before 1970
 *   or past 2^63
 */
export function toMilliseconds(seconds: string): string | undefined {
  const match = NUMBER.exec(seconds.replace(/^-(?=[0.]*(?:[eE]|$))/, '')); // -0 is 0
  if (!match) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const leadingZeros = whole.length + fraction.length - digits.length;
  /** How many of the digits stand before the point of the milliseconds. */
  const before = whole.length - leadingZeros + 3 + Number(exponent);
  if (before <= 0) return '0';
  if (before > MAX_DIGITS) return undefined;
  const milliseconds = digits.slice(0, before).padEnd(before, '0');
  return BigInt(milliseconds) <= MAX ? milliseconds : undefined;
}
