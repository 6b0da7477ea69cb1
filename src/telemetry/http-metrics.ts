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

/** The ended requests of a route. */
interface Ended {
  readonly durations: Durations;
  /** By status. */
  readonly counts: Map<number, number>;
}

export function httpMetrics(registry: MetricRegistry) {
  const routes = new Map<string, Ended>();
  registry.counted('promgate_http_requests_total', 'Requests answered.', 'counter', () =>
    [...routes].flatMap(([handler, { counts }]) =>
      [...counts].map(([status, value]) => ({ labels: { handler, code: String(status) }, value })),
    ),
  );
  registry.counted(
    'promgate_http_request_duration_seconds',
    'Time from the head of a request to the last byte of the answer.',
    'histogram',
    () => [...routes].flatMap(([handler, { durations }]) => durations.samples({ handler })),
  );
  let open = 0;
  registry.level('promgate_http_open_requests', 'Requests being answered.', () => open);
  return {
    requestBegan: () => {
      open += 1;
    },
    requestEnded: ({ handler, status, seconds }: RequestEnd) => {
      open -= 1;
      let ended = routes.get(handler);
      if (!ended) {
        ended = { durations: new Durations(BUCKETS_SECONDS), counts: new Map() };
        routes.set(handler, ended);
      }
      ended.counts.set(status, (ended.counts.get(status) ?? 0) + 1);
      ended.durations.observe(seconds);
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
