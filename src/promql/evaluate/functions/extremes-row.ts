/**
 * `min_over_time` and `max_over_time` of a series of plain numbers, for all steps in one loop.
 *
 * A sample that a later one beats can never be the best again, so it is forgotten: each sample is looked at a few times,
 * however long the windows are. The comparison with the reference evaluator covers this as it does `over-time.ts`, which
 * does the same window by window for histograms.
 */
import { FLOAT } from '../columns.ts';
import type { RangeSeries } from '../samples.ts';
import type { RowCells, RowWindows } from './rate-row.ts';

/** The sign that makes the best value the largest. */
export const EXTREMES: ReadonlyMap<string, 1 | -1> = new Map([
  ['max_over_time', 1],
  ['min_over_time', -1],
]);

/** Fills a row. Returns the largest number of samples in a window. */
export function fillExtremes(
  { timesMs, values }: RangeSeries,
  { untilMs, rangeMs }: Pick<RowWindows, 'untilMs' | 'rangeMs'>,
  sign: 1 | -1,
  into: RowCells,
): number {
  const { length } = timesMs;
  /** Samples of the window, each better than those after; NaN is never among them. */
  const best = new Int32Array(length);
  let first = 0;
  let last = 0;
  let from = 0;
  let to = 0;
  let widest = 0;
  for (let step = 0; step < untilMs.length; step++) {
    const until = untilMs[step] as number;
    for (; to < length && (timesMs[to] as number) <= until; to++) {
      const value = sign * (values[to] as number);
      if (Number.isNaN(value)) continue;
      while (last > first && sign * (values[best[last - 1] as number] as number) < value) last--;
      best[last++] = to;
    }
    while (from < to && (timesMs[from] as number) <= until - rangeMs) from++;
    while (first < last && (best[first] as number) < from) first++;
    if (from === to) continue;
    if (to - from > widest) widest = to - from;
    into.kinds[into.base + step] = FLOAT;
    into.values[into.base + step] =
      first < last ? (values[best[first] as number] as number) : Number.NaN;
  }
  return widest;
}
