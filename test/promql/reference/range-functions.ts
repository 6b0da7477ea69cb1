/**
 * Functions of a range vector in the slow, obvious evaluator: each from the samples of one window.
 */
import {
  added,
  type Buckets,
  isNumber,
  isReset,
  mapped,
  textOf,
  total,
  type Value,
} from './value.ts';

export interface Point {
  readonly timeMs: number;
  readonly value: Value;
}

export interface Window {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly Point[];
  readonly afterMs: number;
  readonly untilMs: number;
  /** The time of the step, without offset and `@`. */
  readonly atMs: number;
}

/** What a function gives for a window with at least one sample. */
type RangeFunction = (window: Window, scalars: readonly number[]) => Value | undefined;

/** A function of the numbers of a window; histograms are left out. */
function ofNumbers(
  compute: (
    values: readonly number[],
    timesMs: readonly number[],
    rest: Rest,
  ) => number | undefined,
): RangeFunction {
  return (window, scalars) => {
    const points = window.points.filter(({ value }) => isNumber(value));
    if (points.length === 0) return undefined;
    const values = points.map(({ value }) => value as number);
    return compute(
      values,
      points.map(({ timeMs }) => timeMs),
      { scalars, atMs: window.atMs },
    );
  };
}

interface Rest {
  readonly scalars: readonly number[];
  readonly atMs: number;
}

/** A function that reads numbers or histograms, but not both. */
function ofEither(
  numbers: (values: readonly number[]) => number,
  histograms: (values: readonly Buckets[]) => Buckets,
): RangeFunction {
  return ({ points }) => {
    const values = points.map(({ value }) => value);
    if (values.every(isNumber)) return numbers(values);
    return values.some(isNumber) ? undefined : histograms(values as Buckets[]);
  };
}

export function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

export function least(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return numbers.length === 0 ? Number.NaN : Math.min(...numbers);
}

export function most(values: readonly number[]): number {
  return -least(values.map((value) => -value));
}

export function variance(values: readonly number[]): number {
  const mean = sum(values) / values.length;
  return sum(values.map((value) => (value - mean) ** 2)) / values.length;
}

/** Between the two nearest ranks; NaN is the lowest of all. */
export function quantileOf(q: number, values: readonly number[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0 || q > 1) return q < 0 ? -Infinity : Infinity;
  const nans = values.filter(Number.isNaN);
  const sorted = [...nans, ...values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)];
  const rank = q * (sorted.length - 1);
  const weight = rank - Math.floor(rank);
  const [low = 0, high = 0] = [sorted[Math.floor(rank)], sorted[Math.ceil(rank)]];
  const above = sorted[Math.min(Math.floor(rank) + 1, sorted.length - 1)] ?? high;
  return low * (1 - weight) + above * weight;
}

function timeOfLast(values: readonly number[], timesMs: readonly number[], wanted: number): number {
  const at = Number.isNaN(wanted) ? values.length - 1 : values.lastIndexOf(wanted);
  return (timesMs[at] ?? 0) / 1000;
}

/** Slope and value at the origin of the line of least squares. */
function line(
  values: readonly number[],
  timesMs: readonly number[],
  originMs: number,
): readonly [slope: number, intercept: number] {
  if (values.every((value) => value === values[0])) {
    return Number.isFinite(values[0]) ? [0, values[0] ?? 0] : [Number.NaN, Number.NaN];
  }
  const seconds = timesMs.map((timeMs) => (timeMs - originMs) / 1000);
  const [meanX, meanY] = [sum(seconds) / values.length, sum(values) / values.length];
  const slope =
    sum(seconds.map((x, at) => (x - meanX) * ((values[at] ?? 0) - meanY))) /
    sum(seconds.map((x) => (x - meanX) ** 2));
  return [slope, meanY - slope * meanX];
}

/** Level and trend, step by step. */
function smoothed(values: readonly number[], smoothing: number, trending: number): number {
  let level = values[0] ?? 0;
  let trend = (values[1] ?? 0) - level;
  for (const value of values.slice(1)) {
    const next = smoothing * value + (1 - smoothing) * (level + trend);
    trend = trending * (next - level) + (1 - trending) * trend;
    level = next;
  }
  return level;
}

function pairs(points: readonly Point[]): readonly (readonly [Value, Value])[] {
  return points.slice(1).map(({ value }, at) => [points[at]?.value ?? 0, value] as const);
}

function fell(before: Value, after: Value): boolean {
  if (isNumber(before) !== isNumber(after)) return true;
  return isNumber(before) || isNumber(after)
    ? (after as number) < (before as number)
    : isReset(after, before);
}

function differs(before: Value, after: Value): boolean {
  if (isNumber(before) && isNumber(after)) return !Object.is(before + 0, after + 0);
  if (isNumber(before) || isNumber(after)) return true;
  return textOf(before) !== textOf(after);
}

/** How much the samples change over the window, extrapolated to its ends. */
function change(isCounter: boolean, perSecond: boolean): RangeFunction {
  return ({ points, afterMs, untilMs }) => {
    if (points.length < 2) return undefined;
    const values = points.map(({ value }) => value);
    const isFloat = isNumber(values[0] ?? 0);
    if (values.some((value) => isNumber(value) !== isFloat)) return undefined;
    const difference = isFloat
      ? numberChange(values as number[], isCounter)
      : bucketChange(values as Buckets[], isCounter);
    const sampled = (points.at(-1)?.timeMs ?? 0) - (points[0]?.timeMs ?? 0);
    const between = sampled / (points.length - 1);
    let before = (points[0]?.timeMs ?? 0) - afterMs;
    let after = untilMs - (points.at(-1)?.timeMs ?? 0);
    if (before >= 1.1 * between) before = between / 2;
    if (after >= 1.1 * between) after = between / 2;
    const countOf = (value: Value) => (isNumber(value) ? value : value.count);
    const [first, grown] = [countOf(values[0] ?? 0), countOf(difference)];
    if (isCounter && grown > 0 && first >= 0) before = Math.min(before, (sampled * first) / grown);
    const factor = (sampled + before + after) / sampled;
    const scaled = (value: number) =>
      perSecond ? (value * factor) / ((untilMs - afterMs) / 1000) : value * factor;
    return isNumber(difference) ? scaled(difference) : mapped(difference, scaled);
  };
}

function numberChange(values: readonly number[], isCounter: boolean): number {
  const lost = values
    .slice(1)
    .map((value, at) => (value < (values[at] ?? 0) ? (values[at] ?? 0) : 0));
  return (values.at(-1) ?? 0) - (values[0] ?? 0) + (isCounter ? sum(lost) : 0);
}

function bucketChange(values: readonly Buckets[], isCounter: boolean): Buckets {
  const [first, second] = values as [Buckets, Buckets];
  const last = values.at(-1) as Buckets;
  if (!isCounter) return added(last, first, -1);
  // The first histogram does not count, not even its schema, if the second one begins anew.
  const from = isReset(second, first) ? 1 : 0;
  const zero = mapped(total(values.slice(1)), () => 0);
  let grown = from === 1 ? added(last, zero) : added(added(last, zero), first, -1);
  for (let at = from + 1; at < values.length; at++) {
    const [before, current] = [values[at - 1] as Buckets, values[at] as Buckets];
    if (isReset(current, before)) grown = added(grown, before);
  }
  return grown;
}

/** The change between the last two samples. */
function lastChange(isCounter: boolean): RangeFunction {
  return ({ points }) => {
    const [previous, last] = points.slice(-2);
    if (previous === undefined || last === undefined) return undefined;
    const seconds = isCounter ? (last.timeMs - previous.timeMs) / 1000 : 1;
    const [a, b] = [previous.value, last.value];
    if (isNumber(a) && isNumber(b)) return (isCounter && b < a ? b : b - a) / seconds;
    if (isNumber(a) || isNumber(b)) return undefined;
    return mapped(isCounter && isReset(b, a) ? b : added(b, a, -1), (count) => count / seconds);
  };
}

export const RANGE_FUNCTIONS: Readonly<Record<string, RangeFunction>> = {
  avg_over_time: ofEither(
    (values) => sum(values) / values.length,
    (values) => mapped(total(values), (count) => count / values.length),
  ),
  changes: ({ points }) => pairs(points).filter(([a, b]) => differs(a, b)).length,
  count_over_time: ({ points }) => points.length,
  delta: change(false, false),
  deriv: ofNumbers((values, timesMs) =>
    values.length < 2 ? undefined : line(values, timesMs, timesMs[0] ?? 0)[0],
  ),
  double_exponential_smoothing: ofNumbers(
    (values, _, { scalars: [smoothing = 0, trending = 0] }) =>
      values.length < 2 ? undefined : smoothed(values, smoothing, trending),
  ),
  first_over_time: ({ points }) => points[0]?.value,
  idelta: lastChange(false),
  increase: change(true, false),
  irate: lastChange(true),
  last_over_time: ({ points }) => points.at(-1)?.value,
  mad_over_time: ofNumbers((values) => {
    if (values.some(Number.isNaN)) return Number.NaN;
    const median = quantileOf(0.5, values);
    return quantileOf(
      0.5,
      values.map((value) => Math.abs(value - median)),
    );
  }),
  max_over_time: ofNumbers(most),
  min_over_time: ofNumbers(least),
  predict_linear: ofNumbers((values, timesMs, { scalars: [seconds = 0], atMs }) => {
    if (values.length < 2) return undefined;
    const [slope, intercept] = line(values, timesMs, atMs);
    return slope * seconds + intercept;
  }),
  present_over_time: () => 1,
  quantile_over_time: ofNumbers((values, _, { scalars: [q = 0] }) => quantileOf(q, values)),
  rate: change(true, true),
  resets: ({ points }) => pairs(points).filter(([a, b]) => fell(a, b)).length,
  stddev_over_time: ofNumbers((values) => Math.sqrt(variance(values))),
  stdvar_over_time: ofNumbers(variance),
  sum_over_time: ofEither(sum, total),
  ts_of_first_over_time: ({ points }) => (points[0]?.timeMs ?? 0) / 1000,
  ts_of_last_over_time: ({ points }) => (points.at(-1)?.timeMs ?? 0) / 1000,
  ts_of_max_over_time: ofNumbers((values, timesMs) => timeOfLast(values, timesMs, most(values))),
  ts_of_min_over_time: ofNumbers((values, timesMs) => timeOfLast(values, timesMs, least(values))),
};
