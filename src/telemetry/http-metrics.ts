/** Metrics of promgate as an HTTP server: requests, and connections that failed. */
import { Durations } from './durations.ts';
import type { MetricRegistry } from './registry.ts';

const BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface RequestEnd {
  /** The name of the route, from a closed set. */
  readonly handler: string;
  readonly status: number;
  readonly seconds: number;
}

export type HttpMetrics = ReturnType<typeof httpMetrics>;

export function httpMetrics(registry: MetricRegistry) {
  const requests = new Map<string, { readonly labels: Record<string, string>; value: number }>();
  registry.counted('promgate_http_requests_total', 'Requests answered.', 'counter', () => [
    ...requests.values(),
  ]);
  const durations = new Map<string, Durations>();
  registry.counted(
    'promgate_http_request_duration_seconds',
    'Time from the head of a request to the last byte of the answer.',
    'histogram',
    () => [...durations].flatMap(([handler, one]) => one.samples({ handler })),
  );
  const open = registry.gauge('promgate_http_open_requests', 'Requests being answered.');
  return {
    requestBegan: () => open.inc(),
    requestEnded: ({ handler, status, seconds }: RequestEnd) => {
      open.dec();
      const key = `${handler} ${status}`;
      const count = requests.get(key);
      if (count) count.value++;
      else requests.set(key, { labels: { handler, code: String(status) }, value: 1 });
      const known = durations.get(handler);
      const times = known ?? new Durations(BUCKETS_SECONDS);
      if (!known) durations.set(handler, times);
      times.observe(seconds);
    },
    refusedRequests: registry.counter(
      'promgate_http_requests_refused_total',
      'Requests for pages that promgate refused, since too many were under way.',
    ),
    clientErrors: registry.counter(
      'promgate_http_client_errors_total',
      'Connections that did not speak HTTP, were too slow or broke off.',
      ['reason'],
    ),
  };
}
