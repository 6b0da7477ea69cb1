/**
 * What is to be done to pages of one kind, beyond what is done to all: names that are dropped,
 * labels that are the same in every sample.
 */
import type { LabelPair } from './labels.ts';
import { NameFilter, type NamePatterns } from './name-filter.ts';
import { INSTANCE_LABELS } from './relabel.ts';

/** Pages with the same object are of one kind: they share a layout, too. */
export interface PageRules {
  readonly filter: NameFilter | undefined;
  /** Inserted behind promgate's own labels. An app's own labels of these names never win. */
  readonly constants: readonly LabelPair[];
}

export interface PageRuleSettings extends NamePatterns {
  readonly labels: readonly LabelPair[];
}

const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * A label that would cost the readers of other apps their page, or that speaks in promgate's name,
 * is left out: whoever takes the settings in has told its author.
 */
export function pageRules({ labels, allow, deny }: PageRuleSettings): PageRules {
  const own: readonly string[] = INSTANCE_LABELS;
  const constants = new Map<string, string>();
  for (const [name, value] of labels) {
    if (value === '' || !LABEL_NAME.test(name) || own.includes(name)) continue;
    if (!constants.has(name)) constants.set(name, value);
  }
  const filters = allow.length > 0 || deny.length > 0;
  return {
    filter: filters ? new NameFilter({ allow, deny }) : undefined,
    constants: [...constants],
  };
}
