/**
 * `changes`, `resets` and `count_over_time` of a series of plain numbers, for all steps in one loop.
 *
 * What happens between two samples is counted once, so that each window needs the counts at its ends only. The comparison
 * with the reference evaluator covers this as it does `trend.ts`, which does the same window by window for histograms.
 */
import { FLOAT } from '../columns.ts';
import type { RangeSeries } from '../samples.ts';
import type { RowCells, RowWindows } from './rate-row.ts';

/** Whether something is to be counted between a sample and the one before. */
type Happens = (value: number, before: number) => boolean;

/** What each function counts; undefined counts the samples themselves. */
export const COUNTS: ReadonlyMap<string, Happens | undefined> = new Map<
  string,
  Happens | undefined
>([
  [
    'changes',
    (value, before) => value !== before && !(Number.isNaN(value) && Number.isNaN(before)),
  ],
  ['count_over_time', undefined],
  ['resets', (value, before) => value < before],
]);

/** Fills a row. Returns the largest number of samples in a window. */
export function fillCounts(
  { timesMs, values }: RangeSeries,
  { untilMs, rangeMs }: Pick<RowWindows, 'untilMs' | 'rangeMs'>,
  happens: Happens | undefined,
  into: RowCells,
): number {
  const { length } = timesMs;
  /** How often it has happened up to each sample. */
  const counted = new Int32Array(length);
  for (let at = 1; at < length; at++) {
    const isOne = happens === undefined || happens(values[at] as number, values[at - 1] as number);
    counted[at] = (counted[at - 1] as number) + (isOne ? 1 : 0);
  }
  const own = happens === undefined ? 1 : 0;
  let from = 0;
  let to = 0;
  let widest = 0;
  for (let step = 0; step < untilMs.length; step++) {
    const until = untilMs[step] as number;
    while (to < length && (timesMs[to] as number) <= until) to++;
    while (from < to && (timesMs[from] as number) <= until - rangeMs) from++;
    if (from === to) continue;
    if (to - from > widest) widest = to - from;
    into.kinds[into.base + step] = FLOAT;
    into.values[into.base + step] = own + (counted[to - 1] as number) - (counted[from] as number);
  }
  return widest;
}
