/**
 * The modifiers `anchored` and `smoothed`: what a series was worth at the very ends of a window.
 *
 * The window reaches beyond its ends by the lookback, so that it holds the neighbours of its ends.
 */
import { type Histogram, isCustom } from '../histogram.ts';
import { combine, detectsReset, scale } from '../histogram-arithmetic.ts';
import type { RangeSeries, Window } from '../samples.ts';
import { noteBounds, noteHints, warnSchemas } from './histogram-rate.ts';
import { type RangeCall, type RangeResult, warnMixed } from './range-call.ts';

/** The samples of a window from the last one at or before its start, or the first one after it. */
export interface Extent {
  readonly series: RangeSeries;
  readonly first: number;
  readonly last: number;
}

/** The samples that count for a window; undefined if all lie on one side of it. */
export function extentOf(window: Window, modifier: 'anchored' | 'smoothed'): Extent | undefined {
  const { series, from, to, afterMs, untilMs } = window;
  const { timesMs } = series;
  if (from >= to) return undefined;
  let last = to - 1;
  let first = from;
  while (first < last && (timesMs[first + 1] ?? 0) <= afterMs) first++;
  if (modifier === 'smoothed') {
    let end = first;
    while (end < last && (timesMs[end] ?? 0) < untilMs) end++;
    last = end;
  }
  const isOutside = (timesMs[last] ?? 0) <= afterMs || (timesMs[first] ?? 0) > untilMs;
  return isOutside ? undefined : { series, first, last };
}

/** The difference between the values at the window's ends; a counter's resets are corrected. */
export function extendedChange(window: Window, call: RangeCall, isCounter: boolean): RangeResult {
  const { modifier = 'anchored' } = call;
  const extent = extentOf(window, modifier);
  if (extent === undefined) return undefined;
  const { series, first, last } = extent;
  const histograms = series.histograms?.slice(first, last + 1).filter((one) => one !== undefined);
  if (histograms === undefined || histograms.length === 0) {
    return floatChange(extent, window, modifier, isCounter);
  }
  if (histograms.length <= last - first) return warnMixed(window, call);
  return histogramChange(extent, histograms, { window, call, isCounter });
}

function floatChange(
  extent: Extent,
  window: Window,
  modifier: 'anchored' | 'smoothed',
  isCounter: boolean,
): number {
  const { series, last } = extent;
  const left = valueAtStart(extent, window.afterMs, modifier, isCounter);
  const right = valueAtEnd(extent, window.untilMs, modifier, isCounter);
  let difference = right - left;
  if (!isCounter) return difference;
  for (let at = firstCorrection(extent, window, modifier); at <= last; at++) {
    const previous = series.values[at - 1] ?? 0;
    if ((series.values[at] ?? 0) < previous) difference += previous;
  }
  return difference;
}

/** The first sample before which a reset counts. A reset that the value at the start has crossed does not. */
function firstCorrection(
  { series, first }: Extent,
  { afterMs }: Window,
  modifier: 'anchored' | 'smoothed',
): number {
  const crossed = modifier === 'smoothed' && (series.timesMs[first] ?? 0) < afterMs;
  return crossed ? first + 2 : first + 1;
}

/** The number at the start of a window. */
export function valueAtStart(
  { series, first, last }: Extent,
  timeMs: number,
  modifier: 'anchored' | 'smoothed',
  isCounter: boolean,
): number {
  if (modifier === 'smoothed' && (series.timesMs[first] ?? 0) < timeMs && first < last) {
    return interpolate(series, first, timeMs, isCounter);
  }
  return series.values[first] ?? 0;
}

/** The number at the end of a window. */
export function valueAtEnd(
  { series, first, last }: Extent,
  timeMs: number,
  modifier: 'anchored' | 'smoothed',
  isCounter: boolean,
): number {
  if (modifier === 'smoothed' && last > first && (series.timesMs[last] ?? 0) > timeMs) {
    return interpolate(series, last - 1, timeMs, isCounter);
  }
  return series.values[last] ?? 0;
}

/** The number between a sample and the next; a counter that falls begins at zero. */
export function interpolate(
  series: RangeSeries,
  at: number,
  timeMs: number,
  isCounter: boolean,
): number {
  const next = series.values[at + 1] ?? 0;
  const falls = isCounter && next < (series.values[at] ?? 0);
  const value = falls ? 0 : (series.values[at] ?? 0);
  return value + (next - value) * fractionAt(series, at, timeMs);
}

function fractionAt({ timesMs }: RangeSeries, at: number, timeMs: number): number {
  const before = timesMs[at] ?? 0;
  return (timeMs - before) / ((timesMs[at + 1] ?? 0) - before);
}

/**
 * The histogram between a sample and the next; a counter that was reset begins at zero.
 *
 * @returns undefined if only one of both has custom bounds
 */
export function interpolateHistogram(
  series: RangeSeries,
  at: number,
  timeMs: number,
  isCounter: boolean,
): Histogram | undefined {
  const before = series.histograms?.[at];
  const next = series.histograms?.[at + 1];
  if (before === undefined || next === undefined) return undefined;
  if (isCustom(before) !== isCustom(next)) return undefined;
  const fraction = fractionAt(series, at, timeMs);
  if (isCounter && detectsReset(next, before)) return scale(next, fraction);
  const difference = combine(next, before, -1);
  if (difference === undefined) return undefined;
  const sum = combine(before, scale(difference.histogram, fraction), 1);
  return sum && { ...sum.histogram, hint: before.hint };
}

function histogramChange(
  extent: Extent,
  points: readonly Histogram[],
  how: { readonly window: Window; readonly call: RangeCall; readonly isCounter: boolean },
): Histogram | undefined {
  const { series, first, last } = extent;
  const { window, call, isCounter } = how;
  const { modifier = 'anchored' } = call;
  const smooth = modifier === 'smoothed' && last > first;
  noteHints(points, window, call, isCounter);
  const left =
    smooth && (series.timesMs[first] ?? 0) < window.afterMs
      ? interpolateHistogram(series, first, window.afterMs, isCounter)
      : points[0];
  const right =
    smooth && (series.timesMs[last] ?? 0) > window.untilMs
      ? interpolateHistogram(series, last - 1, window.untilMs, isCounter)
      : points.at(-1);
  if (left === undefined || right === undefined) return warnSchemas(window, call);
  let total = combine(right, left, -1);
  if (total === undefined) return warnSchemas(window, call);
  if (total.boundsDiffered) noteBounds(call, 'subtraction');
  const from = firstCorrection(extent, window, modifier);
  for (let at = from; isCounter && at <= last; at++) {
    const previous = points[at - 1 - first];
    const current = points[at - first];
    if (previous === undefined || current === undefined) continue;
    if (!detectsReset(current, previous)) continue;
    total = combine(total.histogram, previous, 1);
    if (total === undefined) return warnSchemas(window, call);
    if (total.boundsDiffered) noteBounds(call, 'addition');
  }
  return { ...total.histogram, hint: 'gauge' };
}
