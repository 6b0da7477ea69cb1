/**
 * How long an answer lives in the cache: fresh, then usable while a new one is loaded, then usable
 * only if no new one can be had, then gone.
 *
 * The names are those of RFC 5861, which defines them for HTTP.
 * @see https://www.rfc-editor.org/rfc/rfc5861
 */

export interface Life {
  /** The answer is fresh: it goes out without a load. */
  readonly ttlMs: number;
  /** For this long after its ttl it goes out marked as stale, while a new one is loaded. */
  readonly staleWhileRevalidateMs: number;
  /** For this long after its ttl it goes out marked as stale if the load fails. */
  readonly staleIfErrorMs: number;
}

/** What a load gave. `denied` is a 401 or 403, `uncacheable` must not be kept or shared. */
export type Kind = 'good' | 'not-found' | 'failed' | 'denied' | 'uncacheable';

/** How long failures are remembered: requests in that time cost the target nothing. */
export interface NegativeLife {
  readonly notFoundMs: number;
  readonly failedMs: number;
}

/** Nothing is kept: only equal requests at the same time share a load. */
export const LIVE: Life = { ttlMs: 0, staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };

export type Stage = 'fresh' | 'stale' | 'stale-if-error' | 'gone';

/** @param ageMs - since the load of the answer began */
export function stageOf(ageMs: number, life: Life): Stage {
  if (ageMs < life.ttlMs) return 'fresh';
  const overMs = ageMs - life.ttlMs;
  if (overMs < life.staleWhileRevalidateMs) return 'stale';
  if (overMs < life.staleIfErrorMs) return 'stale-if-error';
  return 'gone';
}

/** The age at which an answer is of no use any more. */
export function endOf({ ttlMs, staleWhileRevalidateMs, staleIfErrorMs }: Life): number {
  return ttlMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs);
}

export function negativeTtlMs(kind: Kind, { notFoundMs, failedMs }: NegativeLife): number {
  if (kind === 'not-found') return notFoundMs;
  return kind === 'failed' ? failedMs : 0;
}
