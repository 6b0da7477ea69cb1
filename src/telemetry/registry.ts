/**
 * The program's own metrics, as prom-client keeps and prints them.
 *
 * Names that begin with `promfetch_` are Promfetcher's, so that its dashboards and alerts go on
 * working. Whatever belongs to an app lives in `app-metrics.ts`, and goes away with the app.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { AppMetrics, type AppScrape } from './app-metrics.ts';

/** Seconds: from an instance next door to the longest deadline. */
const FETCH_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const HTTP_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Looked up when the metrics are read, so that nothing has to be pushed here. */
export interface Levels {
  readonly table: {
    readonly routes: number;
    readonly endpoints: number;
    readonly apps: number;
    /** Addresses that several instances claim, so that none of them is asked. */
    readonly ambiguous?: number | undefined;
  };
  /** Undefined: the source has never worked. */
  readonly sources?:
    | readonly { readonly name: string; readonly ageMs: number | undefined }[]
    | undefined;
  readonly pool: {
    readonly used: number;
    readonly limit: number;
    readonly waiting: number;
    readonly bytesInFlight: number;
    readonly bytesLimit: number;
  };
  /** Undefined without a broker. */
  readonly bindings?:
    | {
        readonly known: number;
        /** Since the database was last read; undefined: it was not yet. */
        readonly ageSeconds: number | undefined;
      }
    | undefined;
}

export interface MetricsOptions<F extends string> {
  readonly version: string;
  /** The closed set of reasons why an instance gave no page. */
  readonly failures: readonly F[];
  readonly levels: () => Levels;
  /** Whether an app is in the route table: others get no series. */
  readonly knowsApp: (appId: string) => boolean;
  /** Seconds since 1970. */
  readonly now?: () => number;
}

export interface RequestEnd {
  /** The name of the handler: one of a closed set. */
  readonly handler: string;
  readonly status: number;
  readonly seconds: number;
}

export interface BrokerCall {
  /** One of a closed set. */
  readonly operation: string;
  readonly status: number;
}

/** What the rest of the program reports; `src/app.ts` connects it to the stages' observers. */
export interface Metrics<F extends string> {
  /** An app was asked: one entry per instance. */
  readonly appScraped: (scrape: AppScrape<F>) => void;
  /** An external exporter was asked. */
  readonly exporterAsked: (seconds: number, failure?: F) => void;
  /** The app left the route table: its series go. */
  readonly forgetApp: (appId: string) => void;
  readonly typeConflicts: (count: number) => void;
  readonly reservedSamplesDropped: (count: number) => void;
  /** An instance's answer was no HTTP by the standard, and was read all the same. */
  readonly lenientAnswer: () => void;
  /** Samples that a binding does not want. */
  readonly filteredSamplesDropped: (count: number) => void;
  /** Samples of series that an earlier endpoint of the instance gave already. */
  readonly duplicateSamplesDropped: (count: number) => void;
  /** Samples of OpenMetrics whose timestamp text cannot say. */
  readonly timestampsDropped: (count: number) => void;
  /** The broker was called. */
  readonly brokerCalled: (call: BrokerCall) => void;
  /** The database of bindings cannot be read any more. */
  readonly databaseAway: () => void;
  /** A source gave a whole table, or a message that was understood. */
  readonly routesRead: (source: string) => void;
  /** A poll failed. */
  readonly routesFailed: (source: string) => void;
  /** A table had lost so many apps that it was not believed at once. */
  readonly routesDoubted: (source: string) => void;
  readonly malformedRouteMessage: (source: string) => void;
  readonly requestBegan: () => void;
  readonly requestEnded: (request: RequestEnd) => void;
  /** A connection that did not speak HTTP, was too slow, or broke off. */
  readonly clientError: (reason: string) => void;
  /** A request for an app page was refused, since too many are under way. */
  readonly requestRefused: () => void;
  readonly logLineDropped: () => void;
  /** The page in text format 0.0.4. */
  readonly print: () => Promise<string>;
}

/** Makes all metrics, and keeps what is told to them. */
export function createRegistry<F extends string>(options: MetricsOptions<F>): Metrics<F> {
  const { version, failures, levels, knowsApp, now = () => Date.now() / 1000 } = options;
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read());
      },
    });
  };

  const apps = new AppMetrics<F>(registers);
  const fetchFailures = counter('promgate_fetch_failures_total', 'Instances that gave no page.', [
    'failure',
  ]);
  for (const failure of failures) fetchFailures.inc({ failure }, 0);
  const lenient = counter(
    'promgate_fetch_lenient_answers_total',
    'Answers of instances that break the HTTP standard and were read by the lenient parser.',
  );
  const fetchSeconds = new Histogram({
    name: 'promgate_fetch_duration_seconds',
    help: 'How long an instance or external exporter took to answer or to fail.',
    buckets: FETCH_BUCKETS,
    registers,
  });
  const conflicts = counter(
    'promgate_merge_type_conflicts_total',
    'Metric names that instances of one app declared with different types.',
  );
  const reserved = counter(
    'promgate_merge_reserved_samples_dropped_total',
    "Samples of apps and external exporters left out, since their names are promgate's or Promfetcher's.",
  );

  const filtered = counter(
    'promgate_merge_filtered_samples_dropped_total',
    'Samples of apps under names that their bindings do not want.',
  );
  const duplicates = counter(
    'promgate_merge_duplicate_samples_dropped_total',
    'Samples of series that an earlier endpoint of the same instance gave already.',
  );
  const timestamps = counter(
    'promgate_merge_timestamps_dropped_total',
    'Samples of OpenMetrics that lost their timestamp, since the text format cannot say it.',
  );
  const brokerCalls = counter('promgate_broker_requests_total', 'Calls of the service broker.', [
    'operation',
    'code',
  ]);
  const databaseFailures = counter(
    'promgate_database_failures_total',
    'Times that the database of bindings could not be read, or took no changes, any more.',
  );
  if (levels().bindings) {
    gauge('promgate_bindings', 'Bindings known.', () => levels().bindings?.known ?? 0);
    gauge(
      'promgate_bindings_age_seconds',
      'Time since the database of bindings was last read.',
      () => levels().bindings?.ageSeconds ?? Number.NaN,
    );
  }

  const failedReads = counter(
    'promfetch_scrape_route_failed_total',
    'Number of times that routes could not be read.',
  );
  const pollFailures = counter(
    'promgate_route_source_failures_total',
    'Failed attempts to read a route source.',
    ['source'],
  );
  const malformed = counter(
    'promgate_route_source_malformed_messages_total',
    'Messages of a route source that could not be understood.',
    ['source'],
  );
  const doubted = counter(
    'promgate_route_source_doubted_tables_total',
    'Tables that listed less than half of the apps, and were not used unless the next one did too.',
    ['source'],
  );
  const lastSuccess = new Gauge({
    name: 'promgate_route_source_last_success_timestamp_seconds',
    help: 'When the route source was last read.',
    labelNames: ['source'],
    registers,
  });
  new Gauge({
    name: 'promgate_route_source_age_seconds',
    help: 'For how long the route source has been failing since it last worked; 0 while it works.',
    labelNames: ['source'],
    registers,
    collect() {
      for (const { name: source, ageMs } of levels().sources ?? []) {
        if (ageMs !== undefined) this.set({ source }, ageMs / 1000);
      }
    },
  });
  let routesReadAt: number | undefined;
  new Gauge({
    name: 'promfetch_latest_time_scrape_route',
    help: 'Last time that routes have been read, in seconds ago.',
    registers,
    collect() {
      if (routesReadAt === undefined) this.remove();
      else this.set(Math.max(0, now() - routesReadAt));
    },
  });

  gauge('promgate_routes', 'Routes in the table.', () => levels().table.routes);
  gauge('promgate_route_endpoints', 'Endpoints in the table.', () => levels().table.endpoints);
  gauge('promgate_apps', 'Apps in the table.', () => levels().table.apps);
  gauge(
    'promgate_route_ambiguous_addresses',
    'Addresses that several instances claim at once, so that none of them is asked.',
    () => levels().table.ambiguous ?? 0,
  );
  gauge('promgate_scrape_slots_used', 'Instances being asked.', () => levels().pool.used);
  gauge('promgate_scrape_slots', 'Instances that may be asked at once.', () => levels().pool.limit);
  gauge('promgate_scrape_waiting', 'Fetches that wait for a slot.', () => levels().pool.waiting);
  gauge(
    'promgate_scrape_bytes_in_flight',
    'Bytes of pages held now.',
    () => levels().pool.bytesInFlight,
  );
  gauge(
    'promgate_scrape_bytes_limit',
    'Bytes of pages that may be held at once.',
    () => levels().pool.bytesLimit,
  );

  const requests = counter('promgate_http_requests_total', 'Requests answered.', [
    'handler',
    'code',
  ]);
  const requestSeconds = new Histogram({
    name: 'promgate_http_request_duration_seconds',
    help: 'From the head of a request to the last byte of its answer.',
    labelNames: ['handler'],
    buckets: HTTP_BUCKETS,
    registers,
  });
  let open = 0;
  gauge('promgate_http_open_requests', 'Requests being answered.', () => open);
  const refusedRequests = counter(
    'promgate_http_requests_refused_total',
    'Requests for app pages that were refused, since too many were under way.',
  );
  const clientErrors = counter(
    'promgate_http_client_errors_total',
    'Connections that were not understood, too slow or broken.',
    ['reason'],
  );
  const dropped = counter(
    'promgate_log_lines_dropped_total',
    'Lines of the log that nobody read in time.',
  );
  new Gauge({
    name: 'promgate_build_info',
    help: 'The version of promgate and of Node.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 });

  const fetched = (seconds: number, failure?: F): void => {
    fetchSeconds.observe(seconds);
    if (failure !== undefined) fetchFailures.inc({ failure });
  };
  return {
    appScraped: (scrape) => {
      for (const { seconds, failure } of scrape.instances) fetched(seconds, failure);
      if (knowsApp(scrape.app.appId)) apps.record(scrape);
    },
    exporterAsked: fetched,
    forgetApp: (appId) => apps.forget(appId),
    typeConflicts: (count) => conflicts.inc(count),
    reservedSamplesDropped: (count) => reserved.inc(count),
    lenientAnswer: () => lenient.inc(),
    filteredSamplesDropped: (count) => filtered.inc(count),
    duplicateSamplesDropped: (count) => duplicates.inc(count),
    timestampsDropped: (count) => timestamps.inc(count),
    brokerCalled: ({ operation, status }) => brokerCalls.inc({ operation, code: String(status) }),
    databaseAway: () => databaseFailures.inc(),
    routesRead: (source) => {
      routesReadAt = now();
      lastSuccess.set({ source }, routesReadAt);
    },
    routesFailed: (source) => {
      failedReads.inc();
      pollFailures.inc({ source });
    },
    routesDoubted: (source) => doubted.inc({ source }),
    malformedRouteMessage: (source) => {
      failedReads.inc();
      malformed.inc({ source });
    },
    requestBegan: () => {
      open += 1;
    },
    requestEnded: ({ handler, status, seconds }) => {
      open -= 1;
      requests.inc({ handler, code: String(status) });
      requestSeconds.observe({ handler }, seconds);
    },
    requestRefused: () => refusedRequests.inc(),
    clientError: (reason) => clientErrors.inc({ reason }),
    logLineDropped: () => dropped.inc(),
    print: () => registry.metrics(),
  };
}
