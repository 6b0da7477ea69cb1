/**
 * Metrics of the caching proxy. The first three have the names of the original caching-proxy, so that
 * its dashboards and alerts keep working.
 */
import { Durations } from './durations.ts';
import type { MetricRegistry } from './registry.ts';

const BUCKETS_SECONDS = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
];

/** Methods by name; any other counts as `other`, since readers may send what they like. */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
]);

export interface ProxiedRequest {
  readonly method: string;
  readonly status: number;
  readonly cacheResult: string;
  readonly durationMs: number;
}

/** The store's levels, read for every print. */
export interface StoreLevels {
  readonly bytes: number;
  /** The bound on `bytes`. */
  readonly maxBytes: number;
  readonly entries: number;
}

interface RequestCount {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
}

export type ProxyMetrics = ReturnType<typeof proxyMetrics>;

export function proxyMetrics(registry: MetricRegistry, store: StoreLevels) {
  const requests = new Map<string, RequestCount>();
  registry.counted('proxy_requests_total', 'Requests answered.', 'counter', () => [
    ...requests.values(),
  ]);
  const durations = new Durations(BUCKETS_SECONDS);
  registry.counted(
    'proxy_request_duration',
    'Seconds from the head of a request to the last byte of its answer.',
    'histogram',
    () => durations.samples(),
  );
  let hits = 0;
  let lookups = 0;
  registry.level(
    'proxy_cache_hit_ratio',
    'Share of requests answered without a whole answer of the origin, since the start.',
    () => (lookups === 0 ? 0 : hits / lookups),
  );
  registry.level('promgate_proxy_cache_bytes', 'Bytes of stored responses.', () => store.bytes);
  registry.level(
    'promgate_proxy_cache_bytes_limit',
    'Bytes of responses that may be stored.',
    () => store.maxBytes,
  );
  registry.level('promgate_proxy_cache_entries', 'Stored responses.', () => store.entries);
  return {
    evictions: registry.counter(
      'promgate_proxy_cache_evictions_total',
      'Stored responses that made room for others.',
    ),
    originFailures: registry.counter(
      'promgate_proxy_origin_failures_total',
      'Requests to the origin without a whole answer.',
      ['failure'],
    ),
    slowReaders: registry.counter(
      'promgate_proxy_slow_readers_cut_total',
      'Readers that were cut off since too many bodies waited for slow readers.',
    ),
    clientErrors: registry.counter(
      'promgate_http_client_errors_total',
      'Connections that did not speak HTTP, were too slow or broke off.',
      ['reason'],
    ),
    requestEnded: ({ method, status, cacheResult, durationMs }: ProxiedRequest) => {
      const name = METHODS.has(method) ? method : 'other';
      const key = `${name} ${status} ${cacheResult}`;
      const count = requests.get(key);
      if (count) count.value++;
      else {
        const labels = { method: name, code: String(status), cache: cacheResult };
        requests.set(key, { labels, value: 1 });
      }
      durations.observe(durationMs / 1000);
      if (cacheResult === 'none' || cacheResult === 'bypass') return;
      lookups++;
      if (cacheResult !== 'miss') hits++;
    },
  };
}
