/**
 * The modifiers `anchored` and `smoothed`: what a series was worth at the very ends of a window.
 *
 * The window reaches beyond its ends by the lookback, so that it holds the neighbours of its ends.
 */
import { EvaluationError } from '../failure.ts';
import { type Floats, floatsOf, type Window } from '../samples.ts';
import type { RangeCall } from './range-call.ts';

/** The numbers of a window from the last one at or before its start, or the first one after it. */
export interface Extent {
  readonly floats: Floats;
  readonly first: number;
  readonly last: number;
}

/** The samples that count for a window; undefined if the window holds none. */
export function extentOf(window: Window, modifier: 'anchored' | 'smoothed'): Extent | undefined {
  const floats = floatsOf(window);
  if (floats.histograms > 0) {
    throw new EvaluationError(`${modifier} modifier is not supported with histograms`);
  }
  const { timesMs, from, to } = floats;
  if (from >= to) return undefined;
  let last = to - 1;
  let first = from;
  while (first < last && (timesMs[first + 1] ?? 0) <= window.afterMs) first++;
  if (modifier === 'smoothed') {
    let end = first;
    while (end < last && (timesMs[end] ?? 0) < window.untilMs) end++;
    last = end;
  }
  return (timesMs[last] ?? 0) <= window.afterMs ? undefined : { floats, first, last };
}

/** The difference between the values at the window's ends; a counter's resets are corrected. */
export function extendedChange(
  window: Window,
  call: RangeCall,
  isCounter: boolean,
): number | undefined {
  const { modifier = 'anchored' } = call;
  const extent = extentOf(window, modifier);
  if (extent === undefined) return undefined;
  const { floats, first, last } = extent;
  const left = valueAtStart(extent, window.afterMs, modifier, isCounter);
  const right = valueAtEnd(extent, window.untilMs, modifier, isCounter);
  if (!isCounter) return right - left;
  let difference = right - left;
  let previous = left;
  for (let at = first + 1; at < last; at++) {
    const value = floats.values[at] ?? 0;
    if (value < previous) difference += previous;
    previous = value;
  }
  return right < previous ? difference + previous : difference;
}

/** The value at the start of a window. */
export function valueAtStart(
  { floats, first }: Extent,
  timeMs: number,
  modifier: 'anchored' | 'smoothed',
  isCounter: boolean,
): number {
  const { timesMs, values, to } = floats;
  if (modifier === 'smoothed' && (timesMs[first] ?? 0) < timeMs && first + 1 < to) {
    return interpolate(floats, first, timeMs, isCounter);
  }
  return values[first] ?? 0;
}

/** The value at the end of a window. */
export function valueAtEnd(
  { floats, first, last }: Extent,
  timeMs: number,
  modifier: 'anchored' | 'smoothed',
  isCounter: boolean,
): number {
  const { timesMs, values } = floats;
  if (modifier === 'smoothed' && last > first && (timesMs[last] ?? 0) > timeMs) {
    return interpolate(floats, last - 1, timeMs, isCounter);
  }
  return values[last] ?? 0;
}

/** The value between a sample and the next; a counter that falls begins at zero. */
export function interpolate(floats: Floats, at: number, timeMs: number, isCounter: boolean): number {
  const { timesMs, values } = floats;
  const before = timesMs[at] ?? 0;
  const next = values[at + 1] ?? 0;
  const falls = isCounter && next < (values[at] ?? 0);
  const value = falls ? 0 : (values[at] ?? 0);
  return value + ((next - value) * (timeMs - before)) / ((timesMs[at + 1] ?? 0) - before);
}
