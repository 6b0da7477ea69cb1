/**
 * Builds and connects all parts from a configuration: the composition root.
 */
import type { RequestListener } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { type Config, configWarnings } from './config.ts';
import { RouteTable } from './discover/route-table.ts';
import { parseExporter } from './fetch/exporter.ts';
import { FAILURES, type Failure } from './fetch/failure.ts';
import { Scraper } from './fetch/fan-out.ts';
import { fixedTrust, openFileTrust, type Trust } from './fetch/trust.ts';
import type { AppPageObservers, Outcome } from './serve/app-page.ts';
import { APPS_PATH, type AppsOptions, apps, INSTANCE_PATH, oneInstance } from './serve/apps.ts';
import { requireOperator } from './serve/auth.ts';
import { door } from './serve/door.ts';
import { healthListener, healthz, Readiness, readyz } from './serve/health.ts';
import { ownMetrics } from './serve/own-metrics.ts';
import type { Handler } from './serve/request.ts';
import { observeRequests, requestFields, requestLevel } from './serve/request-log.ts';
import { routes } from './serve/routes.ts';
import { type Server, startServer } from './serve/server.ts';
import { serviceDiscovery } from './serve/service-discovery.ts';
import type { Route } from './serve/site.ts';
import { type Sources, startSources } from './sources.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { readAuthorities } from './trust.ts';
import { VERSION } from './version.ts';

/** Connections on which nothing moves end this long after the longest scrape would have. */
const IDLE_MARGIN_MS = 60_000;
const HEALTH_CONNECTIONS = 256;

export interface App extends AsyncDisposable {
  /** Where it can be reached from this machine. */
  readonly url: string;
  readonly healthUrl: string | undefined;
  /** Finishes what is open; disposal then ends the rest. Takes `drain.wait` and 6 s at most. */
  readonly drain: () => Promise<void>;
}

export interface AppOptions {
  /** In place of standard output. */
  readonly log?: Log;
  /** A folder of the platform's authorities: CF's `CF_SYSTEM_CERT_PATH`. */
  readonly platformAuthorities?: string | undefined;
}

/** Starts all parts in order; disposal, or a failed start, stops them in the opposite order. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack();
  const log =
    options.log ??
    parts.use(createLog({ level: config.log.level, onDropped: () => metrics.logLineDropped() }));
  const trust = await openTrust(config, options, log);
  const scraper = parts.use(new Scraper({ ...config.scrape, trust }));
  const table = new RouteTable({
    requireTls: config.routes.requireTls,
    onAddressGone: (address) => scraper.forget(address),
    onAppGone: (appId) => metrics.forgetApp(appId),
  });
  const metrics = createMetrics({
    version: VERSION,
    failures: FAILURES,
    levels: () => levelsOf(config, table, scraper),
    knowsApp: (appId) => table.byApp(appId).length > 0,
  });
  const authorities = trust.authorities;
  const sources = startSources(
    {
      ...{ table, authorities, log, metrics },
      routes: config.routes,
      trust: trust.instances,
      onRead: () => readiness.sourceRead(),
    },
    parts,
  );
  const readiness = new Readiness({ sources: sources.all });
  const cut = new AbortController();
  cut.signal.addEventListener('abort', () => scraper.endBy(performance.now()));
  const site = loadSite(config, {
    ...{ scraper, table, readiness, metrics, log, cut },
    observers: observeScrapes(metrics, log, sources),
  });
  const server = parts.use(await listen(config, door(site, readiness), { cut, metrics, log }));
  const health = await listenForHealth(config, readiness);
  if (health) parts.use(health);
  await Promise.all([site, metrics.load()]);
  for (const warning of configWarnings(config)) log.warn(warning);
  log.info('promgate listens', { url: server.url, health_url: health?.url, version: VERSION });
  const stop = parts.move();
  return {
    url: server.url,
    healthUrl: health?.url,
    drain: async () => {
      readiness.drain();
      log.info('promgate stops', { wait_ms: config.drain.waitMs });
      await server.drain(config.drain.waitMs);
    },
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

interface AppTrust {
  readonly instances: Trust;
  readonly system: Trust;
  /** Undefined while no client needs them. */
  readonly authorities: readonly string[] | undefined;
}

async function openTrust(config: Config, options: AppOptions, log: Log): Promise<AppTrust> {
  const instances = await openFileTrust(filesOf(config.scrape.tls), {
    onError: (err) =>
      log.warn('certificates for instances have changed and cannot be used', { err }),
  });
  const { routes, externalExporters } = config;
  const usesTls =
    routes.gorouter.some(({ url }) => url.startsWith('https:')) ||
    routes.nats !== undefined ||
    externalExporters.some(({ scheme }) => scheme === 'https');
  const authorities = usesTls ? await readAuthorities(options.platformAuthorities) : undefined;
  return { instances, system: fixedTrust({ ca: authorities }), authorities };
}

function filesOf(tls: Config['scrape']['tls']) {
  return {
    ...(tls?.caFile !== undefined && { ca: tls.caFile }),
    ...(tls?.certFile !== undefined && { cert: tls.certFile }),
    ...(tls?.keyFile !== undefined && { key: tls.keyFile }),
  };
}

function levelsOf({ scrape }: Config, table: RouteTable, scraper: Scraper) {
  const { slots, bytes, waitingForSlots } = scraper.load;
  return {
    table: table.sizes(),
    pool: {
      used: slots,
      limit: scrape.concurrency,
      waiting: waitingForSlots,
      bytesInFlight: bytes,
      bytesLimit: scrape.maxBytes,
    },
  };
}

interface SiteParts extends Pick<AppsOptions, 'scraper' | 'observers'> {
  readonly table: RouteTable;
  readonly readiness: Readiness;
  readonly metrics: Metrics<Failure>;
  readonly log: Log;
  readonly cut: AbortController;
}

/** Loads what answers requests, once the port is open. */
async function loadSite(config: Config, parts: SiteParts): Promise<RequestListener> {
  await setImmediate(); // the port first
  const { createSite } = await import('./serve/site.ts');
  const { metrics, log, cut } = parts;
  return createSite({
    routes: siteRoutes(config, parts),
    observe: observe(log, metrics),
    ...(config.auth.mode === 'basic' && { admit: requireOperator(config.auth.operators) }),
    cut: cut.signal,
    onError: (err, path) => log.error('a request failed by our mistake', { path, err }),
  });
}

function appsFrom(
  { scrape, externalExporters, auth }: Config,
  { scraper, table, observers, readiness }: SiteParts,
): AppsOptions {
  return {
    ...{ scraper, table, observers },
    tableKnown: () => readiness.tableKnown,
    exporters: externalExporters.map(({ metricsPath, ...exporter }) =>
      parseExporter({ ...exporter, metrics_path: metricsPath }),
    ),
    labelConflict: scrape.labelConflict,
    exportJob: scrape.exportJob,
    timeoutMs: scrape.timeoutMs,
    maxTimeoutMs: scrape.maxTimeoutMs,
    authorizationOf: auth.mode === 'open' ? 'app' : 'promgate',
    id: scrape.loopId,
  };
}

function observeScrapes(metrics: Metrics<Failure>, log: Log, sources: Sources): AppPageObservers {
  return {
    onTypeConflicts: metrics.typeConflicts,
    onDroppedSamples: metrics.reservedSamplesDropped,
    onOutcomes: (outcomes) => {
      for (const outcomesOfApp of Map.groupBy(outcomes, ({ app }) => app.appId).values()) {
        countApp(metrics, outcomesOfApp);
      }
      for (const outcome of outcomes) tellFailure(outcome, log, sources);
    },
  };
}

function countApp(metrics: Metrics<Failure>, outcomes: readonly Outcome[]): void {
  const instances = outcomes.flatMap(({ instance, durationSeconds: seconds, failure }) => {
    if (instance) return [{ index: instance.index, seconds, failure }];
    metrics.exporterAsked(seconds, failure);
    return [];
  });
  metrics.appScraped({ app: outcomes[0]!.app, instances }); // groups are not empty
}

function tellFailure(outcome: Outcome, log: Log, { nats }: Sources): void {
  const { failure, instance, app, status, detail } = outcome;
  if (failure === undefined || failure === 'aborted') return;
  if (instance) {
    const { address, serverCertDomainSan } = instance.endpoint;
    nats?.reportFailure(address, failure, serverCertDomainSan);
  }
  log.debug('no metrics from an instance', {
    ...{ failure, status, detail },
    ...{ instance: instance?.endpoint.address, app_id: app.appId, app_name: app.appName },
  });
}

function siteRoutes(config: Config, parts: SiteParts): Route[] {
  const { readiness, metrics, table } = parts;
  const { sd } = config;
  const asked = appsFrom(config, parts);
  return [
    { name: 'instance', path: INSTANCE_PATH, handle: oneInstance(asked) },
    { name: 'apps', path: APPS_PATH, handle: apps(asked) },
    { name: 'healthz', path: '/healthz', handle: healthz },
    { name: 'readyz', path: '/readyz', handle: readyz(readiness) },
    { name: 'metrics', path: '/metrics', handle: ownMetrics(metrics) },
    { name: 'routes', path: '/routes', handle: routes(table) },
    {
      name: 'sd',
      path: '/sd/apps',
      handle: serviceDiscovery({
        table,
        tableKnown: () => readiness.tableKnown,
        address: sd.address,
        scheme: sd.scheme,
      }),
    },
  ];
}

function observe(log: Log, metrics: Metrics<never>): Handler {
  return observeRequests({
    onBegin: metrics.requestBegan,
    onEnd: (record) => {
      const { handler, status, durationMs } = record;
      metrics.requestEnded({ handler, status, seconds: durationMs / 1000 });
      const level = requestLevel(record);
      if (log.writes(level)) log[level]('request', requestFields(record));
    },
  });
}

interface Ears {
  readonly cut: AbortController;
  readonly metrics: Metrics<never>;
  readonly log: Log;
}

function listen(
  { listen: { host, port, tls, maxConnections }, scrape }: Config,
  handle: RequestListener,
  { cut, metrics, log }: Ears,
): Promise<Server> {
  return startServer({
    ...{ host, port, tls, maxConnections, handle, cut },
    idleMs: scrape.maxTimeoutMs + IDLE_MARGIN_MS,
    onClientError: metrics.clientError,
    onCertificates: (err) => {
      if (err === undefined) log.info('the certificate was read again');
      else log.warn('the certificate has changed and cannot be used', { err });
    },
  });
}

async function listenForHealth(
  { listen: { host, healthPort } }: Config,
  readiness: Readiness,
): Promise<Server | undefined> {
  if (healthPort === undefined) return undefined;
  return startServer({
    host,
    port: healthPort,
    maxConnections: HEALTH_CONNECTIONS,
    idleMs: IDLE_MARGIN_MS,
    handle: healthListener(readiness),
    cut: new AbortController(),
  });
}
