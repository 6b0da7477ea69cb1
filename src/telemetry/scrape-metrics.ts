/** Metrics of scrapes: instances asked, pages merged, slots and memory used. */
import { AppMetrics, type AppScrape } from './app-metrics.ts';
import type { MetricRegistry } from './registry.ts';

/** From a near instance to the default of the longest deadline. */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface PoolLevels {
  readonly used: number;
  readonly limit: number;
  readonly waiting: number;
  readonly bytesInFlight: number;
  readonly bytesLimit: number;
  /** Open connections to instances; idle ones wait for the next scrape. */
  readonly connections: { readonly busy: number; readonly idle: number };
}

export interface ScrapeMetricsOptions<F extends string> {
  /** The closed set of reasons why an instance gives no page. */
  readonly failures: readonly F[];
  /** The closed set of ways to an instance. */
  readonly ways?: readonly string[];
}

export type ScrapeMetrics<F extends string> = ReturnType<typeof scrapeMetrics<F>>;

export function scrapeMetrics<F extends string>(
  registry: MetricRegistry,
  { failures, ways = [] }: ScrapeMetricsOptions<F>,
) {
  const apps = new AppMetrics<F>(registry);
  const fetchFailures = registry.counter(
    'promgate_fetch_failures_total',
    'Instances that gave no page.',
    ['failure'],
  );
  for (const failure of failures) fetchFailures.inc({ failure }, 0);
  const attempts = registry.counter(
    'promgate_way_attempts_total',
    'Attempts to ask instances, by the way that promgate chose: direct, gorouter, identity or internal.',
    ['via', 'result'],
  );
  for (const via of ways) {
    for (const result of ['page', 'failure']) attempts.inc({ via, result }, 0);
  }
  const fetchSeconds = registry.histogram(
    'promgate_fetch_duration_seconds',
    'Time that an instance or external exporter took to answer or to fail.',
    BUCKETS_SECONDS,
  );
  return {
    ...mergeCounters(registry),
    /** An instance or an external exporter was asked. */
    fetched: (seconds: number, failure?: F) => {
      fetchSeconds.observe(seconds);
      if (failure !== undefined) fetchFailures.inc({ failure });
    },
    /** An instance was asked by a way that promgate chose. */
    attempted: (via: string, failure: F | undefined) =>
      attempts.inc({ via, result: failure === undefined ? 'page' : 'failure' }),
    /** An app of the route table was asked; `scrape` has one entry per instance. */
    appScraped: (scrape: AppScrape<F>) => apps.record(scrape),
    /** The app left the route table: drops its series. */
    forgetApp: (appId: string) => apps.forget(appId),

    lenientAnswers: registry.counter(
      'promgate_fetch_lenient_answers_total',
      'Answers of instances that break the HTTP standard, which the lenient parser read.',
    ),
  };
}

function mergeCounters(registry: MetricRegistry) {
  return {
    typeConflicts: registry.counter(
      'promgate_merge_type_conflicts_total',
      'Metric names that instances of one app declared with different types.',
    ),
    reservedSamples: registry.counter(
      'promgate_merge_reserved_samples_dropped_total',
      "Samples of apps and external exporters that were dropped, since their names are promgate's or Promfetcher's.",
    ),
    filteredSamples: registry.counter(
      'promgate_merge_filtered_samples_dropped_total',
      'Samples of apps that were dropped by allow or deny of a binding.',
    ),
    duplicateSamples: registry.counter(
      'promgate_merge_duplicate_samples_dropped_total',
      'Samples that were dropped, since an earlier endpoint of the instance has the same series.',
    ),
    undatedSamples: registry.counter(
      'promgate_merge_timestamps_dropped_total',
      'Samples of OpenMetrics that lost their timestamp, since the text format cannot express it.',
    ),
  };
}

/** Adds the levels of the slots, and of the memory for pages. */
export function poolLevels(registry: MetricRegistry, pool: () => PoolLevels): void {
  registry.level(
    'promgate_scrape_slots_used',
    'Instances that promgate asks now.',
    () => pool().used,
  );
  registry.level(
    'promgate_scrape_slots',
    'Instances that promgate may ask at once.',
    () => pool().limit,
  );
  registry.level('promgate_scrape_waiting', 'Fetches that wait for a slot.', () => pool().waiting);
  registry.level(
    'promgate_scrape_bytes_in_flight',
    'Bytes of pages that promgate holds now.',
    () => pool().bytesInFlight,
  );
  registry.level(
    'promgate_scrape_bytes_limit',
    'Bytes of pages that promgate may hold at once.',
    () => pool().bytesLimit,
  );
  registry.levels(
    'promgate_scrape_connections',
    'Open connections to instances: idle ones wait for the next scrape.',
    'state',
    () => Object.entries(pool().connections),
  );
}
