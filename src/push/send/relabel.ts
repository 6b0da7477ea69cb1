/**
 * Prometheus' relabelling: rules that change, keep or drop label sets.
 *
 * Regular expressions are RE2's, as in Prometheus: no text makes one run for long, which matters
 * since labels come from whoever pushes.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
 */
import { createHash } from 'node:crypto';
import { RE2JS } from 're2js';
import type { Label } from '../labels.ts';

type RelabelAction =
  | 'replace'
  | 'keep'
  | 'drop'
  | 'labelmap'
  | 'labeldrop'
  | 'labelkeep'
  | 'lowercase'
  | 'uppercase'
  | 'hashmod'
  | 'keepequal'
  | 'dropequal';

export interface RelabelRule {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  /** Has to match the whole text. */
  readonly regex: string;
  /** '' for actions without one. */
  readonly targetLabel: string;
  readonly replacement: string;
  /** Of `hashmod`; 0 for other actions. */
  readonly modulus: number;
}

/** @returns the labels in any order; undefined if the series is dropped */
export type Relabel = (labels: readonly Label[]) => readonly Label[] | undefined;

/** One rule. @returns whether the series stays */
type Step = (labels: Map<string, string>) => boolean;

/** @throws {Error} for a regular expression that RE2 does not know */
export function compileRelabel(rules: readonly RelabelRule[]): Relabel {
  const steps = rules.map(compileRule);
  if (steps.length === 0) return (labels) => labels;
  return (labels) => {
    const changing = new Map(labels);
    for (const step of steps) if (!step(changing)) return undefined;
    return [...changing];
  };
}

function compileRule(rule: RelabelRule): Step {
  const { action, targetLabel, replacement } = rule;
  const regex = RE2JS.compile(`^(?s:${rule.regex})$`);
  const source = (labels: Map<string, string>): string =>
    rule.sourceLabels.map((name) => labels.get(name) ?? '').join(rule.separator);
  const target = (labels: Map<string, string>): string => labels.get(targetLabel) ?? '';
  switch (action) {
    case 'replace':
      return (labels) => replace(labels, source(labels), { regex, targetLabel, replacement });
    case 'keep':
      return (labels) => regex.matches(source(labels));
    case 'drop':
      return (labels) => !regex.matches(source(labels));
    case 'keepequal':
      return (labels) => source(labels) === target(labels);
    case 'dropequal':
      return (labels) => source(labels) !== target(labels);
    case 'lowercase':
      return (labels) => set(labels, targetLabel, source(labels).toLowerCase());
    case 'uppercase':
      return (labels) => set(labels, targetLabel, source(labels).toUpperCase());
    case 'hashmod':
      return (labels) => set(labels, targetLabel, hashMod(source(labels), rule.modulus));
    case 'labelmap':
      return (labels) => labelMap(labels, regex, replacement);
    case 'labeldrop':
      return (labels) => dropLabels(labels, (name) => regex.matches(name));
    case 'labelkeep':
      return (labels) => dropLabels(labels, (name) => !regex.matches(name));
  }
}

/** Sets a label; an empty value removes it. @returns true: the series stays */
function set(labels: Map<string, string>, name: string, value: string): true {
  if (value === '') labels.delete(name);
  else labels.set(name, value);
  return true;
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

interface Replacement {
  readonly regex: RE2JS;
  readonly targetLabel: string;
  readonly replacement: string;
}

function replace(
  labels: Map<string, string>,
  source: string,
  { regex, targetLabel, replacement }: Replacement,
): true {
  const groups = matchOf(regex, source);
  if (!groups) return true;
  const name = expand(targetLabel, groups);
  if (LABEL_NAME.test(name)) set(labels, name, expand(replacement, groups));
  return true;
}

function labelMap(labels: Map<string, string>, regex: RE2JS, replacement: string): true {
  for (const [name, value] of [...labels]) {
    const groups = matchOf(regex, name);
    if (groups) set(labels, expand(replacement, groups), value);
  }
  return true;
}

function dropLabels(labels: Map<string, string>, isDropped: (name: string) => boolean): true {
  for (const name of [...labels.keys()]) if (isDropped(name)) labels.delete(name);
  return true;
}

/** Finds the text of a group by number or name; '' for one that is not there. */
type Groups = (name: string) => string;

function matchOf(regex: RE2JS, text: string): Groups | undefined {
  const matcher = regex.matcher(text);
  if (!matcher.matches()) return undefined;
  const named = regex.namedGroups();
  return (name) => {
    const group = /^\d{1,3}$/.test(name) ? Number(name) : named[name];
    if (group === undefined || group > matcher.groupCount()) return '';
    return matcher.group(group) ?? '';
  };
}

/** Fills `$1`, `${1}`, `$name`, `${name}` and `$$` in, as Go does: `$1x` is the group `1x`. */
function expand(template: string, groups: Groups): string {
  if (!template.includes('$')) return template;
  return template.replace(
    /\$(?:(\$)|\{(\w+)\}|(\w+))/g,
    (_, dollar: string | undefined, braced: string | undefined, plain: string | undefined) =>
      dollar ?? groups(braced ?? plain ?? ''),
  );
}

function hashMod(text: string, modulus: number): string {
  const hash = createHash('md5').update(text).digest().readBigUInt64BE(8);
  return String(hash % BigInt(modulus));
}
