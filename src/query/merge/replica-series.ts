/**
 * The series of one replica, as the merge looks at it: which samples are alive, and how far apart they stand.
 */
import { isStale, wordsOf } from '../../promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';

/** So many distances are enough for their median. */
const MAX_GAPS = 64;
/** With fewer distances there is no median. */
const MIN_GAPS = 3;
/** A counter may be reset now and then: one fall in so many steps. */
const STEPS_PER_FALL = 8;

export interface ReplicaSeries {
  readonly block: SeriesBlock;
  /** The indices of the samples that are no stale markers; undefined if none is one. */
  readonly live: Uint32Array | undefined;
  readonly liveCount: number;
}

export function replicaSeries(block: SeriesBlock): ReplicaSeries {
  const words = wordsOf(block.values);
  const { length } = block.timesMs;
  let stale = 0;
  for (let at = 0; at < length; at++) if (isStale(words, at)) stale++;
  if (stale === 0) return { block, live: undefined, liveCount: length };
  const live = new Uint32Array(length - stale);
  let next = 0;
  for (let at = 0; at < length; at++) if (!isStale(words, at)) live[next++] = at;
  return { block, live, liveCount: live.length };
}

/** The index in the block of a live sample. */
export function liveIndex({ live }: ReplicaSeries, nth: number): number {
  return live === undefined ? nth : (live[nth] ?? 0);
}

/** The time of a live sample. */
export function liveTime(series: ReplicaSeries, nth: number): number {
  return series.block.timesMs[liveIndex(series, nth)] ?? 0;
}

/** How many live samples are not later than a time. */
export function liveUntil(series: ReplicaSeries, timeMs: number): number {
  let low = 0;
  let high = series.liveCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (liveTime(series, middle) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many samples of a block, stale markers too, are not later than a time. */
export function samplesUntil({ timesMs }: SeriesBlock, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timesMs[middle] ?? 0) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The median of the distances of live samples: the interval of the scrapes; undefined for few samples. */
export function medianGapMs(series: ReplicaSeries): number | undefined {
  const gaps = series.liveCount - 1;
  if (gaps < MIN_GAPS) return undefined;
  const taken = Math.min(gaps, MAX_GAPS);
  const sorted = new Float64Array(taken);
  for (let one = 0; one < taken; one++) {
    const nth = Math.floor((one * gaps) / taken);
    sorted[one] = liveTime(series, nth + 1) - liveTime(series, nth);
  }
  sorted.sort();
  return sorted[taken >> 1];
}

/** The value that only grows while a counter is not reset: the number itself, or a histogram's count. */
export function levelAt({ values, histograms }: SeriesBlock, index: number): number {
  return histograms?.[index]?.count ?? values[index] ?? 0;
}

/** Whether the samples look like those of a counter. */
export function isRising(series: ReplicaSeries): boolean {
  const steps = Math.min(series.liveCount - 1, MAX_GAPS);
  let falls = 0;
  for (let one = 0; one < steps; one++) {
    const nth = Math.floor((one * (series.liveCount - 1)) / steps);
    const before = levelAt(series.block, liveIndex(series, nth));
    if (levelAt(series.block, liveIndex(series, nth + 1)) < before) falls++;
  }
  return falls * STEPS_PER_FALL <= steps;
}
