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

const EPOCH_DAY_MS = 86_400_000;

/** Functions of a time in seconds, all in UTC. */
export const DATE_PARTS: ReadonlyMap<string, (date: Date) => number> = new Map([
  ['minute', (date: Date) => date.getUTCMinutes()],
  ['hour', (date: Date) => date.getUTCHours()],
  ['day_of_week', (date: Date) => date.getUTCDay()],
  ['day_of_month', (date: Date) => date.getUTCDate()],
  ['day_of_year', dayOfYear],
  ['days_in_month', daysInMonth],
  ['month', (date: Date) => date.getUTCMonth() + 1],
  ['year', (date: Date) => date.getUTCFullYear()],
]);

/** The date of a time in seconds; fractions of a second are cut off. */
export function dateOf(seconds: number): Date {
  return new Date(Math.trunc(seconds) * 1000);
}

function dayOfYear(date: Date): number {
  const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  const newYear = Date.UTC(date.getUTCFullYear(), 0, 1);
  return (midnight - newYear) / EPOCH_DAY_MS + 1;
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}
