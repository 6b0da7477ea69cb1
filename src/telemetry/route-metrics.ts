/** Metrics of the route table and of its sources. */
import { cfApiMetrics } from './cf-api-metrics.ts';
import type { MetricRegistry } from './registry.ts';

export interface TableLevels {
  readonly routes: number;
  readonly endpoints: number;
  readonly apps: number;
  /** Addresses that several instances claim; promgate asks none of these instances. */
  readonly ambiguous: number;
}

export interface SourceLevels {
  readonly name: string;
  /** Time since the failing source last worked; 0 while it works, undefined if it never worked. */
  readonly ageMs: number | undefined;
}

export type RouteMetrics = ReturnType<typeof routeMetrics>;

export function routeMetrics(registry: MetricRegistry, now = () => Date.now() / 1000) {
  const failedReads = registry.counter(
    'promfetch_scrape_route_failed_total',
    'Number of times that promgate could not read routes.',
  );
  const failures = registry.counter(
    'promgate_route_source_failures_total',
    'Failed attempts to read a route source.',
    ['source'],
  );
  const malformed = registry.counter(
    'promgate_route_source_malformed_messages_total',
    'Malformed messages of a route source.',
    ['source'],
  );
  const lastSuccess = registry.gauge(
    'promgate_route_source_last_success_timestamp_seconds',
    'Time when promgate last read the route source.',
    ['source'],
  );
  let readAt: number | undefined;
  registry.level(
    'promfetch_latest_time_scrape_route',
    'Seconds since promgate last read routes.',
    () => (readAt === undefined ? undefined : Math.max(0, now() - readAt)),
  );
  return {
    /** A source gave a whole table or a well-formed message. */
    read: (source: string) => {
      readAt = now();
      lastSuccess.set({ source }, readAt);
    },
    /** A poll failed. */
    failed: (source: string) => {
      failedReads.inc();
      failures.inc({ source });
    },
    malformedMessage: (source: string) => {
      failedReads.inc();
      malformed.inc({ source });
    },
    cfApi: cfApiMetrics(registry),
    doubtedTables: registry.counter(
      'promgate_route_source_doubted_tables_total',
      'Tables with less than half of the known apps, which promgate uses only if the next table agrees.',
      ['source'],
    ),
  };
}

export function tableLevels(registry: MetricRegistry, table: () => TableLevels): void {
  registry.level('promgate_routes', 'Routes in the table.', () => table().routes);
  registry.level('promgate_route_endpoints', 'Endpoints in the table.', () => table().endpoints);
  registry.level('promgate_apps', 'Apps in the table.', () => table().apps);
  registry.level(
    'promgate_route_ambiguous_addresses',
    'Addresses that several instances claim at once; promgate asks none of these instances.',
    () => table().ambiguous,
  );
}

export function sourceLevels(registry: MetricRegistry, sources: readonly SourceLevels[]): void {
  registry.levels(
    'promgate_route_source_age_seconds',
    'Time since the failing route source last worked; 0 while it works.',
    'source',
    () => sources.flatMap(({ name, ageMs }) => (ageMs === undefined ? [] : [[name, ageMs / 1000]])),
  );
}
