/**
 * What has lived its time goes: metrics whose TTL is over, sources that are silent, and old
 * idempotency keys.
 *
 * A metric goes only after a reader has seen its last value, or a day after its last push: a job
 * that ends shortly before a scrape must not lose its last values.
 */
import { everyTurn } from '../../clock.ts';
import { isCompound } from '../pushed-page.ts';
import { MetricTimes } from '../record.ts';
import type { Metric, Share } from './family.ts';
import { SEVERAL } from './shares.ts';
import type { Tenant } from './tenant.ts';

export interface ExpiryBounds {
  readonly keyTtlMs: number;
  readonly sourceIdleMs: number;
}

/** A metric whose TTL is over waits for a reader no longer than this. */
const UNSEEN_MS = 86_400_000;
/** How long is looked at metrics before other work has its turn. */
const TURN_MS = 3;
/** Last values of a source that are looked at in one go. */
const SLICE = 1_024;

/** What one look at a tenant needs to know. */
export interface SweepOptions {
  readonly nowMs: number;
  /** Whether the ledger still has this tenant: it may be loaded anew between two turns. */
  readonly isCurrent: () => boolean;
}

interface Times {
  readonly nowMs: number;
  readonly seenMs: number;
}

export class Expiry {
  readonly #bounds: ExpiryBounds;
  readonly #pace = everyTurn(TURN_MS);
  /** When a reader has seen all tenants. */
  #allSeenMs = 0;
  readonly #seenMs = new Map<string, number>();
  /** The epoch of the tenant after its last sweep. */
  readonly #swept = new WeakMap<Tenant, number>();

  constructor(bounds: ExpiryBounds) {
    this.#bounds = bounds;
  }

  /** @param tenant - undefined: the reader has seen all tenants */
  seen(tenant: string | undefined, nowMs: number): void {
    if (tenant !== undefined) {
      this.#seenMs.set(tenant, Math.max(nowMs, this.#seenMs.get(tenant) ?? 0));
      return;
    }
    this.#allSeenMs = Math.max(nowMs, this.#allSeenMs);
    for (const [name, atMs] of this.#seenMs) {
      if (atMs <= this.#allSeenMs) this.#seenMs.delete(name);
    }
  }

  /** Looks at a tenant, in turns with other work. @returns whether anything has gone */
  async sweep(tenant: Tenant, { nowMs, isCurrent }: SweepOptions): Promise<boolean> {
    const before = tenant.epoch;
    const keys = tenant.ids.size;
    tenant.ids.expire(nowMs - this.#bounds.keyTtlMs);
    const seenMs = Math.max(this.#allSeenMs, this.#seenMs.get(tenant.name) ?? 0);
    for (const _ of this.#steps(tenant, { nowMs, seenMs })) {
      const turn = this.#pace();
      if (turn === undefined) continue;
      await turn;
      if (!isCurrent()) return false;
    }
    this.#swept.set(tenant, tenant.epoch);
    return before !== tenant.epoch || keys !== tenant.ids.size;
  }

  *#steps(tenant: Tenant, times: Times): Generator<void, void, void> {
    const { sources } = tenant;
    for (const source of [...sources.all()]) {
      if (sources.get(source.name) !== source) continue; // gone since the last turn
      if (sources.heardMs(source) + this.#bounds.sourceIdleMs > times.nowMs) continue;
      sources.remove(source);
      tenant.changed();
      yield;
    }
    for (const family of [...tenant.families.values()]) {
      for (const block of [...family.blocks]) {
        for (const metric of [...block.metrics]) {
          if (metric.shares.length > 1) yield;
          const isThere = (): boolean => family.metrics.get(metric.labels) === metric;
          if (isThere()) removeLeft(tenant, metric); // it may have gone since the last turn
          if (isThere()) this.#sweepMetric(tenant, metric, times);
        }
        yield;
      }
    }
    if (this.#swept.get(tenant) !== tenant.epoch) yield* removeOldLasts(tenant);
  }

  #sweepMetric(tenant: Tenant, metric: Metric, times: Times): void {
    const { values } = tenant.records.cells;
    const isOver = ({ held }: Share): boolean => {
      const ttlMs = values[held.at + MetricTimes.ttl]!;
      const touchedMs = values[held.at + MetricTimes.touched]!;
      if (ttlMs === 0 || touchedMs + ttlMs > times.nowMs) return false;
      return times.seenMs > touchedMs || touchedMs + UNSEEN_MS <= times.nowMs;
    };
    const { type } = metric.family;
    if (isCompound(type) || metric.shares.length === 1) {
      if (metric.shares.every((share) => isOver(share) || isAside(metric, share))) {
        tenant.removeMetric(metric);
      }
      return;
    }
    for (const share of metric.shares.filter(isOver)) tenant.removeShare(metric, share);
  }
}

/** Whether the share only holds a summary's quantiles: it has no times. */
function isAside({ family }: Metric, { source }: Share): boolean {
  return family.type === 'summary' && source !== '';
}

/** Removes the shares of sources that have gone: these stay in counters, and leave gauges. */
function removeLeft(tenant: Tenant, metric: Metric): void {
  const { type } = metric.family;
  if (type !== 'gauge' && type !== 'summary') return;
  const left = metric.shares.filter(
    ({ source }) => isNamed(source) && tenant.sources.get(source) === undefined,
  );
  for (const share of left) {
    if (type === 'summary') tenant.addShare(metric, { bounds: [], size: 2, source: SEVERAL });
    tenant.removeShare(metric, share);
  }
}

function isNamed(source: string): boolean {
  return source !== '' && !source.startsWith('\n'); // see `shares.ts`
}

/** Removes the last values that sources have pushed for metrics that have gone, or begun anew. */
function* removeOldLasts({ sources, families }: Tenant): Generator<void, void, void> {
  let looked = 0;
  for (const source of [...sources.all()]) {
    for (const [name, { held, of }] of sources.lastsOf(source)) {
      looked += 1;
      if (looked % SLICE === 0) yield;
      if (sources.get(source.name) !== source) break; // gone since the last turn
      const shares = families.get(name.family)?.metrics.get(name.labels)?.shares ?? [];
      if (shares.some((share) => share.held.id === of)) continue;
      sources.removeLast(source, name, held);
    }
  }
}
