/** Metrics of the endpoint cache: what promgate asked endpoints, and what it answered. */
import type { MetricRegistry } from './registry.ts';

const BUCKETS_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The words of each label; each series is there from the start: `rate` sees the first failure. */
export interface EndpointWords {
  readonly results: readonly string[];
  readonly codes: readonly string[];
}

export function endpointMetrics(registry: MetricRegistry, { results, codes }: EndpointWords) {
  const fetches = registry.counter(
    'promgate_endpoint_fetches_total',
    'Fetches of endpoints, by result: ok, or the word of the failure.',
    ['result'],
  );
  const fetchSeconds = registry.histogram(
    'promgate_endpoint_fetch_duration_seconds',
    'Time that a fetch of an endpoint took.',
    BUCKETS_SECONDS,
    [],
  );
  const fetchedBytes = registry.counter(
    'promgate_endpoint_fetched_bytes_total',
    'Bytes of pages of endpoints, after decompression.',
  );
  const refused = registry.counter(
    'promgate_endpoint_requests_failed_total',
    'Requests for endpoints that were answered with an error, by its code.',
    ['code'],
  );
  for (const result of results) fetches.inc({ result }, 0);
  for (const code of codes) refused.inc({ code }, 0);
  return {
    fetched: (result: string, seconds: number, bytes: number): void => {
      fetches.inc({ result });
      fetchSeconds.observe(seconds);
      fetchedBytes.inc(bytes);
    },
    refused: (code: string): void => refused.inc({ code }),
  };
}
