/**
 * Bounds the idempotency keys of all tenants together: whoever has the most loses the oldest, so that
 * nobody's keys push out those of tenants with few.
 */
import type { Tenant } from './tenant.ts';

/** A key takes up to a kilobyte; a series is counted with two. */
const KEYS_OF_SERIES = 0.5;
const MAX_KEYS = 1_000_000;
/** The share of a tenant's keys that go at once, so that the largest tenant is looked for seldom. */
const SHARE = 0.01;

export interface KeyRoom {
  readonly tenants: Iterable<Tenant>;
  /** How many keys all tenants have. */
  readonly keys: number;
  /** How many series the ledger may have. */
  readonly totalSeries: number;
}

/** @returns the tenant that has lost keys; undefined if there is room for one more */
export function makeRoomForKey({ tenants, keys, totalSeries }: KeyRoom): Tenant | undefined {
  if (keys < Math.min(MAX_KEYS, Math.max(1, totalSeries * KEYS_OF_SERIES))) return undefined;
  let largest: Tenant | undefined;
  for (const tenant of tenants) {
    if (tenant.ids.size > (largest?.ids.size ?? 0)) largest = tenant;
  }
  largest?.ids.drop(Math.ceil(largest.ids.size * SHARE));
  return largest;
}
