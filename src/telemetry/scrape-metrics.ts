/** Metrics of scrapes: instances asked, pages merged, room and slots used. */
import { AppMetrics, type AppScrape } from './app-metrics.ts';
import type { MetricRegistry } from './registry.ts';

/** From an instance next door to the longest deadline. */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface PoolLevels {
  readonly used: number;
  readonly limit: number;
  readonly waiting: number;
  readonly bytesInFlight: number;
  readonly bytesLimit: number;
}

export interface ScrapeMetricsOptions<F extends string> {
  /** The closed set of reasons why an instance gave no page. */
  readonly failures: readonly F[];
}

export type ScrapeMetrics<F extends string> = ReturnType<typeof scrapeMetrics<F>>;

export function scrapeMetrics<F extends string>(
  registry: MetricRegistry,
  { failures }: ScrapeMetricsOptions<F>,
) {
  const apps = new AppMetrics<F>(registry);
  const fetchFailures = registry.counter(
    'promgate_fetch_failures_total',
    'Instances that gave no page.',
    ['failure'],
  );
  for (const failure of failures) fetchFailures.inc({ failure }, 0);
  const fetchSeconds = registry.histogram(
    'promgate_fetch_duration_seconds',
    'How long an instance or external exporter took to answer or to fail.',
    BUCKETS_SECONDS,
  );
  return {
    ...mergeCounters(registry),
    /** An instance or an external exporter was asked. */
    fetched: (seconds: number, failure?: F) => {
      fetchSeconds.observe(seconds);
      if (failure !== undefined) fetchFailures.inc({ failure });
    },
    /** An app of the route table was asked: one entry per instance. */
    appScraped: (scrape: AppScrape<F>) => apps.record(scrape),
    /** The app left the route table: its series go. */
    forgetApp: (appId: string) => apps.forget(appId),
    /** An instance's answer was no HTTP by the standard, and was read all the same. */
    lenientAnswers: registry.counter(
      'promgate_fetch_lenient_answers_total',
      'Answers of instances that break the HTTP standard and were read by the lenient parser.',
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
      "Samples of apps and external exporters left out, since their names are promgate's or Promfetcher's.",
    ),
    filteredSamples: registry.counter(
      'promgate_merge_filtered_samples_dropped_total',
      'Samples of apps under names that their bindings do not want.',
    ),
    duplicateSamples: registry.counter(
      'promgate_merge_duplicate_samples_dropped_total',
      'Samples of series that an earlier endpoint of the same instance gave already.',
    ),
    undatedSamples: registry.counter(
      'promgate_merge_timestamps_dropped_total',
      'Samples of OpenMetrics that lost their timestamp, since the text format cannot say it.',
    ),
  };
}

/** What is used of the slots and the room for pages, once there is a pool. */
export function poolLevels(registry: MetricRegistry, pool: () => PoolLevels): void {
  registry.level('promgate_scrape_slots_used', 'Instances being asked.', () => pool().used);
  registry.level(
    'promgate_scrape_slots',
    'Instances that may be asked at once.',
    () => pool().limit,
  );
  registry.level('promgate_scrape_waiting', 'Fetches that wait for a slot.', () => pool().waiting);
  registry.level(
    'promgate_scrape_bytes_in_flight',
    'Bytes of pages held now.',
    () => pool().bytesInFlight,
  );
  registry.level(
    'promgate_scrape_bytes_limit',
    'Bytes of pages that may be held at once.',
    () => pool().bytesLimit,
  );
}
