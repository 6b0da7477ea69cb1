/**
 * Takes the greatest of the values that replicas have of one scrape.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { liveIndex, liveTime, type ReplicaSeries } from './replica-series.ts';

/** The base with each number replaced by a greater one of the other replica that is nearer than `sameMs`. */
export function preferMax(base: ReplicaSeries, other: ReplicaSeries, sameMs: number): SeriesBlock {
  const { block } = base;
  const values = block.values.slice();
  let from = 0;
  for (let nth = 0; nth < base.liveCount; nth++) {
    const timeMs = liveTime(base, nth);
    const index = liveIndex(base, nth);
    while (from < other.liveCount && liveTime(other, from) <= timeMs - sameMs) from++;
    if (block.histograms?.[index] !== undefined) continue;
    for (let one = from; one < other.liveCount && liveTime(other, one) < timeMs + sameMs; one++) {
      const place = liveIndex(other, one);
      const value = other.block.values[place] ?? 0;
      const isNumber = other.block.histograms?.[place] === undefined;
      if (isNumber && value > (values[index] ?? 0)) values[index] = value;
    }
  }
  return { ...block, values };
}
