/**
 * Bounds the pushes per second of each tenant, by a bucket of tokens that holds those of one second.
 */

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Bound on tenants that are remembered. */
const MAX_BUCKETS = 20_000;

export class PushRate {
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param now - a clock in milliseconds that only goes forward */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** @returns whether the tenant may push once more */
  take(tenant: string, perSecond: number): boolean {
    const nowMs = this.#now();
    const bucket = this.#bucket(tenant, perSecond, nowMs);
    const grown = ((nowMs - bucket.atMs) / 1_000) * perSecond;
    bucket.tokens = Math.min(perSecond, bucket.tokens + grown);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #bucket(tenant: string, perSecond: number, nowMs: number): Bucket {
    const known = this.#buckets.get(tenant);
    if (known) return known;
    if (this.#buckets.size >= MAX_BUCKETS) this.#forget();
    const bucket: Bucket = { tokens: perSecond, atMs: nowMs };
    this.#buckets.set(tenant, bucket);
    return bucket;
  }

  /** Forgets the tenth of the tenants that came first: they may push a second's worth at once again. */
  #forget(): void {
    let left = MAX_BUCKETS / 10;
    for (const tenant of this.#buckets.keys()) {
      if (left-- <= 0) return;
      this.#buckets.delete(tenant);
    }
  }
}
