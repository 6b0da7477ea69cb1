/**
 * A push as the ledger books it: one entry for each label set that the push names, once labels of
 * credential, path and body are joined. A posting depends on nothing that the ledger holds, so that
 * equal pushes with other values share it.
 */
import type { FamilyType } from '../../exposition/grammar.ts';
import { joinLabels, type Label, printLabels, sortLabels } from '../labels.ts';
import type { Push } from '../push.ts';
import {
  type GaugeMode,
  type PushedFamily,
  type PushedMetric,
  runLength,
  weightOf,
} from '../pushed-page.ts';
import { PushRefusal } from '../refusal.ts';
import { type FamilyRules, familyRules, type TenantRules } from '../rules.ts';
import type { Metric, Share } from './family.ts';

/** What a push does to the metrics of a family. */
export type Operation = 'set' | 'add' | 'grow' | 'summary' | 'gauge';

/** One label set of a family, and where its values are. */
export interface Entry {
  readonly labels: string;
  readonly labelCount: number;
  /** The longest name and value of a label, in characters. */
  readonly longest: { readonly name: number; readonly value: number };
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

export function isGroupTime(family: string): boolean {
  return family === PUSH_TIME || family === FAILURE_TIME;
}

/**
 * Makes the posting of a push, in steps.
 *
 * @throws {PushRefusal} `duplicate_series`
 */
export function* post(push: Push, rules: TenantRules): Generator<void, Posting, void> {
  const replaces = push.rules.mode === 'replace';
  const families: PostedFamily[] = [];
  const work: Work = { since: 0 };
  for (const family of push.page.families) {
    if (replaces && isGroupTime(family.name)) continue;
    families.push(yield* postFamily(push, family, rulesFor(push, family, rules), work));
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

/** The work of a step, in short labels; a metric takes as long as a few of these. */
const STEP = 1_024;
const METRIC_WEIGHT = 8;

/** What was done since the last step, over all families. */
interface Work {
  since: number;
}

/** Whether the posting of a page takes so few steps that these need no turns with other work. */
export function isFew(families: readonly PushedFamily[]): boolean {
  let weight = 0;
  for (const { metrics } of families) {
    for (const metric of metrics) weight += METRIC_WEIGHT + weightOf(metric);
    if (weight > 8 * STEP) return false;
  }
  return true;
}

function* postFamily(
  push: Push,
  family: PushedFamily,
  rules: FamilyRules,
  work: Work,
): Generator<void, PostedFamily, void> {
  const { name, type, help, unit, gaugeMode } = family;
  const entries = new Map<string, Entry & { readonly ats: number[] }>();
  for (const metric of family.metrics) {
    work.since += METRIC_WEIGHT + weightOf(metric);
    if (work.since > STEP) {
      work.since = 0;
      yield;
    }
    const labels = metricLabels(push, metric, rules);
    if (push.rules.mode === 'replace') refuseReserved(name, labels);
    const text = printLabels(labels);
    const layout = metric.bounds.join();
    const same = entries.get(text);
    if (same === undefined) entries.set(text, entryOf(type, metric, { labels, text, layout }));
    else if (rules.without.size === 0) throw duplicate(name, text);
    else if (same.layout !== layout && type !== 'summary') throw differing(name, text);
    else same.ats.push(metric.at); // quantiles of several are not kept
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
  return groupLabels({ forced, path }, labels);
}

/** The labels of a metric of a group; without labels of a body those of the group's own metrics. */
export function groupLabels(
  { forced, path }: Pick<Push, 'forced' | 'path'>,
  body: readonly Label[] = [],
): Label[] {
  const joined = joinLabels({ forced, path, body, without: NONE, keepsEmpty: true });
  const named = joined.some(([name]) => name === 'instance');
  return named ? joined : sortLabels([...joined, INSTANCE]);
}

function entryOf(
  type: FamilyType,
  { bounds, at, native }: PushedMetric,
  { labels, text, layout }: { labels: readonly Label[]; text: string; layout: string },
): Entry & { readonly ats: number[] } {
  return {
    ...{
      labels: text,
      labelCount: labels.length,
      longest: longestOf(labels),
      bounds,
      layout,
      ats: [at],
      native,
    },
    size: runLength(type, bounds),
    metric: undefined,
    share: undefined,
  };
}

/** Pushgateway keeps no labels that begin so. @throws {PushRefusal} `series_conflict` */
function refuseReserved(family: string, labels: readonly Label[]): void {
  const reserved = labels.find(([name]) => name.startsWith('__'));
  if (!reserved) return;
  const what = `metric ${family} has the label ${reserved[0]}, and names that begin with __ are reserved`;
  throw new PushRefusal('series_conflict', what);
}

function longestOf(labels: readonly Label[]): Entry['longest'] {
  const longest = { name: 0, value: 0 };
  for (const [name, value] of labels) {
    if (name.length > longest.name) longest.name = name.length;
    if (value.length > longest.value) longest.value = value.length;
  }
  return longest;
}

function duplicate(family: string, labels: string): PushRefusal {
  return new PushRefusal(
    'duplicate_series',
    `the series ${family}{${labels}} occurs twice in this push, once the labels of the path are set`,
  );
}

function differing(family: string, labels: string): PushRefusal {
  return new PushRefusal(
    'duplicate_series',
    `the series ${family}{${labels}} has different buckets in this push, once labels are left out: push these one by one`,
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
