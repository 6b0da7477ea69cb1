/** Metrics of the route table and of the sources that it is read from. */
import type { MetricRegistry } from './registry.ts';

export interface TableLevels {
  readonly routes: number;
  readonly endpoints: number;
  readonly apps: number;
  /** Addresses that several instances claim, so that none of them is asked. */
  readonly ambiguous: number;
}

/** A route source; without an age it has never worked. */
export interface SourceLevels {
  readonly name: string;
  readonly ageMs: number | undefined;
}

export type RouteMetrics = ReturnType<typeof routeMetrics>;

export function routeMetrics(registry: MetricRegistry, now = () => Date.now() / 1000) {
  const failedReads = registry.counter(
    'promfetch_scrape_route_failed_total',
    'Number of times that routes could not be read.',
  );
  const failures = registry.counter(
    'promgate_route_source_failures_total',
    'Failed attempts to read a route source.',
    ['source'],
  );
  const malformed = registry.counter(
    'promgate_route_source_malformed_messages_total',
    'Messages of a route source that could not be understood.',
    ['source'],
  );
  const lastSuccess = registry.gauge(
    'promgate_route_source_last_success_timestamp_seconds',
    'When the route source was last read.',
    ['source'],
  );
  let readAt: number | undefined;
  registry.level(
    'promfetch_latest_time_scrape_route',
    'Last time that routes have been read, in seconds ago.',
    () => (readAt === undefined ? undefined : Math.max(0, now() - readAt)),
  );
  return {
    /** A source gave a whole table, or a message that was understood. */
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
    doubtedTables: registry.counter(
      'promgate_route_source_doubted_tables_total',
      'Tables that listed less than half of the apps, and were not used unless the next one did too.',
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
    'Addresses that several instances claim at once, so that none of them is asked.',
    () => table().ambiguous,
  );
}

export function sourceLevels(registry: MetricRegistry, sources: readonly SourceLevels[]): void {
  registry.levels(
    'promgate_route_source_age_seconds',
    'For how long the route source has been failing since it last worked; 0 while it works.',
    'source',
    () => sources.flatMap(({ name, ageMs }) => (ageMs === undefined ? [] : [[name, ageMs / 1000]])),
  );
}
