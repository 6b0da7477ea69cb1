/**
 * Makes one series of the series of replicas.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';

/** How samples of replicas are told from samples of the same scrape. */
export interface MergeRules {
  readonly antiAffinityMs: number;
  readonly dynamic: boolean;
  readonly preferMax: boolean;
}

/** @param blocks - at least one, with equal labels */
export function mergeBlocks(blocks: readonly SeriesBlock[], _rules: MergeRules): SeriesBlock {
  return blocks.reduce((a, b) => (b.timesMs.length > a.timesMs.length ? b : a));
}
