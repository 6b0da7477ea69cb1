/**
 * Makes one series of the series of replicas.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { fillHoles, type MergeRules } from './fill-holes.ts';
import { preferMax } from './prefer-max.ts';
import { type ReplicaSeries, replicaSeries } from './replica-series.ts';
import { areCopies, unite } from './unite.ts';

/**
 * The series with most samples, and samples of the others in its holes.
 *
 * @param blocks - at least one, with equal labels; times rise
 */
export function mergeBlocks(blocks: readonly SeriesBlock[], rules: MergeRules): SeriesBlock {
  const series = blocks.map(replicaSeries);
  if (series.length > 1) series.sort(byLength);
  let [base, ...others] = series;
  if (base === undefined) throw new Error('there is no series to merge');
  for (const other of others) {
    const merged = mergeTwo(base, other, rules);
    if (merged !== base.block) base = replicaSeries(merged);
  }
  return base.block;
}

function byLength(a: ReplicaSeries, b: ReplicaSeries): number {
  return b.liveCount - a.liveCount || b.block.timesMs.length - a.block.timesMs.length;
}

function mergeTwo(base: ReplicaSeries, other: ReplicaSeries, rules: MergeRules): SeriesBlock {
  if (other.block.timesMs.length === 0) return base.block;
  const chosen = rules.preferMax
    ? replicaSeries(preferMax(base, other, rules.antiAffinityMs))
    : base;
  if (base.liveCount === 0 || areCopies(base, other)) return unite(chosen, other);
  return fillHoles(chosen, other, rules);
}
