/**
 * A push as the ledger books it: one entry for each label set that the push names, once labels of
 * credential, path and body are joined. A posting depends on nothing that the ledger holds, so that
 * equal pushes with other values share it.
 */
import type { FamilyType } from '../exposition/grammar.ts';
import type { Metric, Share } from './family.ts';

import { joinLabels, type Label, printLabels, sortLabels } from './labels.ts';
import type { Push } from './push.ts';
import { type GaugeMode, type PushedFamily, type PushedMetric, runLength } from './pushed-page.ts';
import { PushRefusal } from './refusal.ts';
import { type FamilyRules, familyRules, type TenantRules } from './rules.ts';

/** What a push does to the metrics of a family. */
export type Operation = 'set' | 'add' | 'grow' | 'summary' | 'gauge';

/** One label set of a family, and where its values are. */
export interface Entry {
  readonly labels: string;
  readonly labelCount: number;
  readonly bounds: readonly number[];
  /** The text of `bounds`. */
  readonly layout: string;
  /** Where its runs begin in the values of the page; several if labels are left out. */
  readonly ats: readonly number[];
  /** The length of a run. */
  readonly size: number;
  readonly native: Buffer | undefined;
  /** What the entry was booked on last; valid while `Posting.epoch` is the tenant's. */
  metric: Metric | undefined;
  share: Share | undefined;
}

export interface PostedFamily {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  readonly unit: string;
  /** From the push itself. */
  readonly gaugeMode: GaugeMode | undefined;
  readonly rules: FamilyRules;
  readonly entries: readonly Entry[];
}

export interface Posting {
  readonly push: Push;
  readonly families: readonly PostedFamily[];
  /** The text of the grouping key; undefined in aggregate mode. */
  readonly group: string | undefined;
  /** The epoch of the tenant in which all entries were found; -1 before. */
  epoch: number;
}

/** Families that each group of replace mode has beside those that clients push. */
export const PUSH_TIME = 'push_time_seconds';
export const FAILURE_TIME = 'push_failure_time_seconds';

/**
 * Makes the posting of a push, in steps.
 *
 * @throws {PushRefusal} `duplicate_series`
 */
export function* post(push: Push, rules: TenantRules): Generator<void, Posting, void> {
  const replaces = push.rules.mode === 'replace';
  const families: PostedFamily[] = [];
  for (const family of push.page.families) {
    if (replaces && (family.name === PUSH_TIME || family.name === FAILURE_TIME)) continue;
    families.push(yield* postFamily(push, family, rulesFor(push, family, rules)));
  }
  return { push, families, group: replaces ? printLabels(push.path) : undefined, epoch: -1 };
}

/** The rules of a family, without the gauge mode that the push itself asks for. */
function rulesFor({ rules: said }: Push, { name }: PushedFamily, rules: TenantRules): FamilyRules {
  const { source, temporality, ttlMs } = said;
  return familyRules(rules, name, { source, temporality, ttlMs });
}

const INSTANCE: Label = ['instance', ''];
const NONE: ReadonlySet<string> = new Set();

/** Metrics of a step. */
const STEP = 128;

function* postFamily(
  push: Push,
  family: PushedFamily,
  rules: FamilyRules,
): Generator<void, PostedFamily, void> {
  const { name, type, help, unit, gaugeMode } = family;
  const entries = new Map<string, Entry & { readonly ats: number[] }>();
  for (const [i, metric] of family.metrics.entries()) {
    if (i % STEP === STEP - 1) yield;
    const labels = metricLabels(push, metric, rules);
    const text = printLabels(labels);
    const layout = metric.bounds.join();
    const same = entries.get(text);
    if (same === undefined) entries.set(text, entryOf(type, metric, { labels, text, layout }));
    else if (rules.without.size === 0 || same.layout !== layout) throw duplicate(name, text);
    else same.ats.push(metric.at);
  }
  return {
    ...{ name, type, help, unit, rules },
    gaugeMode: gaugeMode ?? push.rules.gaugeMode,
    entries: [...entries.values()],
  };
}

function metricLabels(
  { forced, path, rules }: Push,
  { labels }: PushedMetric,
  family: FamilyRules,
): Label[] {
  if (rules.mode === 'aggregate') {
    return joinLabels({ forced, path, body: labels, without: family.without, keepsEmpty: false });
  }
  const joined = joinLabels({ forced, path, body: labels, without: NONE, keepsEmpty: true });
  const named = joined.some(([name]) => name === 'instance');
  return named ? joined : sortLabels([...joined, INSTANCE]);
}

function entryOf(
  type: FamilyType,
  { bounds, at, native }: PushedMetric,
  { labels, text, layout }: { labels: readonly Label[]; text: string; layout: string },
): Entry & { readonly ats: number[] } {
  return {
    ...{ labels: text, labelCount: labels.length, bounds, layout, ats: [at], native },
    size: runLength(type, bounds),
    metric: undefined,
    share: undefined,
  };
}

function duplicate(family: string, labels: string): PushRefusal {
  return new PushRefusal(
    'duplicate_series',
    `the series ${family}{${labels}} occurs twice in this push, once the labels of the path are set`,
  );
}

const ADDED_SUFFIX = /_(?:total|count|sum|bucket)$/;

/** What a push in aggregate mode does to a family, whose gauges have this mode. */
export function operationOf(push: Push, family: PostedFamily, gaugeMode: GaugeMode): Operation {
  const { mode } = push.rules;
  const { type, name, rules } = family;
  if (mode === 'replace') return 'set';
  if (type === 'gauge') return gaugeMode === 'last' ? 'set' : 'gauge';
  if (type === 'summary') return 'summary';
  const adds =
    type === 'counter' || type === 'histogram' || (type === 'unknown' && ADDED_SUFFIX.test(name));
  if (!adds) return 'set';
  return rules.temporality === 'cumulative' ? 'grow' : 'add';
}

/** Whether two pushes of equal bodies do the same, but for their values. */
export function isSame(a: Push, b: Push): boolean {
  return (
    a.tenant === b.tenant &&
    a.replaces === b.replaces &&
    isEqual(a.rules, b.rules) &&
    (a.path === b.path || printLabels(a.path) === printLabels(b.path))
  );
}

function isEqual(a: Push['rules'], b: Push['rules']): boolean {
  return (
    a === b ||
    (a.mode === b.mode &&
      a.source === b.source &&
      a.temporality === b.temporality &&
      a.gaugeMode === b.gaugeMode &&
      a.ttlMs === b.ttlMs)
  );
}
