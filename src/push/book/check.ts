/**
 * Decides whether a push can be booked. Changes nothing, so that a refused push changes nothing.
 */

import { type GaugeMode, isCompound, sampleCount } from '../pushed-page.ts';
import { PushRefusal } from '../refusal.ts';
import type { Family, Group, Metric, Share } from './family.ts';
import { otherGroup } from './group-times.ts';
import { type Added, type CheckBounds, checkFamily, checkLabels, checkTenant } from './limits.ts';
import {
  type Entry,
  isGroupTime,
  operationOf,
  type PostedFamily,
  type Posting,
} from './posting.ts';
import { checkRecords } from './record-size.ts';
import type { Tenant } from './tenant.ts';

/** More layouts of buckets in one family are a mistake of its clients. */
const MAX_LAYOUTS = 8;
/**
 * Finds what the entries of a posting are booked on, and checks that all of it can be booked.
 *
 * @throws {PushRefusal}
 */
export function check(tenant: Tenant, posting: Posting, bounds: CheckBounds): void {
  const group = posting.group === undefined ? undefined : tenant.groups.get(posting.group);
  checkTimes(tenant, posting);
  const leaving = group ? leavingWith(posting, group) : new Set<Metric>();
  const added = new Map<PostedFamily, number>();
  for (const family of posting.families) {
    const before = tenant.families.get(family.name);
    const known = before && onlyHas(before, leaving, family) ? undefined : before;
    checkType(family, known);
    if (!known) checkSuffixes(tenant, family);
    checkLabels(family, bounds.limits);
    checkRecords(family, posting.group);
    added.set(family, checkEntries(posting, family, known, group));
  }
  const freed = new Freed(leaving, posting);
  for (const [family, more] of added) {
    const known = tenant.families.get(family.name);
    checkFamily(family, known, more - freed.seriesOf(known), bounds.limits);
  }
  checkTenant(tenant, posting, more(tenant, added, freed), bounds);
}

function more(tenant: Tenant, added: ReadonlyMap<PostedFamily, number>, freed: Freed): Added {
  let [series, families, characters] = [-freed.series, -freed.families, -freed.characters];
  for (const [{ name, entries }, ofFamily] of added) {
    series += ofFamily;
    if (!tenant.families.has(name)) families += 1;
    for (const { metric, labels } of entries) if (!metric) characters += labels.length;
  }
  return { series, families, characters };
}

/** The names of a group's own metrics, and their series, belong to one group. */
function checkTimes(tenant: Tenant, { push, families, group }: Posting): void {
  if (group === undefined) {
    const own = families.find(({ name }) => isGroupTime(name));
    if (!own) return;
    const what = `${own.name} is a metric that each group has of its own: rename it`;
    throw new PushRefusal('series_conflict', what);
  }
  const other = otherGroup(tenant, push.path);
  if (!other) return;
  const what = `the series of this group would be those of the group {${other.key}}`;
  throw new PushRefusal('series_conflict', what);
}

/** The metrics of a group that a push replaces: those it does not name again go. */
export function leavingWith({ push, families }: Posting, group: Group): Set<Metric> {
  if (push.replaces === 'group') return new Set(group.metrics);
  const names = new Set(families.map(({ name }) => name));
  return new Set([...group.metrics].filter(({ family }) => names.has(family.name)));
}

/** Whether the family goes as a whole, so that the push may give it another type. */
export function onlyHas(
  family: Family,
  leaving: ReadonlySet<Metric>,
  { type }: PostedFamily,
): boolean {
  if (family.type === type || family.size > leaving.size) return false;
  for (const metric of family.metrics.values()) if (!leaving.has(metric)) return false;
  return true;
}

function checkType({ name, type }: PostedFamily, known: Family | undefined): void {
  if (!known || known.type === type) return;
  throw new PushRefusal(
    'type_conflict',
    `metric ${name} has the type ${known.type} here, and this push says ${type}: delete it first, or rename it`,
    { types: { family: name, known: known.type, pushed: type } },
  );
}

const SUFFIXES = ['_bucket', '_sum', '_count'] as const;

/** A histogram `m` has samples called `m_count`, so no other family may have that name. */
function checkSuffixes(tenant: Tenant, { name, type }: PostedFamily): void {
  const clashing = isCompound(type)
    ? SUFFIXES.map((suffix) => name + suffix).filter((one) => tenant.families.has(one))
    : SUFFIXES.filter((suffix) => name.endsWith(suffix))
        .map((suffix) => name.slice(0, -suffix.length))
        .filter((base) => isCompound(tenant.families.get(base)?.type ?? 'unknown'));
  if (clashing.length === 0) return;
  throw new PushRefusal(
    'type_conflict',
    `metric ${name} (${type}) would have the same series as metric ${clashing[0]}: rename one of them`,
  );
}

/** Finds metrics and shares. @returns how many series the family would have more */
function checkEntries(
  posting: Posting,
  family: PostedFamily,
  known: Family | undefined,
  group: Group | undefined,
): number {
  const mode = gaugeModeOf(family, known);
  const operation = operationOf(posting.push, family, mode);
  const layouts = new Set<string>();
  let more = 0;
  for (const entry of family.entries) {
    const metric = known?.metrics.get(entry.labels);
    if (metric && (metric.group !== group || (posting.group !== undefined && !group))) {
      throw foreign(family.name, metric);
    }
    entry.metric = metric;
    entry.share = metric && shareOf(metric, entry, operation);
    const keeps = entry.share && (operation === 'summary' || entry.share.layout === entry.layout);
    if (!keeps) {
      more += sampleCount(family.type, entry.bounds);
      if (metric && operation === 'set') more -= metric.series;
      if (posting.group === undefined && !known?.layouts.has(entry.layout))
        layouts.add(entry.layout);
    }
  }
  if (family.type === 'histogram' && (known?.layouts.size ?? 0) + layouts.size > MAX_LAYOUTS) {
    throw new PushRefusal(
      'layout_limit',
      `metric ${family.name} would have too many different sets of buckets: use the same le everywhere`,
      { details: { limit: MAX_LAYOUTS, current: known?.layouts.size ?? 0, family: family.name } },
    );
  }
  return more;
}

/**
 * Refuses values that would spoil what is added up: the bodies' reader refuses those of counters and
 * histograms, but only the ledger knows how it puts the others together.
 *
 * @throws {PushRefusal} `bad_value`
 */
export function checkAdded(
  tenant: Tenant,
  { push, families }: Posting,
  values: Float64Array,
): void {
  if (push.rules.mode === 'replace') return;
  for (const family of families) {
    if (family.type !== 'unknown' && family.type !== 'gauge') continue;
    const mode = gaugeModeOf(family, tenant.families.get(family.name));
    if (operationOf(push, family, mode) === 'set') continue;
    for (const { ats, labels } of family.entries) {
      if (ats.every((at) => Number.isFinite(values[at]))) continue;
      const series = `${family.name}{${labels}}`;
      throw new PushRefusal(
        'bad_value',
        `${series} is added up, so NaN and infinities are refused`,
      );
    }
  }
}

/** The mode of a family's gauges: the first push decides. @throws {PushRefusal} */
export function gaugeModeOf(family: PostedFamily, known: Family | undefined): GaugeMode {
  const asked = family.gaugeMode ?? known?.traits.gaugeMode ?? family.rules.gaugeMode;
  if (!known || family.type !== 'gauge' || known.traits.gaugeMode === asked) return asked;
  throw new PushRefusal(
    'gauge_mode_conflict',
    `gauge ${family.name} is put together by ${known.traits.gaugeMode} here, and this push says ${asked}`,
  );
}

/** The share that an entry is booked on; undefined if it must be made. */
function shareOf(metric: Metric, { layout }: Entry, operation: string): Share | undefined {
  const { shares } = metric;
  if (operation === 'set') return shares[0];
  return shares.find(
    (share) => share.source === '' && (share.layout === layout || operation === 'summary'),
  );
}

function foreign(family: string, { labels, group }: Metric): PushRefusal {
  const owner = group === undefined ? 'was aggregated' : `belongs to the group {${group.key}}`;
  return new PushRefusal(
    'series_conflict',
    `the series ${family}{${labels}} ${owner}, and this push would have it too`,
  );
}

/** What a tenant has no more when a push replaces metrics and does not name them again. */
class Freed {
  series = 0;
  characters = 0;
  /** Families that go. One that the push names again stays. */
  families = 0;
  readonly #series = new Map<Family, number>();

  constructor(leaving: ReadonlySet<Metric>, { families }: Posting) {
    if (leaving.size === 0) return;
    const again = new Set(families.flatMap(({ entries }) => entries.map(({ metric }) => metric)));
    const names = new Set(families.map(({ name }) => name));
    const left = new Map<Family, number>();
    for (const metric of leaving) {
      const { family, labels, series } = metric;
      if (again.has(metric) || isGroupTime(family.name)) continue;
      this.series += series;
      this.characters += labels.length;
      this.#series.set(family, this.seriesOf(family) + series);
      left.set(family, (left.get(family) ?? family.size) - 1);
    }
    for (const [{ name }, size] of left) if (size === 0 && !names.has(name)) this.families += 1;
  }

  seriesOf(family: Family | undefined): number {
    return (family && this.#series.get(family)) ?? 0;
  }
}
