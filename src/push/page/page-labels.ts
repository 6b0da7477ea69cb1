/**
 * The labels of a metric as a page prints them: names escaped as the reader asks, and no name that
 * the format needs for itself.
 */
import { type Escaping, printName } from '../../exposition/escape.ts';
import { type Label, parseLabels, printLabels, sortLabels } from '../labels.ts';
import type { PageSample } from './page-samples.ts';

/** A label that a histogram or a summary has beside those of the metric. */
export type OwnLabel = 'le' | 'quantile' | undefined;

/** The label that samples of these kinds add. */
export function ownLabelOf(samples: readonly PageSample[]): OwnLabel {
  for (const { kind } of samples) {
    if (kind === 'buckets') return 'le';
    if (kind === 'quantiles') return 'quantile';
  }
  return undefined;
}

/** Whether a label may have a name in quotes: true for all that have, false for nearly all others. */
export function mayBeQuoted(labels: string): boolean {
  return labels.startsWith('"') || labels.includes(',"');
}

/**
 * @param labels - as `printLabels` writes them
 * @param own - a label of this name is called `exported_<name>`
 */
export function printedLabels(labels: string, escaping: Escaping, own: OwnLabel): string {
  const isPlain = escaping === 'allow-utf-8' || !mayBeQuoted(labels);
  if (isPlain && (own === undefined || !mayHave(labels, own))) return labels;
  return printLabels(labelPairs(labels, escaping, own));
}

/** The same labels as pairs, sorted. */
export function labelPairs(labels: string, escaping: Escaping, own: OwnLabel): readonly Label[] {
  const pairs = parseLabels(labels);
  if (escaping === 'allow-utf-8' && own === undefined) return pairs;
  const names = pairs.map(([name]) =>
    escaping === 'allow-utf-8' ? name : printName(name, 'label', escaping),
  );
  if (names.every((name, at) => name === pairs[at]![0] && name !== own)) return pairs;
  const taken = new Set(pairs.map(([name]) => name));
  return sortLabels(
    pairs.map(([name, value], at): Label => {
      const printed = names[at]!; // there is one name for each pair
      if (printed === name && name !== own) return [name, value];
      let free = printed === own ? `exported_${printed}` : printed;
      while (taken.has(free)) free = printed === own ? `exported_${free}` : `${free}_`;
      taken.add(free);
      return [free, value];
    }),
  );
}

/** True also for some labels of other names. */
function mayHave(labels: string, name: string): boolean {
  return labels.startsWith(`${name}="`) || labels.includes(`,${name}="`);
}
