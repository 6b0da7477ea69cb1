/**
 * Converts timestamps of OpenMetrics (decimal seconds) to timestamps of text (whole milliseconds).
 *
 * The conversion shifts decimal digits, since a float would lose some.
 */
const NUMBER = /^\+?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
/** The digits of 2^63 - 1: no exponent makes us write more. */
const MAX_DIGITS = 19;
const MAX = 2n ** 63n - 1n;

/**
 * @param seconds - a timestamp of OpenMetrics: `1520872607.123`, `1.5e9`
 * @returns whole milliseconds, rounded down; `undefined` before 1970 and from 2^63 ms on, which
 *   text cannot express
 */
export function toMilliseconds(seconds: string): string | undefined {
  const match = NUMBER.exec(seconds.replace(/^-(?=[0.]*(?:[eE]|$))/, '')); // -0 is 0
  if (!match) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const leadingZeros = whole.length + fraction.length - digits.length;
  /** How many of the digits make up the whole milliseconds. */
  const before = whole.length - leadingZeros + 3 + Number(exponent);
  if (before <= 0) return '0';
  if (before > MAX_DIGITS) return undefined;
  const milliseconds = digits.slice(0, before).padEnd(before, '0');
  return BigInt(milliseconds) <= MAX ? milliseconds : undefined;
}
