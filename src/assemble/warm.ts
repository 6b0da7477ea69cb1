/**
 * A cache with its refresher, log and metrics, for one system.
 */
import { systemTimers } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { Refresher, type RefresherOptions } from '../refresh/refresher.ts';
import { WarmCache, type WarmCacheOptions } from '../refresh/warm-cache.ts';
import type { CacheMetrics, CachingSystem } from '../telemetry/cache-metrics.ts';
import type { Log } from '../telemetry/log.ts';

export interface Warm<V> {
  readonly cache: WarmCache<V>;
  readonly refresher: Refresher;
}

export interface WarmOptions<V>
  extends Pick<WarmCacheOptions<V>, 'holding'>,
    Pick<RefresherOptions, 'maxJobsOfHost'> {
  readonly system: CachingSystem;
  readonly config: Config['cache'];
  readonly metrics: CacheMetrics;
  readonly log: Log;
}

/** @param parts - its disposal ends the refreshes and drops what is kept */
export function openWarm<V>(
  { system, config, metrics, log, holding, maxJobsOfHost }: WarmOptions<V>,
  parts: AsyncDisposableStack,
): Warm<V> {
  const onError = (err: unknown): void =>
    log.error('an answer could not be refreshed because of a fault in promgate', { system, err });
  const cache = new WarmCache<V>({
    ...{ holding, onError, timers: systemTimers },
    maxBytes: config.maxBytes,
    negative: config.negative,
    onEvicted: () => metrics.evictions.inc({ system }),
  });
  parts.defer(() => void cache.purgeAll());
  const refresher = parts.use(
    new Refresher({
      ...{ ...config, maxJobsOfHost, timers: systemTimers, onError },
      onRefresh: ({ tookMs, lagMs }) => {
        metrics.refreshSeconds.observe({ system }, tookMs / 1000);
        metrics.refreshLagSeconds.observe({ system }, Math.max(0, lagMs) / 1000);
      },
    }),
  );
  metrics.watch(system, () => ({
    bytes: cache.bytes,
    maxBytes: config.maxBytes,
    size: cache.size,
    jobs: refresher.jobs,
  }));
  return { cache, refresher };
}
