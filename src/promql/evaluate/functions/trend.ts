/**
 * Trends and movement: `deriv`, `predict_linear`, `double_exponential_smoothing`, `changes`, `resets`.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#predict_linear
 */
import { addTo, type CompensatedSum } from '../compensated.ts';
import { EvaluationError } from '../failure.ts';
import { equalHistograms } from '../histogram.ts';
import { detectsReset } from '../histogram-arithmetic.ts';
import type { Floats, RangeSeries, Window } from '../samples.ts';
import { extentOf } from './extended.ts';
import { ofFloats } from './over-time.ts';
import type { RangeCall, RangeFunction } from './range-call.ts';
import { startsAnew } from './start-times.ts';

/** A straight line: its rise per second, and its value at the origin of the times. */
interface Line {
  readonly slope: number;
  readonly intercept: number;
}

/** The line of least squares through some values. Equal values give a level line, whatever rounding does. */
function regression({ values, timesMs, from, to }: Floats, originMs: number): Line {
  const first = values[from] ?? 0;
  const sums: CompensatedSum[] = [0, 1, 2, 3].map(() => ({ sum: 0, lost: 0 }));
  const [x, y, xy, xx] = sums as [CompensatedSum, CompensatedSum, CompensatedSum, CompensatedSum];
  let level = true;
  for (let at = from; at < to; at++) {
    const value = values[at] ?? 0;
    const seconds = ((timesMs[at] ?? 0) - originMs) / 1000;
    if (value !== first) level = false;
    addTo(x, seconds);
    addTo(y, value);
    addTo(xy, seconds * value);
    addTo(xx, seconds * seconds);
  }
  if (level) {
    return Number.isFinite(first)
      ? { slope: 0, intercept: first }
      : { slope: Number.NaN, intercept: Number.NaN };
  }
  const count = to - from;
  const [sumX = 0, sumY = 0, sumXY = 0, sumXX = 0] = sums.map(({ sum, lost }) => sum + lost);
  const slope = (sumXY - (sumX * sumY) / count) / (sumXX - (sumX * sumX) / count);
  return { slope, intercept: sumY / count - (slope * sumX) / count };
}

/** The rise per second of the line through the values of a gauge. */
export const deriv = ofFloats((floats) => {
  if (floats.to - floats.from < 2) return undefined;
  return regression(floats, floats.timesMs[floats.from] ?? 0).slope;
});

/** The value that the line through a gauge's values has some seconds after the step. */
export const predictLinear = ofFloats((floats, { scalars }, window) => {
  if (floats.to - floats.from < 2) return undefined;
  const { slope, intercept } = regression(floats, window.atMs);
  return slope * (scalars[0] ?? 0) + intercept;
});

/**
 * Smooths level and trend (Holt's linear method).
 *
 * @throws {EvaluationError} if a factor is not between 0 and 1
 */
export const doubleExponentialSmoothing = ofFloats((floats, { scalars }) => {
  const [smoothing = 0, trending = 0] = scalars;
  for (const [word, factor, sign] of [
    ['smoothing', smoothing, 'sf'],
    ['trend', trending, 'tf'],
  ] as const) {
    if (factor <= 0 || factor >= 1) {
      throw new EvaluationError(
        `invalid ${word} factor. Expected: 0 < ${sign} < 1, got: ${factor.toFixed(6)}`,
      );
    }
  }
  const { values, from, to } = floats;
  if (to - from < 2) return undefined;
  let before = 0;
  let level = values[from] ?? 0;
  let trend = (values[from + 1] ?? 0) - level;
  for (let at = from + 1; at < to; at++) {
    if (at > from + 1) trend = trending * (level - before) + (1 - trending) * trend;
    const next = smoothing * (values[at] ?? 0) + (1 - smoothing) * (level + trend);
    before = level;
    level = next;
  }
  return level;
});

/** How often the value differs from the one before. */
export const changes: RangeFunction = (window, call) =>
  countSteps(window, call, (series, at) => {
    const current = series.histograms?.[at];
    const previous = series.histograms?.[at - 1];
    if (current !== undefined && previous !== undefined) return !equalHistograms(current, previous);
    if (current !== undefined || previous !== undefined) return true;
    const value = series.values[at] ?? 0;
    const before = series.values[at - 1] ?? 0;
    return value !== before && !(Number.isNaN(value) && Number.isNaN(before));
  });

/** How often the counter began anew. */
export const resets: RangeFunction = (window, call) =>
  countSteps(window, call, (series, at) => {
    const current = series.histograms?.[at];
    const previous = series.histograms?.[at - 1];
    if (startsAnew(series, at)) return true;
    if (current !== undefined && previous !== undefined) return detectsReset(current, previous);
    if (current !== undefined || previous !== undefined) return true;
    return (series.values[at] ?? 0) < (series.values[at - 1] ?? 0);
  });

/** Counts the samples of a window that differ from their predecessor in some way. */
function countSteps(
  window: Window,
  call: RangeCall,
  differs: (series: RangeSeries, at: number) => boolean,
): number | undefined {
  let { from } = window;
  if (call.modifier !== undefined) {
    const extent = extentOf(window, call.modifier);
    if (extent === undefined) return undefined;
    from = extent.first;
  }
  let count = 0;
  for (let at = from + 1; at < window.to; at++) if (differs(window.series, at)) count++;
  return count;
}
