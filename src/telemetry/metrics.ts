/**
 * The program's own metrics: what can be told to them, and what `/metrics` prints.
 *
 * prom-client takes 15 ms to load, a tenth of the start: what is told before waits in a queue.
 * `registry.ts` holds the metrics themselves.
 */
import type { Metrics, MetricsOptions } from './registry.ts';

export type { Metrics } from './registry.ts';

/**
 * The content type of `print`. OpenMetrics is not offered: prom-client renames its counters to write
 * it, also in what it writes as text afterwards.
 */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Further reports before `load` are forgotten. */
const MAX_WAITING = 10_000;

/** Metrics that can be told at once, and are loaded later. */
export interface LateMetrics<F extends string> extends Metrics<F> {
  /** To be called when the program listens. `print` does it too. */
  readonly load: () => Promise<void>;
}

export function createMetrics<F extends string>(options: MetricsOptions<F>): LateMetrics<F> {
  type Report = (metrics: Metrics<F>) => void;
  const waiting: Report[] = [];
  let metrics: Metrics<F> | undefined;
  let loading: Promise<Metrics<F>> | undefined;
  const load = (): Promise<Metrics<F>> => {
    loading ??= import('./registry.ts').then(({ createRegistry }) => {
      metrics = createRegistry(options);
      for (const report of waiting.splice(0)) report(metrics);
      return metrics;
    });
    return loading;
  };
  const tell = (report: Report): void => {
    if (metrics) report(metrics);
    else if (waiting.length < MAX_WAITING) waiting.push(report);
  };
  return {
    appScraped: (scrape) => tell((to) => to.appScraped(scrape)),
    exporterAsked: (seconds, failure) => tell((to) => to.exporterAsked(seconds, failure)),
    forgetApp: (appId) => tell((to) => to.forgetApp(appId)),
    typeConflicts: (count) => tell((to) => to.typeConflicts(count)),
    reservedSamplesDropped: (count) => tell((to) => to.reservedSamplesDropped(count)),
    lenientAnswer: () => tell((to) => to.lenientAnswer()),
    filteredSamplesDropped: (count) => tell((to) => to.filteredSamplesDropped(count)),
    duplicateSamplesDropped: (count) => tell((to) => to.duplicateSamplesDropped(count)),
    timestampsDropped: (count) => tell((to) => to.timestampsDropped(count)),
    brokerCalled: (call) => tell((to) => to.brokerCalled(call)),
    databaseAway: () => tell((to) => to.databaseAway()),
    routesRead: (source) => tell((to) => to.routesRead(source)),
    routesFailed: (source) => tell((to) => to.routesFailed(source)),
    routesDoubted: (source) => tell((to) => to.routesDoubted(source)),
    malformedRouteMessage: (source) => tell((to) => to.malformedRouteMessage(source)),
    requestBegan: () => tell((to) => to.requestBegan()),
    requestEnded: (request) => tell((to) => to.requestEnded(request)),
    requestRefused: () => tell((to) => to.requestRefused()),
    clientError: (reason) => tell((to) => to.clientError(reason)),
    logLineDropped: () => tell((to) => to.logLineDropped()),
    load: async () => {
      await load();
    },
    print: async () => (await load()).print(),
  };
}
