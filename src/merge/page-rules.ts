/**
 * The rules that a binding may set for one kind of page: a name filter, and constant labels.
 */
import type { LabelPair } from './labels.ts';
import { NameFilter, type NamePatterns } from './name-filter.ts';
import { INSTANCE_LABELS } from './relabel.ts';

/** Pages with the same object are of one kind. */
export interface PageRules {
  readonly filter: NameFilter | undefined;
  /** Inserted after promgate's own labels; a page's own labels of these names are not honoured. */
  readonly constants: readonly LabelPair[];
}

export interface PageRuleSettings extends NamePatterns {
  readonly labels: readonly LabelPair[];
}

const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Makes rules of settings. Leaves out constant labels that would break the merged page or are
 * named like promgate's own: the parser of the settings has reported these labels to their author.
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
