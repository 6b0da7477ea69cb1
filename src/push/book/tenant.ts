/**
 * What one tenant has pushed: families, groups, sources and idempotency keys. Every change is noted
 * in the tenant's records.
 *
 * Nothing here refuses: `check.ts` decides beforehand.
 */

import { type Label, printLabels } from '../labels.ts';
import type { LedgerGroup } from '../page-source.ts';
import type { Tenancy } from '../push.ts';
import { isCompound } from '../pushed-page.ts';
import { keptBound, MetricTimes } from '../record.ts';
import type { Cells } from './cells.ts';
import { Family, type FamilyTraits, Group, Metric, type Share, type Versions } from './family.ts';
import { type Held, HeldRecords } from './held.ts';
import { PushIds } from './push-ids.ts';
import { Shares } from './shares.ts';
import { Sources } from './sources.ts';

/** Where a new share belongs. */
export interface SharePlace {
  readonly bounds: readonly number[];
  readonly source: string;
  /** The length of the run. */
  readonly size: number;
}

/** What all tenants have together. */
export interface Totals {
  series: number;
  /** Characters of label sets. */
  characters: number;
  /** Idempotency keys. */
  keys: number;
  /** Last values of sources, and shares of sources in gauges and summaries. */
  sourceValues: number;
}

export interface TenantGround {
  readonly total: Totals;
  readonly versions: Versions;
  /** Whether a journal keeps the tenant's records. */
  readonly notes: boolean;
}

export class Tenant {
  readonly name: string;
  readonly forced: readonly Label[];
  readonly families = new Map<string, Family>();
  readonly groups = new Map<string, Group>();
  readonly records: HeldRecords;
  readonly sources: Sources;
  readonly ids: PushIds;
  readonly shares: Shares;
  /** The series of all families. */
  series = 0;
  /** The characters of the label sets of all metrics. */
  characters = 0;
  /** Changes when anything is removed: what was found before must be looked up again. */
  epoch: number;
  /** Shares of sources in gauges and summaries. */
  #sourceShares = 0;
  readonly #versions: Versions;
  readonly #total: Totals;

  constructor({ tenant, forced }: Tenancy, { versions, notes, total }: TenantGround) {
    this.name = tenant;
    this.forced = forced;
    this.#versions = versions;
    this.#total = total;
    this.epoch = versions.next();
    this.records = new HeldRecords({ notes });
    this.sources = new Sources(this.records, total);
    this.ids = new PushIds(this.records, total);
    this.shares = new Shares(this.records.cells);
  }

  /** What was found before must be looked up again. */
  changed(): void {
    this.epoch = this.#versions.next();
  }

  get isEmpty(): boolean {
    return this.families.size === 0 && this.ids.size === 0 && this.sources.size === 0;
  }

  get #cells(): Cells {
    return this.records.cells;
  }

  /** @param held - the record of a family that the journal knows */
  addFamily(traits: FamilyTraits, restored?: Held): Family {
    const family = new Family(this.name, traits, this.#versions);
    const { name, type, help, unit, gaugeMode } = traits;
    const keyOf = () => ['f', name, type, help, unit, gaugeMode] as const;
    family.held = restored ?? this.records.create(0, keyOf);
    this.families.set(name, family);
    return family;
  }

  /** The family stays with its metrics, but has another type, text or mode. */
  changeFamily(family: Family, traits: FamilyTraits): void {
    family.traits = traits;
    if (family.held) this.records.remove(family.held);
    const { name, type, help, unit, gaugeMode } = traits;
    family.held = this.records.create(0, () => ['f', name, type, help, unit, gaugeMode]);
    this.changed();
    for (const block of family.blocks) family.touch(block.metrics[0]!); // no block is empty
  }

  group(labels: readonly Label[]): Group {
    const key = printLabels(labels);
    let group = this.groups.get(key);
    if (!group) {
      group = new Group(key, labels);
      this.groups.set(key, group);
    }
    return group;
  }

  *listGroups(): Generator<LedgerGroup> {
    for (const { labels, metrics } of this.groups.values()) {
      const byFamily = Map.groupBy(metrics, ({ family }) => family);
      const families = [...byFamily].map(([family, list]) => ({ family, metrics: list }));
      yield { tenant: this.name, labels, families };
    }
  }

  /** Adds a metric without shares: the caller adds one at once. */
  addMetric(family: Family, labels: string, group: Group | undefined): Metric {
    const metric = new Metric(family, labels, group, this.shares);
    group?.metrics.add(metric);
    family.add(metric);
    this.#addCharacters(labels.length);
    return metric;
  }

  /** @param restored - the record of a share that the journal knows */
  addShare(metric: Metric, { bounds, source, size }: SharePlace, restored?: Held): Share {
    const { family, group, labels } = metric;
    const native = metric.native?.toString('base64') ?? '';
    const place = [group?.key ?? null, family.name, labels] as const;
    const keyOf = () => ['m', ...place, bounds.map(keptBound), source, native] as const;
    const held = restored ?? this.records.create(MetricTimes.length + size + 1, keyOf);
    const at = held.at + MetricTimes.length;
    const share: Share = { held, at, size, bounds, layout: bounds.join(), source };
    const before = this.#seriesOf(metric);
    if (metric.shares.length === 0) metric.shares = [share];
    else metric.shares.push(share);
    this.#countSeries(metric, before);
    if (source !== '') this.#countSourceShares(1);
    if (countsLayouts(metric)) {
      family.layouts.set(share.layout, (family.layouts.get(share.layout) ?? 0) + 1);
    }
    family.touch(metric);
    return share;
  }

  /** Removes a share; a metric without shares goes with it. */
  removeShare(metric: Metric, share: Share): void {
    if (metric.shares.length === 1) {
      this.removeMetric(metric);
      return;
    }
    const before = this.#seriesOf(metric);
    metric.shares.splice(metric.shares.indexOf(share), 1);
    this.#forget(metric, share);
    this.#countSeries(metric, before);
    metric.family.touch(metric);
    this.changed();
  }

  /** Removes all metrics. */
  clear(): void {
    for (const { metrics } of [...this.families.values()]) {
      for (const metric of [...metrics.values()]) this.removeMetric(metric);
    }
  }

  removeMetric(metric: Metric): void {
    const { family, group, shares } = metric;
    const before = this.#seriesOf(metric);
    this.#addSeries(family, -before);
    this.#addCharacters(-metric.labels.length);
    for (const share of shares) this.#forget(metric, share);
    family.remove(metric);
    if (family.size === 0 && !this.records.follows) this.removeFamily(family);
    group?.metrics.delete(metric);
    if (group?.metrics.size === 0) this.groups.delete(group.key);
    this.changed();
  }

  /** The family has no metrics. */
  removeFamily(family: Family): void {
    if (family.held) this.records.remove(family.held);
    if (this.families.get(family.name) === family) this.families.delete(family.name);
  }

  #forget(metric: Metric, share: Share): void {
    this.records.remove(share.held);
    if (share.source !== '') this.#countSourceShares(-1);
    if (!countsLayouts(metric)) return;
    const { layouts } = metric.family;
    const left = (layouts.get(share.layout) ?? 0) - 1;
    if (left > 0) layouts.set(share.layout, left);
    else layouts.delete(share.layout);
  }

  #seriesOf(metric: Metric): number {
    return metric.shares.length === 0 ? 0 : metric.series;
  }

  #countSeries(metric: Metric, before: number): void {
    this.#addSeries(metric.family, this.#seriesOf(metric) - before);
  }

  #addSeries(family: Family, more: number): void {
    family.series += more;
    this.series += more;
    this.#total.series += more;
  }

  #addCharacters(more: number): void {
    this.characters += more;
    this.#total.characters += more;
  }

  #countSourceShares(more: number): void {
    this.#sourceShares += more;
    this.#total.sourceValues += more;
  }

  /** Last values of sources, and shares of sources in gauges and summaries. */
  get sourceValues(): number {
    return this.#sourceShares + this.sources.lastCount;
  }

  /** The tenant is forgotten, or made anew: it counts no more. */
  leave(): void {
    this.#total.series -= this.series;
    this.#total.characters -= this.characters;
    this.#total.sourceValues -= this.sourceValues;
    this.#total.keys -= this.ids.size;
  }

  /** Notes that a push has named the share. */
  touch(metric: Metric, { held }: Share, nowMs: number, ttlMs: number): void {
    const { values } = this.#cells;
    if (values[held.at + MetricTimes.created] === 0) {
      values[held.at + MetricTimes.created] = nowMs;
    }
    values[held.at + MetricTimes.touched] = nowMs;
    values[held.at + MetricTimes.ttl] = ttlMs;
    this.records.change(held);
    metric.family.touch(metric);
  }
}

/** Whether the metric's shares have layouts of buckets that are put together. */
function countsLayouts({ family, group }: Metric): boolean {
  return group === undefined && family.type !== 'summary' && isCompound(family.type);
}
