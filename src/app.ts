/**
 * Builds and connects all parts from a configuration: the composition root.
 */
import type { RequestListener } from 'node:http';
import type { Config } from './config.ts';
import type { Endpoint, Instance } from './discover/instance.ts';
import { FAILURES } from './fetch/failure.ts';
import { requireOperator } from './serve/auth.ts';
import { healthListener, healthz, Readiness, readyz } from './serve/health.ts';
import { ownMetrics } from './serve/own-metrics.ts';
import type { Handler } from './serve/request.ts';
import { observeRequests, requestFields, requestLevel } from './serve/request-log.ts';
import { routes } from './serve/routes.ts';
import { type Server, startServer } from './serve/server.ts';
import { serviceDiscovery } from './serve/service-discovery.ts';
import { createSite, type Route } from './serve/site.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
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
}

/** Starts all parts in order; disposal, or a failed start, stops them in the opposite order. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack();
  const log =
    options.log ??
    parts.use(createLog({ level: config.log.level, onDropped: () => metrics.logLineDropped() }));
  const table = new Map<string, readonly Endpoint[]>(); // the route table stands here
  const apps: readonly (readonly Instance[])[] = [];
  const metrics = createMetrics({
    version: VERSION,
    failures: FAILURES,
    levels: () => ({
      table: { routes: table.size, endpoints: 0, apps: apps.length },
      pool: {
        used: 0,
        limit: config.scrape.concurrency,
        waiting: 0,
        bytesInFlight: 0,
        bytesLimit: config.scrape.maxBytes,
      },
    }),
    knowsApp: () => false,
  });
  const readiness = new Readiness({ sources: [] });
  const cut = new AbortController();
  const site = createSite({
    routes: siteRoutes(config, { readiness, metrics, table, apps }),
    observe: observe(log, metrics),
    ...(config.auth.mode === 'basic' && { admit: requireOperator(config.auth.operators) }),
    cut: cut.signal,
    onError: (err, path) => log.error('a request failed by our mistake', { path, err }),
  });
  const server = parts.use(await listen(config, site, { cut, metrics, log }));
  const health = await listenForHealth(config, readiness);
  if (health) parts.use(health);
  await metrics.load();
  log.info('promgate listens', { url: server.url, version: VERSION });
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

interface Parts {
  readonly readiness: Readiness;
  readonly metrics: { readonly print: () => Promise<string> };
  readonly table: ReadonlyMap<string, readonly Endpoint[]>;
  readonly apps: Iterable<readonly Instance[]>;
}

function siteRoutes({ sd }: Config, { readiness, metrics, table, apps }: Parts): Route[] {
  return [
    { name: 'healthz', path: '/healthz', handle: healthz },
    { name: 'readyz', path: '/readyz', handle: readyz(readiness) },
    { name: 'metrics', path: '/metrics', handle: ownMetrics(metrics) },
    { name: 'routes', path: '/routes', handle: routes({ routes: () => table }) },
    {
      name: 'sd',
      path: '/sd/apps',
      handle: serviceDiscovery({
        table: { apps: () => apps },
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
