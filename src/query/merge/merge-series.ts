/**
 * Joins the series of several sources: those with equal labels become one.
 */
import type { Pace } from '../../clock.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { labelKey } from './label-key.ts';

/** Makes one series of several with the same labels. */
export type MergeBlocks = (blocks: readonly SeriesBlock[]) => SeriesBlock;

/** @returns the series of all sources, each label set once */
export async function mergeSeries(
  sources: readonly (readonly SeriesBlock[])[],
  merge: MergeBlocks,
  pace: Pace,
): Promise<readonly SeriesBlock[]> {
  const byLabels = new Map<string, SeriesBlock[]>();
  for (const source of sources) {
    for (const block of source) {
      const key = labelKey(block.labels);
      const known = byLabels.get(key);
      if (known === undefined) byLabels.set(key, [block]);
      else known.push(block);
      const turn = pace();
      if (turn !== undefined) await turn;
    }
  }
  const merged: SeriesBlock[] = [];
  for (const blocks of byLabels.values()) {
    merged.push(blocks.length === 1 ? blocks[0]! : merge(blocks));
    const turn = pace();
    if (turn !== undefined) await turn;
  }
  return merged;
}
