/**
 * The functions `<aggregation>_over_time`: one value from all samples of a window.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#aggregation_over_time
 */
import { addTo, meanOf, sumOf } from '../compensated.ts';
import type { Histogram } from '../histogram.ts';
import { HistogramSum, meanOfShares } from '../histogram-arithmetic.ts';
import { quantileOf } from '../quantile.ts';
import { type Floats, floatsOf, histogramsOf, isMixed, type Window } from '../samples.ts';
import { noteBounds, warnSchemas } from './histogram-rate.ts';
import {
  noteIgnoredHistograms,
  type RangeCall,
  type RangeFunction,
  type RangeResult,
  warnMixed,
} from './range-call.ts';

/** A function that reads numbers only; histograms among them are mentioned, and left out. */
export function ofFloats(
  compute: (floats: Floats, call: RangeCall, window: Window) => number | undefined,
): RangeFunction {
  return (window, call) => {
    const floats = floatsOf(window);
    if (floats.from === floats.to) return undefined;
    if (floats.histograms > 0) noteIgnoredHistograms(window, call);
    return compute(floats, call, window);
  };
}

/** The sum of all values, compensated. */
export function sumOverTime(window: Window, call: RangeCall): RangeResult {
  if (isMixed(window)) return warnMixed(window, call);
  if (window.series.histograms?.[window.from] !== undefined) {
    return totalOf(window, call)?.value();
  }
  return sumOf(window.series.values, window.from, window.to);
}

/** The arithmetic mean of all values, which does not overflow. */
export function avgOverTime(window: Window, call: RangeCall): RangeResult {
  if (isMixed(window)) return warnMixed(window, call);
  if (window.series.histograms?.[window.from] === undefined) {
    return meanOf(window.series.values, window.from, window.to);
  }
  return histogramMean(window, call);
}

/** Adds all histograms of a window; undefined if some have custom bounds and others have not. */
function totalOf(window: Window, call: RangeCall): HistogramSum | undefined {
  const { series, from, to } = window;
  let total: HistogramSum | undefined;
  let conflicting = false;
  let boundsDiffered = false;
  for (let at = from; at < to; at++) {
    const histogram = series.histograms?.[at];
    if (histogram === undefined) continue;
    if (total === undefined) {
      total = new HistogramSum(histogram);
      continue;
    }
    const reconciled = total.add(histogram);
    if (reconciled === undefined) return warnSchemas(window, call);
    conflicting ||= reconciled.conflictingResets;
    boundsDiffered ||= reconciled.boundsDiffered;
  }
  if (conflicting) {
    call.annotations.warn('conflicting counter resets during histogram aggregation', call.place);
  }
  if (boundsDiffered) noteBounds(call, 'aggregation');
  return total;
}

function histogramMean(window: Window, call: RangeCall): Histogram | undefined {
  const total = totalOf(window, call);
  if (total === undefined) return undefined;
  const samples = window.to - window.from;
  if (!total.overflows()) return total.value((count) => count / samples);
  return meanOfShares(histogramsOf(window) ?? []);
}

/** The smallest value; NaN only if there is nothing else. */
export const minOverTime = ofFloats(({ values, from, to }) => {
  let least = values[from] ?? 0;
  for (let at = from + 1; at < to; at++) {
    const value = values[at] ?? 0;
    if (value < least || Number.isNaN(least)) least = value;
  }
  return least;
});

/** The largest value; NaN only if there is nothing else. */
export const maxOverTime = ofFloats(({ values, from, to }) => {
  let most = values[from] ?? 0;
  for (let at = from + 1; at < to; at++) {
    const value = values[at] ?? 0;
    if (value > most || Number.isNaN(most)) most = value;
  }
  return most;
});

/** How many samples there are. */
export function countOverTime({ from, to }: Window): number {
  return to - from;
}

/** 1 wherever there is a sample. */
export function presentOverTime(): number {
  return 1;
}

/** The oldest sample of the window. */
export function firstOverTime({ series, from }: Window): RangeResult {
  return series.histograms?.[from] ?? series.values[from];
}

/** The newest sample of the window. */
export function lastOverTime({ series, to }: Window): RangeResult {
  return series.histograms?.[to - 1] ?? series.values[to - 1];
}

/** The population variance, by Welford's method with compensated sums. */
function variance({ values, from, to }: Floats): number {
  const mean = { sum: 0, lost: 0 };
  const squares = { sum: 0, lost: 0 };
  for (let at = from; at < to; at++) {
    const value = values[at] ?? 0;
    const away = value - (mean.sum + mean.lost);
    addTo(mean, away / (at - from + 1));
    addTo(squares, away * (value - (mean.sum + mean.lost)));
  }
  return (squares.sum + squares.lost) / (to - from);
}

export const stdvarOverTime = ofFloats(variance);
export const stddevOverTime = ofFloats((floats) => Math.sqrt(variance(floats)));

/** The q-quantile of the values; q is the first scalar argument. */
export const quantileOverTime = ofFloats(({ values, from, to }, { scalars }) =>
  quantileOf(scalars[0] ?? Number.NaN, Array.from(values.subarray(from, to))),
);

/** The median of the distances from the median; NaN if a value is NaN. */
export const madOverTime = ofFloats(({ values, from, to }) => {
  const all = Array.from(values.subarray(from, to));
  if (all.some(Number.isNaN)) return Number.NaN;
  const median = quantileOf(0.5, all);
  return quantileOf(
    0.5,
    all.map((value) => Math.abs(value - median)),
  );
});

/** The time of the oldest sample in seconds. */
export function tsOfFirstOverTime({ series, from }: Window): number {
  return (series.timesMs[from] ?? 0) / 1000;
}

/** The time of the newest sample in seconds. */
export function tsOfLastOverTime({ series, to }: Window): number {
  return (series.timesMs[to - 1] ?? 0) / 1000;
}

/** The time of the last of the smallest values in seconds. */
export const tsOfMinOverTime = ofFloats((floats) => timeOfBest(floats, (a, b) => b <= a));
/** The time of the last of the largest values in seconds. */
export const tsOfMaxOverTime = ofFloats((floats) => timeOfBest(floats, (a, b) => b >= a));

function timeOfBest(
  { values, timesMs, from, to }: Floats,
  better: (best: number, value: number) => boolean,
): number {
  let found = from;
  for (let at = from + 1; at < to; at++) {
    const best = values[found] ?? 0;
    if (Number.isNaN(best) || better(best, values[at] ?? 0)) found = at;
  }
  return (timesMs[found] ?? 0) / 1000;
}
