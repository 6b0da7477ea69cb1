/**
 * The program's own metrics: what can be told to them, and what `/metrics` prints.
 *
 * prom-client takes 15 ms to load, a tenth of the start: what is told before waits in a queue.
 * `registry.ts` holds the metrics themselves.
 */
import type { AppScrape } from './app-metrics.ts';

/**
 * The content type of `print`. OpenMetrics is not offered: prom-client renames its counters to write
 * it, also in what it writes as text afterwards.
 */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Further reports before `load` are forgotten. */
const MAX_WAITING = 10_000;

/** Looked up when the metrics are read, so that nothing has to be pushed here. */
export interface Levels {
  readonly table: { readonly routes: number; readonly endpoints: number; readonly apps: number };
  readonly pool: {
    readonly used: number;
    readonly limit: number;
    readonly waiting: number;
    readonly bytesInFlight: number;
    readonly bytesLimit: number;
  };
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
  /** A source gave a whole table, or a message that was understood. */
  readonly routesRead: (source: string) => void;
  /** A poll failed. */
  readonly routesFailed: (source: string) => void;
  readonly malformedRouteMessage: (source: string) => void;
  readonly requestBegan: () => void;
  readonly requestEnded: (request: RequestEnd) => void;
  /** A connection that did not speak HTTP, was too slow, or broke off. */
  readonly clientError: (reason: string) => void;
  readonly logLineDropped: () => void;
  /** The page in text format 0.0.4. */
  readonly print: () => Promise<string>;
}

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
    routesRead: (source) => tell((to) => to.routesRead(source)),
    routesFailed: (source) => tell((to) => to.routesFailed(source)),
    malformedRouteMessage: (source) => tell((to) => to.malformedRouteMessage(source)),
    requestBegan: () => tell((to) => to.requestBegan()),
    requestEnded: (request) => tell((to) => to.requestEnded(request)),
    clientError: (reason) => tell((to) => to.clientError(reason)),
    logLineDropped: () => tell((to) => to.logLineDropped()),
    load: async () => {
      await load();
    },
    print: async () => (await load()).print(),
  };
}
