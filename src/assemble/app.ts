/**
 * The program from its start to its end: opens the ports, then starts what stands behind them.
 *
 * The ports come first, since whoever waits for promgate asks for its health; `stages.ts` builds
 * and connects all else, and takes most of the start to load.
 */
import type { RequestListener } from 'node:http';
import { sleep } from '../clock.ts';
import { type Config, configWarnings } from '../config/config.ts';
import { createDoor, type Door } from '../serve/door.ts';
import { healthListener, Readiness } from '../serve/health.ts';
import { listenError } from '../serve/listen-error.ts';
import { type Server, startServer } from '../serve/server.ts';
import type { Log } from '../telemetry/log.ts';
import { VERSION } from '../version.ts';
import { type DescriptorPlan, descriptorLimit, planDescriptors } from './descriptors.ts';
import type { Stages } from './stages.ts';

/** Connections on which nothing moves end this long after the longest scrape would have. */
const IDLE_MARGIN_MS = 60_000;
const HEALTH_CONNECTIONS = 256;

/** The first request has so much time to come: while the rest is loaded it would have to wait. */
const FIRST_REQUEST_MS = 20;

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
  /** The port is open: what stands behind it is started once this resolves. */
  readonly onOpen?: ((url: string) => Promise<void>) | undefined;
}

/** Starts all parts in order; disposal, or a failed start, stops them in the opposite order. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack();
  const behind = parts.use(new AsyncDisposableStack()); // ends after the ports are closed
  const cut = new AbortController();
  const readiness = new Readiness();
  const stages = Promise.withResolvers<Stages>();
  const descriptors = planDescriptors(descriptorLimit(), {
    concurrency: config.scrape.concurrency,
    maxConnections: config.listen.maxConnections,
  });
  const door = createDoor(
    stages.promise.then(({ site }) => site),
    readiness,
  );
  const server = parts.use(
    await listen(config, door.listener, { cut, stages: stages.promise, descriptors }),
  );
  const health = await listenForHealth(config, readiness);
  if (health) parts.use(health);
  const { onOpen = () => firstRequest(door) } = options;
  await onOpen(server.url);

  const { startStages } = await import('./stages.ts');
  const started = await startStages(
    config,
    { ...options, readiness, cut: cut.signal, descriptors },
    behind,
  );
  stages.resolve(started);
  const { log, metrics } = started;
  await metrics.load();
  for (const warning of configWarnings(config)) log.warn(warning);
  if (descriptors.warning !== undefined) log.warn(descriptors.warning);
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

async function firstRequest({ knocked }: Door): Promise<void> {
  const enough = new AbortController();
  void knocked.then(() => enough.abort());
  await sleep(FIRST_REQUEST_MS, enough.signal);
}

interface Ears {
  readonly cut: AbortController;
  /** Who is told of what happens at the port. */
  readonly stages: Promise<Stages>;
  readonly descriptors: DescriptorPlan;
}

function listen(
  { listen: { host, port, tls }, scrape }: Config,
  handle: RequestListener,
  { cut, stages, descriptors: { maxConnections } }: Ears,
): Promise<Server> {
  return startServer({
    ...{ host, port, tls, maxConnections, handle, cut },
    idleMs: scrape.maxTimeoutMs + IDLE_MARGIN_MS,
    onClientError: (reason) => void stages.then(({ metrics }) => metrics.clientError(reason)),
    onCertificates: (err) =>
      void stages.then(({ log }) => {
        if (err === undefined) log.info('the certificate was read again');
        else log.warn('the certificate has changed and cannot be used', { err });
      }),
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port, key: 'listen.port' });
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
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port: healthPort, key: 'listen.health_port' });
  });
}
