/** Metrics of the caches: answers by where they came from, what is kept, and refreshes. */
import type { MetricRegistry } from './registry.ts';

/** The systems that keep answers. */
export type CachingSystem = 'apps' | 'endpoints';

export interface CacheLevels {
  readonly bytes: number;
  /** The bound on `bytes`. */
  readonly maxBytes: number;
  readonly size: number;
  readonly jobs: number;
}

const LAG_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60];
const REFRESH_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60];

export type CacheMetrics = ReturnType<typeof cacheMetrics>;

export function cacheMetrics(registry: MetricRegistry) {
  const levels = new Map<CachingSystem, () => CacheLevels>();
  const each = (read: (levels: CacheLevels) => number) => () =>
    [...levels].map(([system, now]) => [system, read(now())] as const);
  registry.levels(
    'promgate_cache_bytes',
    'Bytes of kept answers.',
    'system',
    each(({ bytes }) => bytes),
  );
  registry.levels(
    'promgate_cache_bytes_limit',
    'Bytes of answers that may be kept.',
    'system',
    each(({ maxBytes }) => maxBytes),
  );
  registry.levels(
    'promgate_cache_entries',
    'Kept answers.',
    'system',
    each(({ size }) => size),
  );
  registry.levels(
    'promgate_cache_refresh_jobs',
    'Answers that are watched for readers or refreshed in the background.',
    'system',
    each(({ jobs }) => jobs),
  );
  const evictions = registry.counter(
    'promgate_cache_evictions_total',
    'Answers that were dropped for want of room.',
    ['system'],
  );
  return {
    requests: registry.counter(
      'promgate_cache_requests_total',
      'Answers by where they came from: hit and stale from the cache, miss by a load, shared and late by the load of another request.',
      ['system', 'result'],
    ),
    evictions,
    refreshSeconds: registry.histogram(
      'promgate_cache_refresh_duration_seconds',
      'Time that a refresh in the background took.',
      REFRESH_SECONDS,
      ['system'],
    ),
    refreshLagSeconds: registry.histogram(
      'promgate_cache_refresh_lag_seconds',
      'How long after its time a refresh in the background began.',
      LAG_SECONDS,
      ['system'],
    ),
    /** Shows what a system keeps. Its evictions count from 0: `rate` sees the first one. */
    watch: (system: CachingSystem, read: () => CacheLevels): void => {
      levels.set(system, read);
      evictions.inc({ system }, 0);
    },
  };
}
