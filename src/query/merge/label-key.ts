/**
 * A text for a label set: equal for equal sets, whatever their order, and for those only.
 */
import type { SeriesBlock } from '../../promql/evaluate/storage.ts';

type Pairs = SeriesBlock['labels'];

/** Lengths stand before the texts, so that no text can be taken for the border between two. */
export function labelKey(labels: Pairs): string {
  let key = '';
  for (const [name, value] of isSorted(labels) ? labels : labels.toSorted(byName)) {
    key += `${name.length}:${name}${value.length}:${value}`;
  }
  return key;
}

function isSorted(labels: Pairs): boolean {
  for (let at = 1; at < labels.length; at++) {
    if ((labels[at - 1]?.[0] ?? '') > (labels[at]?.[0] ?? '')) return false;
  }
  return true;
}

function byName([a]: Pairs[number], [b]: Pairs[number]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
