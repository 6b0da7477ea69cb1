/**
 * `rate`, `increase` and `delta` of a series of plain numbers, for all steps in one loop.
 *
 * The rules are those of `rate.ts`, which does the same window by window for histograms, start times and modifiers. One
 * loop without objects and calls takes about half the time; most of what is ever evaluated goes this way. The comparison
 * with the reference evaluation in `test/promql/evaluate/reference.test.ts` covers both.
 */
import type { RangeSeries } from '../samples.ts';

/** Where the values of a row go: from `base` on, one cell for each step. */
export interface RowCells {
  readonly kinds: Uint8Array;
  readonly values: Float64Array;
  readonly base: number;
}

/** The windows of a row, and what the function makes of them. */
export interface RowWindows {
  readonly untilMs: Float64Array;
  readonly rangeMs: number;
  readonly isCounter: boolean;
  readonly perSecond: boolean;
}

const FLOAT = 1;

/** Fills a row. Returns the largest number of samples in a window. */
export function fillChanges(series: RangeSeries, windows: RowWindows, into: RowCells): number {
  const { timesMs, values } = series;
  const { untilMs, rangeMs, isCounter } = windows;
  const divisor = windows.perSecond ? rangeMs / 1000 : 1;
  const length = timesMs.length;
  const resets = isCounter ? resetsOf(values) : [];
  let nextReset = 0;
  let from = 0;
  let to = 0;
  let widest = 0;
  for (let step = 0; step < untilMs.length; step++) {
    const until = untilMs[step] as number;
    const after = until - rangeMs;
    while (to < length && (timesMs[to] as number) <= until) to++;
    while (from < to && (timesMs[from] as number) <= after) from++;
    const count = to - from;
    if (count > widest) widest = count;
    if (count < 2) continue;
    const value = values[from] as number;
    let change = (values[to - 1] as number) - value;
    while (nextReset < resets.length && (resets[nextReset] as number) <= from) nextReset++;
    for (let at = nextReset; at < resets.length && (resets[at] as number) < to; at++) {
      change += values[(resets[at] as number) - 1] as number;
    }
    const first = timesMs[from] as number;
    const last = timesMs[to - 1] as number;
    const sampled = last - first;
    const average = sampled / (count - 1);
    const limit = average * 1.1;
    let left = first - after;
    if (left >= limit) left = average / 2;
    if (isCounter && change > 0 && value >= 0) {
      const toZero = sampled * (value / change);
      if (toZero < left) left = toZero;
    }
    let right = until - last;
    if (right >= limit) right = average / 2;
    into.kinds[into.base + step] = FLOAT;
    into.values[into.base + step] = (change * ((sampled + left + right) / sampled)) / divisor;
  }
  return widest;
}

/** The indices of the samples before which the counter began anew. */
function resetsOf(values: Float64Array): number[] {
  const resets: number[] = [];
  for (let at = 1; at < values.length; at++) {
    if ((values[at] as number) < (values[at - 1] as number)) resets.push(at);
  }
  return resets;
}
