/**
 * Books a push that was checked. Cannot fail: whatever could be wrong is refused in `check.ts`.
 */

import { isCompound } from '../pushed-page.ts';
import { gaugeModeOf, leavingWith, onlyHas } from './check.ts';
import { addExactly } from './exact-sum.ts';
import type { Family, Group, Metric, Share } from './family.ts';
import { noteTimes } from './group-times.ts';
import {
  type Entry,
  isGroupTime,
  type Operation,
  operationOf,
  type PostedFamily,
  type Posting,
} from './posting.ts';
import { GaugeShare, lostOf, SEVERAL, SLOT, UNNAMED } from './shares.ts';
import type { Source } from './sources.ts';
import type { Tenant } from './tenant.ts';

/** Time slots of a gauge's pushes without a source, in the time that its metrics live. */
const SLOTS = 16;

/** Books a posting whose entries `check` has found, with these values. */
export function book(tenant: Tenant, posting: Posting, values: Float64Array, nowMs: number): void {
  new Booking(tenant, posting, values, nowMs).run();
}

class Booking {
  readonly #tenant: Tenant;
  readonly #posting: Posting;
  readonly #values: Float64Array;
  readonly #nowMs: number;
  readonly #source: Source | undefined;

  constructor(tenant: Tenant, posting: Posting, values: Float64Array, nowMs: number) {
    this.#tenant = tenant;
    this.#posting = posting;
    this.#values = values;
    this.#nowMs = nowMs;
    const { source } = posting.push.rules;
    this.#source = source === '' ? undefined : tenant.sources.heard(source, nowMs);
  }

  run(): void {
    const { push, families, group: key } = this.#posting;
    const group = key === undefined ? undefined : this.#tenant.group(push.path);
    if (group) this.#removeOld(group);
    for (const family of families) this.#bookFamily(family, group);
    if (group) noteTimes(this.#tenant, group, { pushedMs: this.#nowMs });
    this.#posting.epoch = this.#tenant.epoch;
  }

  /** Removes what the push replaces and does not name again. */
  #removeOld(group: Group): void {
    const { families } = this.#posting;
    const leaving = leavingWith(this.#posting, group);
    for (const family of families) {
      const known = this.#tenant.families.get(family.name);
      const changes = known !== undefined && onlyHas(known, leaving, family);
      for (const entry of family.entries) {
        if (changes) entry.metric = undefined;
        else if (entry.metric) leaving.delete(entry.metric);
      }
    }
    for (const metric of leaving) {
      if (!isGroupTime(metric.family.name)) this.#tenant.removeMetric(metric);
    }
  }

  #bookFamily(family: PostedFamily, group: Group | undefined): void {
    const known = this.#tenant.families.get(family.name);
    const gaugeMode = gaugeModeOf(family, known);
    const operation = operationOf(this.#posting.push, family, gaugeMode);
    const { name, type, help, unit, entries } = family;
    if (entries.length === 0) return;
    const traits = { name, type, help, unit, gaugeMode };
    const booked = known ?? this.#tenant.addFamily(traits);
    if (known && help !== '' && (known.help === '' || (group && known.help !== help))) {
      this.#tenant.changeFamily(known, { ...known.traits, help });
    }
    for (const entry of entries) this.#book(booked, family, entry, { operation, group });
  }

  #book(
    family: Family,
    posted: PostedFamily,
    entry: Entry,
    { operation, group }: { operation: Operation; group: Group | undefined },
  ): void {
    entry.metric ??= this.#tenant.addMetric(family, entry.labels, group);
    const { metric } = entry;
    if (metric.native !== entry.native) this.#setNative(metric, entry);
    const share = this.#operate(metric, posted, entry, operation);
    this.#tenant.touch(metric, share, this.#nowMs, posted.rules.ttlMs);
  }

  /** A native histogram is in the key of its record, so the record is made anew. */
  #setNative(metric: Metric, entry: Entry): void {
    metric.native = entry.native;
    entry.share = undefined;
  }

  #operate(metric: Metric, posted: PostedFamily, entry: Entry, operation: Operation): Share {
    if (operation === 'gauge') return this.#addGauge(metric, posted, entry);
    if (operation === 'summary') return this.#addSummary(metric, posted, entry);
    const share = this.#plainShare(metric, entry, operation === 'set');
    if (operation === 'set')
      this.#set(share, entry.ats.at(-1)!); // each entry has a run
    else if (operation === 'add') for (const at of entry.ats) this.#add(metric, share, at);
    else this.#grow(metric, share, entry);
    return share;
  }

  /** @param only - whether the metric has no other share */
  #plainShare(metric: Metric, entry: Entry, only: boolean): Share {
    const { bounds, layout, size, share } = entry;
    if (share?.layout === layout && metric.shares.includes(share)) return share;
    const old = only ? metric.shares[0] : undefined;
    const made = this.#tenant.addShare(metric, { bounds, size, source: '' });
    if (old) this.#tenant.removeShare(metric, old);
    entry.share = made;
    return made;
  }

  get #cells(): Float64Array {
    return this.#tenant.records.cells.values;
  }

  #set({ at, size }: Share, from: number): void {
    const cells = this.#cells;
    for (let i = 0; i < size; i++) cells[at + i] = this.#values[from + i]!;
  }

  /** Adds a run. Only the sums of histograms and summaries, and single values, are not whole. */
  #add({ family }: Metric, share: Share, from: number): void {
    const cells = this.#cells;
    const { at, size } = share;
    const sumAt = isCompound(family.type) ? 1 : 0;
    for (let i = 0; i < size; i++) {
      const value = this.#values[from + i]!;
      if (i === sumAt) addExactly(cells, at + i, lostOf(share), value);
      else cells[at + i]! += value;
    }
  }

  /** Adds what a cumulative source has counted since its last push. */
  #grow(metric: Metric, share: Share, entry: Entry): void {
    const { sources, records } = this.#tenant;
    const source = this.#source!; // only a source is cumulative
    const name = { family: metric.family.name, labels: metric.labels };
    const { size } = share;
    let last = sources.last(source, name);
    const isKnown = last?.of === share.held.id && last.held.length === size;
    if (!last || !isKnown) last = sources.addLast(source, name, { of: share.held.id, size });
    const now = this.#sumOf(entry, size);
    const cells = this.#cells; // after `addLast`, which may replace them
    const isReset =
      !isKnown || hasShrunk(metric, now, cells.subarray(last.held.at, last.held.at + size));
    const sumAt = isCompound(metric.family.type) ? 1 : 0;
    for (let i = 0; i < size; i++) {
      const before = isReset ? 0 : cells[last.held.at + i]!;
      if (i === sumAt) {
        addExactly(cells, share.at + i, lostOf(share), now[i]!);
        if (before !== 0) addExactly(cells, share.at + i, lostOf(share), -before);
      } else cells[share.at + i]! += now[i]! - before;
      cells[last.held.at + i] = now[i]!;
    }
    records.change(last.held);
  }

  /** The run of an entry; the sum of its runs if labels are left out. */
  #sumOf({ ats }: Entry, size: number): Float64Array {
    const run = this.#values.slice(ats[0]!, ats[0]! + size);
    for (const at of ats.slice(1)) for (let i = 0; i < size; i++) run[i]! += this.#values[at + i]!;
    return run;
  }

  /** A gauge that is put together has a share for each source, and for each slot of time. */
  #addGauge(metric: Metric, posted: PostedFamily, entry: Entry): Share {
    const { ttlMs } = posted.rules;
    const slot = ttlMs === 0 ? 0 : Math.floor((this.#nowMs * SLOTS) / ttlMs);
    const source = this.#source?.name ?? `${SLOT}${slot}`;
    const known = metric.shares.find((share) => share.source === source);
    const place = { bounds: [], size: GaugeShare.length, source };
    const share = known ?? this.#tenant.addShare(metric, place);
    const cells = this.#cells;
    if (!known || this.#source) clearGauge(cells, share);
    for (const at of entry.ats) addToGauge(cells, share, this.#values[at]!);
    if (!known && !this.#source) this.#dropOldSlots(metric);
    return share;
  }

  /** The pushes of older slots than these are older than the time that the metric lives. */
  #dropOldSlots(metric: Metric): void {
    const slots = metric.shares.filter(({ source }) => source.startsWith(SLOT));
    for (const old of slots.slice(0, -(SLOTS + 1))) this.#tenant.removeShare(metric, old);
  }

  #addSummary(metric: Metric, posted: PostedFamily, entry: Entry): Share {
    const main = this.#plainShare(metric, { ...entry, bounds: [], layout: '', size: 2 }, false);
    if (posted.rules.temporality === 'cumulative') this.#grow(metric, main, entry);
    else for (const at of entry.ats) this.#add(metric, main, at);
    entry.share = main;
    this.#keepQuantiles(metric, entry);
    return main;
  }

  /** Quantiles of several clients cannot be put together: they stay while there is one client. */
  #keepQuantiles(metric: Metric, { bounds, layout, size, ats }: Entry): void {
    const source = this.#source?.name ?? UNNAMED;
    const other = metric.shares.find((share) => share.source !== '');
    if (other?.source === SEVERAL) return;
    const isAlone = ats.length === 1 && (!other || (this.#source && other.source === source));
    const name = isAlone ? source : SEVERAL;
    const same = other?.source === name && other.layout === layout;
    const place = { bounds: isAlone ? bounds : [], size: isAlone ? size : 2, source: name };
    const share = same ? other : this.#tenant.addShare(metric, place);
    if (other && !same) this.#tenant.removeShare(metric, other);
    if (isAlone) this.#set(share, ats[0]!);
    this.#tenant.records.change(share.held);
  }
}

/** Whether a source has begun anew: its count, or any of its buckets, is smaller than before. */
function hasShrunk({ family }: Metric, now: Float64Array, before: Float64Array): boolean {
  const compound = isCompound(family.type);
  for (let i = 0; i < now.length; i++) {
    if (compound && i === 1) continue; // a sum may fall
    if (now[i]! < before[i]!) return true;
  }
  return false;
}

function clearGauge(cells: Float64Array, share: Share): void {
  cells.fill(0, share.at, lostOf(share) + 1);
  cells[share.at + GaugeShare.min] = Number.POSITIVE_INFINITY;
  cells[share.at + GaugeShare.max] = Number.NEGATIVE_INFINITY;
}

function addToGauge(cells: Float64Array, share: Share, value: number): void {
  const { at } = share;
  addExactly(cells, at + GaugeShare.sum, lostOf(share), value);
  cells[at + GaugeShare.count]! += 1;
  cells[at + GaugeShare.min] = Math.min(cells[at + GaugeShare.min]!, value);
  cells[at + GaugeShare.max] = Math.max(cells[at + GaugeShare.max]!, value);
}
