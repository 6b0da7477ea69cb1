/**
 * What has lived its time goes: metrics whose TTL is over, sources that are silent, and old
 * idempotency keys.
 *
 * A metric goes only after a reader has seen its last value, or a day after its last push: a job
 * that ends shortly before a scrape must not lose its last values.
 */
import type { Pace } from '../clock.ts';
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

export interface Sweep {
  readonly pace: Pace;
  readonly goesOn: () => boolean;
}

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

  /**
   * Removes what has lived its time, in turns with other work.
   *
   * @param goesOn - asked after each pause: a tenant that is being loaded anew must stay as it is
   */
  async sweep(tenant: Tenant, nowMs: number, { pace, goesOn }: Sweep): Promise<void> {
    const { sources, ids } = tenant;
    ids.expire(nowMs - this.#bounds.keyTtlMs);
    // Asked again for each share, as a source may be heard during a pause.
    const isSilent = (source: Source | undefined): boolean =>
      source !== undefined && sources.heardMs(source) + this.#bounds.sourceIdleMs <= nowMs;
    const silent = [...sources.all()].filter(isSilent);
    const seenMs = Math.max(this.#allSeenMs, this.#seenMs.get(tenant.name) ?? 0);
    for (const family of [...tenant.families.values()]) {
      for (const block of [...family.blocks]) {
        await pace();
        if (!goesOn()) return;
        for (const metric of [...block.metrics]) {
          if (silent.length > 0)
            forgetShares(tenant, metric, (name) => isSilent(sources.get(name)));
          if (family.metrics.get(metric.labels) !== metric) continue; // its last share has gone
          this.#sweepMetric(tenant, metric, { nowMs, seenMs });
        }
      }
    }
    for (const { name } of silent) {
      const source = sources.get(name);
      if (source && isSilent(source)) sources.remove(source);
    }
    if (silent.length > 0) tenant.changed();
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

/** Shares of silent sources stay in counters, and leave gauges and summaries. */
function forgetShares(tenant: Tenant, metric: Metric, isSilent: (source: string) => boolean): void {
  const { type } = metric.family;
  if (type !== 'gauge' && type !== 'summary') return;
  for (const share of metric.shares.filter(({ source }) => source !== '' && isSilent(source))) {
    if (type === 'summary') tenant.addShare(metric, { bounds: [], size: 2, source: SEVERAL });
    tenant.removeShare(metric, share);
  }
}
