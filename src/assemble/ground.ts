/**
 * What every part shares: log, promgate's own metrics, readiness, and trusted authorities.
 */

import type { Config } from '../config/config.ts';
import { type Lookup, systemLookup } from '../fetch/host-lookup.ts';
import { Readiness } from '../serve/health.ts';
import { type CacheMetrics, cacheMetrics } from '../telemetry/cache-metrics.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { ownLabels } from '../telemetry/own-labels.ts';
import { processMetrics } from '../telemetry/process-metrics.ts';
import { MetricRegistry } from '../telemetry/registry.ts';
import { VERSION } from '../version.ts';
import { readAuthorities } from './authorities.ts';
import {
  type DescriptorPlan,
  descriptorLimit,
  endpointDescriptors,
  planDescriptors,
} from './descriptors.ts';

/** What `openGround` hands to every part. */
export interface Ground {
  readonly log: Log;
  readonly registry: MetricRegistry;
  readonly cacheMetrics: CacheMetrics;
  readonly readiness: Readiness;
  /** Aborts when promgate stops: answers then go out with the pages that have arrived. */
  readonly cut: AbortController;
  readonly descriptors: DescriptorPlan & {
    /** Bound on open connections to endpoints of `?endpoint=`. */
    readonly toEndpoints: number;
  };
  /** PEM certificates of the bundled, the system's and the platform's authorities; read once. */
  readonly authorities: () => Promise<readonly string[]>;
  /** Finds the addresses of names. */
  readonly lookup: Lookup;
}

export interface GroundOptions {
  /** The log to use in place of standard output. */
  readonly log?: Log;
  /** A folder with the platform's authorities: Cloud Foundry's `CF_SYSTEM_CERT_PATH`. */
  readonly platformAuthorities?: string | undefined;
  /** Default: as the system does. */
  readonly lookup?: Lookup | undefined;
}

/** @param parts - its disposal closes the log */
export function openGround(
  {
    listen,
    scrape,
    endpoints,
    ownApp,
    log: { level },
  }: Pick<Config, 'listen' | 'scrape' | 'log'> & Partial<Pick<Config, 'endpoints' | 'ownApp'>>,
  { log, platformAuthorities, lookup = systemLookup() }: GroundOptions,
  parts: AsyncDisposableStack,
): Ground {
  const registry = new MetricRegistry(ownLabels(ownApp));
  const { droppedLogLines } = processMetrics(registry, { version: VERSION });
  const demand = { concurrency: scrape.concurrency, maxConnections: listen.maxConnections };
  const limit = descriptorLimit();
  const toEndpoints = endpointDescriptors(limit, demand, endpoints?.concurrency ?? 0);
  let authorities: Promise<readonly string[]> | undefined;
  return {
    log: log ?? parts.use(createLog({ level, onDropped: () => droppedLogLines.inc() })),
    registry,
    cacheMetrics: cacheMetrics(registry),
    lookup,
    readiness: new Readiness(),
    cut: new AbortController(),
    descriptors: { ...planDescriptors(limit - toEndpoints, demand), toEndpoints },
    authorities: () => {
      authorities ??= readAuthorities(platformAuthorities);
      return authorities;
    },
  };
}
