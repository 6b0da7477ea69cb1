/**
 * Joins the series of several sources: those with equal labels become one.
 */
import type { Pace } from '../../clock.ts';
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';
import { labelKey } from './label-key.ts';

/** Makes one series of several with the same labels. */
export type MergeBlocks = (blocks: readonly SeriesBlock[]) => SeriesBlock;

/**
 * Servers sort their series in one way, so most often those of two sources stand at the same place: then the labels are
 * compared, and no text is made of them.
 *
 * @returns the series of all sources, each label set once
 */
export async function mergeSeries(
  sources: readonly (readonly SeriesBlock[])[],
  merge: MergeBlocks,
  pace: Pace,
): Promise<readonly SeriesBlock[]> {
  const groups = areParallel(sources) ? parallel(sources) : await byLabels(sources, pace);
  const merged: SeriesBlock[] = [];
  for (const blocks of groups) {
    merged.push(blocks.length === 1 ? blocks[0]! : merge(blocks));
    const turn = pace();
    if (turn !== undefined) await turn;
  }
  return merged;
}

/** Whether all sources have the same series, in the same order, each once. */
function areParallel(sources: readonly (readonly SeriesBlock[])[]): boolean {
  const [first, ...others] = sources;
  if (first === undefined || others.length === 0) return false;
  if (others.some((other) => other.length !== first.length)) return false;
  for (const [at, block] of first.entries()) {
    // A label set that comes twice in one source needs the slow way; sorted sources have both side by side.
    const before = first[at - 1];
    if (before !== undefined && !areOrdered(before.labels, block.labels)) return false;
    if (others.some((other) => !areEqual(other[at]!.labels, block.labels))) return false;
  }
  return true;
}

function areEqual(a: SeriesBlock['labels'], b: SeriesBlock['labels']): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    const left = a[at]!; // both are as long
    const right = b[at]!;
    if (left[1] !== right[1] || left[0] !== right[0]) return false;
  }
  return true;
}

/** Whether one label set stands strictly before another, by the first pair that differs. */
function areOrdered(a: SeriesBlock['labels'], b: SeriesBlock['labels']): boolean {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a[at]!; // `at` is below both lengths
    const right = b[at]!;
    if (left[0] !== right[0]) return left[0] < right[0];
    if (left[1] !== right[1]) return left[1] < right[1];
  }
  return a.length < b.length;
}

function* parallel(sources: readonly (readonly SeriesBlock[])[]): Generator<SeriesBlock[]> {
  for (const at of (sources[0] ?? []).keys()) yield sources.map((source) => source[at]!);
}

async function byLabels(
  sources: readonly (readonly SeriesBlock[])[],
  pace: Pace,
): Promise<Iterable<SeriesBlock[]>> {
  const groups = new Map<string, SeriesBlock[]>();
  for (const source of sources) {
    for (const block of source) {
      const key = labelKey(block.labels);
      const known = groups.get(key);
      if (known === undefined) groups.set(key, [block]);
      else known.push(block);
      const turn = pace();
      if (turn !== undefined) await turn;
    }
  }
  return groups.values();
}
