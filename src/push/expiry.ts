/**
 * What has lived its time goes: metrics whose TTL is over, sources that are silent, and old
 * idempotency keys.
 *
 * A metric goes only after a reader has seen its last value, or a day after its last push: a job
 * that ends shortly before a scrape must not lose its last values.
 */
import type { Metric, Share } from './family.ts';
import { isCompound } from './pushed-page.ts';
import { MetricTimes } from './record.ts';
import { SEVERAL } from './shares.ts';
import type { Source } from './sources.ts';
import type { Tenant } from './tenant.ts';

export interface ExpiryBounds {
  readonly keyTtlMs: number;
  readonly sourceIdleMs: number;
}

/** A metric whose TTL is over waits for a reader no longer than this. */
const UNSEEN_MS = 86_400_000;
/** Metrics that are looked at in one go. */
const SLICE = 4_096;

export class Expiry {
  readonly #bounds: ExpiryBounds;
  /** When a reader has seen all tenants. */
  #allSeenMs = 0;
  readonly #seenMs = new Map<string, number>();

  constructor(bounds: ExpiryBounds) {
    this.#bounds = bounds;
  }

  /** @param tenant - undefined: the reader has seen all tenants */
  seen(tenant: string | undefined, nowMs: number): void {
    if (tenant === undefined) {
      this.#allSeenMs = nowMs;
      this.#seenMs.clear();
    } else this.#seenMs.set(tenant, nowMs);
  }

  /** @returns whether anything has gone */
  async sweep(tenant: Tenant, nowMs: number): Promise<boolean> {
    const before = tenant.epoch;
    const keys = tenant.ids.size;
    tenant.ids.expire(nowMs - this.#bounds.keyTtlMs);
    for (const source of [...tenant.sources.all()]) {
      if (tenant.sources.heardMs(source) + this.#bounds.sourceIdleMs > nowMs) continue;
      forget(tenant, source);
    }
    await this.#sweepMetrics(tenant, nowMs);
    return before !== tenant.epoch || keys !== tenant.ids.size;
  }

  async #sweepMetrics(tenant: Tenant, nowMs: number): Promise<void> {
    const seenMs = Math.max(this.#allSeenMs, this.#seenMs.get(tenant.name) ?? 0);
    let looked = 0;
    for (const family of [...tenant.families.values()]) {
      for (const block of [...family.blocks]) {
        for (const metric of [...block.metrics])
          this.#sweepMetric(tenant, metric, { nowMs, seenMs });
        looked += block.metrics.length;
        if (looked < SLICE) continue;
        looked = 0;
        await new Promise(setImmediate);
      }
    }
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

interface Times {
  readonly nowMs: number;
  readonly seenMs: number;
}

/** Whether the share only holds a summary's quantiles: it has no times. */
function isAside({ family }: Metric, { source }: Share): boolean {
  return family.type === 'summary' && source !== '';
}

/** A source goes: its share of counters stays, its share of gauges goes. */
function forget(tenant: Tenant, source: Source): void {
  for (const family of [...tenant.families.values()]) {
    if (family.type !== 'gauge' && family.type !== 'summary') continue;
    for (const metric of [...family.metrics.values()]) {
      const share = metric.shares.find((one) => one.source === source.name);
      if (!share) continue;
      if (family.type === 'summary') {
        tenant.addShare(metric, { bounds: [], size: 2, source: SEVERAL });
      }
      tenant.removeShare(metric, share);
    }
  }
  tenant.sources.remove(source);
  tenant.changed();
}
