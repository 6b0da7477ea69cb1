/**
 * Cuts series to a range of time.
 *
 * A merge looks a little beyond the range: only there shows whether the first and the last sample in it
 * stand beside a hole.
 */
import type { SeriesBlock, TimeRange } from '../../promql/evaluate/storage.ts';
import { samplesUntil } from './replica-series.ts';

/** @returns the samples within the range; undefined if there is none */
export function trim(block: SeriesBlock, { afterMs, untilMs }: TimeRange): SeriesBlock | undefined {
  const from = samplesUntil(block, afterMs);
  const to = samplesUntil(block, untilMs);
  if (from >= to) return undefined;
  if (from === 0 && to === block.timesMs.length) return block;
  const { labels, timesMs, values, histograms, startTimesMs } = block;
  return {
    ...{ labels, timesMs: timesMs.subarray(from, to), values: values.subarray(from, to) },
    ...(histograms && { histograms: histograms.slice(from, to) }),
    ...(startTimesMs && { startTimesMs: startTimesMs.subarray(from, to) }),
  };
}
