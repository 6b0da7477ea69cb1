/**
 * Promfetcher's two metrics of apps: failed and successful fetches.
 *
 * An app's series are dropped when the app leaves the route table or changes its name. The number
 * of all series has a bound.
 */
import type { Counter } from 'prom-client';
import type { MetricRegistry } from './registry.ts';

/** Bound on the series of all apps together. */
const MAX_SERIES = 50_000;

const APP_LABELS = [
  'organization_id',
  'space_id',
  'app_id',
  'organization_name',
  'space_name',
  'app_name',
] as const;
const INSTANCE_LABELS = [...APP_LABELS, 'index', 'instance_id'] as const;

/** The app of a scrape, with the guids and names of the route table. */
export interface ScrapedApp {
  readonly organizationId: string;
  readonly spaceId: string;
  readonly appId: string;
  readonly organizationName: string;
  readonly spaceName: string;
  readonly appName: string;
}

/** The outcome of a scrape of one app. */
export interface AppScrape<F extends string> {
  readonly app: ScrapedApp;
  readonly instances: readonly {
    readonly index: string;
    readonly failure?: F | undefined;
  }[];
}

/** The series that exist for one app. */
interface Series {
  /** Organization, space and app name in the series' labels, as JSON. */
  readonly names: string;
  readonly labels: Readonly<Record<(typeof APP_LABELS)[number], string>>;
  succeeded: boolean;
  readonly failedIndexes: Set<string>;
}

export class AppMetrics<F extends string> {
  readonly #failed: Counter<(typeof INSTANCE_LABELS)[number]>;
  readonly #succeeded: Counter<(typeof APP_LABELS)[number]>;
  readonly #refused: Counter;
  readonly #apps = new Map<string, Series>();
  readonly #maxSeries: number;
  #count = 0;

  constructor(registry: MetricRegistry, maxSeries = MAX_SERIES) {
    this.#maxSeries = maxSeries;
    this.#failed = registry.counter(
      'promfetch_metric_fetch_failed_total',
      'Number of failed fetches of metrics, by instance.',
      INSTANCE_LABELS,
    );
    this.#succeeded = registry.counter(
      'promfetch_metric_fetch_success_total',
      'Number of successful fetches of metrics, all instances of an app together.',
      APP_LABELS,
    );
    this.#refused = registry.counter(
      'promgate_app_series_refused_total',
      'Fetches that promgate does not count by app, since there are too many series.',
    );
  }

  /** The number of series that exist now; at most the bound. */
  get count(): number {
    return this.#count;
  }

  /** Counts a scrape; series beyond the bound are only counted as refused. */
  record({ app, instances }: AppScrape<F>): void {
    const series = this.#seriesOf(app);
    for (const { index, failure } of instances) {
      if (failure === undefined) this.#recordSuccess(series);
      else this.#recordFailure(series, index);
    }
    if (!series.succeeded && series.failedIndexes.size === 0) this.#apps.delete(app.appId);
  }

  /** Drops the series of an app. */
  forget(appId: string): void {
    const series = this.#apps.get(appId);
    if (!series) return;
    const { labels } = series;
    if (series.succeeded) this.#succeeded.remove(labels);
    for (const index of series.failedIndexes) {
      this.#failed.remove({ ...labels, index, instance_id: index });
    }
    this.#count -= series.failedIndexes.size + (series.succeeded ? 1 : 0);
    this.#apps.delete(appId);
  }

  #seriesOf(app: ScrapedApp): Series {
    const names = JSON.stringify([app.organizationName, app.spaceName, app.appName]);
    const known = this.#apps.get(app.appId);
    if (known?.names === names) return known;
    this.forget(app.appId);
    const labels = {
      organization_id: app.organizationId,
      space_id: app.spaceId,
      app_id: app.appId,
      organization_name: app.organizationName,
      space_name: app.spaceName,
      app_name: app.appName,
    };
    const series: Series = { names, labels, succeeded: false, failedIndexes: new Set() };
    this.#apps.set(app.appId, series);
    return series;
  }

  #recordSuccess(series: Series): void {
    if (!series.succeeded && !this.#admit()) return;
    series.succeeded = true;
    this.#succeeded.inc(series.labels);
  }

  #recordFailure(series: Series, index: string): void {
    if (!series.failedIndexes.has(index) && !this.#admit()) return;
    series.failedIndexes.add(index);
    this.#failed.inc({ ...series.labels, index, instance_id: index });
  }

  #admit(): boolean {
    if (this.#count >= this.#maxSeries) {
      this.#refused.inc();
      return false;
    }
    this.#count += 1;
    return true;
  }
}
