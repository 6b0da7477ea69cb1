/** Metrics of promgate as an HTTP server: requests, and connections that failed. */
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
  const requests = registry.counter('promgate_http_requests_total', 'Requests answered.', [
    'handler',
    'code',
  ]);
  const requestSeconds = registry.histogram(
    'promgate_http_request_duration_seconds',
    'Time from the head of a request to the last byte of the answer.',
    BUCKETS_SECONDS,
    ['handler'],
  );
  const open = registry.gauge('promgate_http_open_requests', 'Requests being answered.');
  return {
    requestBegan: () => open.inc(),
    requestEnded: ({ handler, status, seconds }: RequestEnd) => {
      open.dec();
      requests.inc({ handler, code: String(status) });
      requestSeconds.observe({ handler }, seconds);
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
