/**
 * The functions that change each number by itself.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/
 */

const DEGREES = 180 / Math.PI;

/** Functions of one number. */
export const UNARY_MATH: ReadonlyMap<string, (value: number) => number> = new Map([
  ['abs', Math.abs],
  ['acos', Math.acos],
  ['acosh', Math.acosh],
  ['asin', Math.asin],
  ['asinh', Math.asinh],
  ['atan', Math.atan],
  ['atanh', Math.atanh],
  ['ceil', Math.ceil],
  ['cos', Math.cos],
  ['cosh', Math.cosh],
  ['deg', (value: number) => value * DEGREES],
  ['exp', Math.exp],
  ['floor', Math.floor],
  ['ln', Math.log],
  ['log10', Math.log10],
  ['log2', Math.log2],
  ['rad', (value: number) => value / DEGREES],
  ['sgn', Math.sign],
  ['sin', Math.sin],
  ['sinh', Math.sinh],
  ['sqrt', Math.sqrt],
  ['tan', Math.tan],
  ['tanh', Math.tanh],
]);

/** Functions of a number and scalars; undefined where the sample is dropped. */
export const MATH_WITH_SCALARS: ReadonlyMap<
  string,
  (value: number, scalars: readonly number[]) => number | undefined
> = new Map([
  ['round', (value: number, [to = 1]: readonly number[]) => roundTo(value, to)],
  ['clamp', clamp],
  ['clamp_min', (value: number, [low = 0]: readonly number[]) => most(value, low)],
  ['clamp_max', (value: number, [high = 0]: readonly number[]) => least(value, high)],
]);

/** The nearest multiple; halves go up. */
function roundTo(value: number, to: number): number {
  const inverse = 1 / to;
  return Math.floor(value * inverse + 0.5) / inverse;
}

/** An empty interval drops the sample. */
function clamp(value: number, [low = 0, high = 0]: readonly number[]): number | undefined {
  if (low > high) return undefined;
  return most(low, least(high, value));
}

function most(a: number, b: number): number {
  return Math.max(a, b);
}

function least(a: number, b: number): number {
  return Math.min(a, b);
}

const DAY_MS = 86_400_000;
/** The calendar repeats after 400 years, which are whole weeks. */
const CYCLE_YEARS = 400;
const CYCLE_SECONDS = 146_097 * 86_400;

/** A time far from 1970 that JavaScript's dates cannot hold is moved by whole cycles of the calendar. */
function cyclesOf(seconds: number): number {
  return Math.abs(seconds) < CYCLE_SECONDS ? 0 : Math.floor(seconds / CYCLE_SECONDS);
}

/** The date of a time in seconds, within a cycle of 1970; fractions of a second are cut off. */
function dateOf(seconds: number): Date {
  return new Date((Math.trunc(seconds) - cyclesOf(seconds) * CYCLE_SECONDS) * 1000);
}

/** A part of a date, of finite times in seconds, all in UTC. */
function ofDate(part: (date: Date) => number): (seconds: number) => number {
  return (seconds) => (Number.isFinite(seconds) ? part(dateOf(seconds)) : Number.NaN);
}

/** Functions of a time in seconds. */
export const DATE_PARTS: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ['minute', ofDate((date) => date.getUTCMinutes())],
  ['hour', ofDate((date) => date.getUTCHours())],
  ['day_of_week', ofDate((date) => date.getUTCDay())],
  ['day_of_month', ofDate((date) => date.getUTCDate())],
  ['day_of_year', ofDate(dayOfYear)],
  ['days_in_month', ofDate(daysInMonth)],
  ['month', ofDate((date) => date.getUTCMonth() + 1)],
  ['year', yearOf],
]);

function yearOf(seconds: number): number {
  if (!Number.isFinite(seconds)) return Number.NaN;
  return dateOf(seconds).getUTCFullYear() + CYCLE_YEARS * cyclesOf(seconds);
}

function dayOfYear(date: Date): number {
  const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  const newYear = Date.UTC(date.getUTCFullYear(), 0, 1);
  return (midnight - newYear) / DAY_MS + 1;
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}
