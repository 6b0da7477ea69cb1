/**
 * The caching proxy from start to end: a small program of its own beside `app.ts`, with its log, its
 * metrics and its server.
 */
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import { UndiciOrigin } from '../fetch/undici-origin.ts';
import { Fields } from '../refresh/fields.ts';
import { HttpCache } from '../refresh/http-cache.ts';
import { HttpStore } from '../refresh/http-store.ts';
import type { OpenOrigin, OriginReceiver } from '../refresh/origin.ts';
import { Backlog } from '../serve/backlog.ts';
import { openControlSocket } from '../serve/control-socket.ts';
import { listenError } from '../serve/listen-error.ts';
import { createProxy, type ProxyEvent } from '../serve/proxy.ts';
import { PROXY_NAME } from '../serve/proxy-request.ts';
import { type Server, startServer } from '../serve/server.ts';
import { createLog, type Level, type Log } from '../telemetry/log.ts';
import { processMetrics } from '../telemetry/process-metrics.ts';
import { type ProxyMetrics, proxyMetrics } from '../telemetry/proxy-metrics.ts';
import { redactQuery, redactTokens } from '../telemetry/redact.ts';
import { METRICS_TYPE, MetricRegistry } from '../telemetry/registry.ts';
import type { RequestEvent } from '../telemetry/request-event.ts';
import { VERSION } from '../version.ts';
import { readAuthorities } from './authorities.ts';
import { descriptorLimit } from './descriptors.ts';
import { openEvents } from './events.ts';

export interface ProxySettings {
  readonly host: string;
  /** 0 takes any free one, as for `metricsPort`. */
  readonly port: number;
  readonly origin: URL;
  readonly cacheAllMs: number | undefined;
  readonly cacheBytes: number;
  readonly metricsPort: number | undefined;
  /** The longest wait for the origin: for its head, and between two pieces of its body. */
  readonly timeoutMs: number;
  readonly logLevel: Level;
  /** Where the control socket is made; undefined makes none. */
  readonly controlFolder: string | undefined;
}

export interface ProxyAppOptions {
  readonly log?: Log;
  /** A folder with the platform's authorities: Cloud Foundry's `CF_SYSTEM_CERT_PATH`. */
  readonly platformAuthorities?: string | undefined;
  /** Where an event of each request goes. */
  readonly kafka?: Config['kafka'];
  /** Called for each request when its answer has ended. Must not throw. */
  readonly onRequest?: (event: ProxyEvent) => void;
}

export interface ProxyApp extends AsyncDisposable {
  readonly url: string;
  readonly metricsUrl: string | undefined;
  /** Lets open answers end, within 7 s. */
  readonly drain: () => Promise<void>;
}

/** Bodies that wait for slow readers may take half of the cache's bytes, and at least these. */
const MIN_BACKLOG_BYTES = 16 * 1024 * 1024;
const ACCEPT_WHILE_DRAINING_MS = 1_000;
const IDLE_MARGIN_MS = 60_000;
/** Bodies that readers send may be large; `idleMs` bounds how slowly they come. */
const MAX_REQUEST_MS = 3_600_000;
const METRICS_CONNECTIONS = 64;
/** Descriptors for connections to the origin and everything else. */
const RESERVED_DESCRIPTORS = 640;
const MAX_CONNECTIONS = 16_384;
/** Longer paths are cut in the log. */
const MAX_PATH_LENGTH = 1_024;

/** Starts the proxy. Disposal, or a failed start, stops what was started in the opposite order. */
export async function startProxy(
  settings: ProxySettings,
  options: ProxyAppOptions = {},
): Promise<ProxyApp> {
  await using parts = new AsyncDisposableStack();
  const registry = new MetricRegistry();
  const { droppedLogLines } = processMetrics(registry, { version: VERSION });
  const onDropped = (): void => droppedLogLines.inc();
  const log = options.log ?? parts.use(createLog({ level: settings.logLevel, onDropped }));
  const store = new HttpStore({
    maxBytes: settings.cacheBytes,
    onEvicted: () => metrics.evictions.inc(),
  });
  const metrics = proxyMetrics(registry, store);
  const cut = new AbortController();
  const authorities = (): Promise<readonly string[]> =>
    readAuthorities(options.platformAuthorities);
  const events = parts.use(await openEvents(options.kafka, { log, registry, authorities, cut }));
  const open = await openOrigin(settings, options, parts);
  const cache = openCache({ settings, store, open, metrics, log });
  cut.signal.addEventListener('abort', () => cache.close());
  const backlog = new Backlog({
    maxBytes: Math.max(settings.cacheBytes / 2, MIN_BACKLOG_BYTES),
    onCut: () => metrics.slowReaders.inc(),
  });
  const handle = createProxy({
    ...{ cache, backlog },
    identity: { id: `${PROXY_NAME}-${randomBytes(6).toString('hex')}`, secret: randomBytes(32) },
    origin: settings.origin.origin,
    onRequest: (event) => {
      metrics.requestEnded(event);
      logRequest(log, event);
      if (options.kafka) events.record(eventOf(event));
      options.onRequest?.(event);
    },
  });
  const server = parts.use(await listen(settings, { handle, cut, metrics }));
  const metricsServer = await listenForMetrics(settings, registry);
  if (metricsServer) parts.use(metricsServer);
  const control = await openControl(settings, server.port, cache, log);
  if (control) parts.use(control);
  const { url } = server;
  const origin = settings.origin.href;
  log.info('promgate listens', { url, metrics_url: metricsServer?.url, origin, version: VERSION });
  const stop = parts.move();
  return {
    url,
    metricsUrl: metricsServer?.url,
    drain: async () => {
      log.info('promgate stops', { wait_ms: ACCEPT_WHILE_DRAINING_MS });
      await server.drain(ACCEPT_WHILE_DRAINING_MS);
    },
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

async function openOrigin(
  { origin: url, timeoutMs }: ProxySettings,
  { platformAuthorities }: ProxyAppOptions,
  parts: AsyncDisposableStack,
): Promise<OpenOrigin> {
  const isTls = url.protocol === 'https:';
  const authorities = isTls ? await readAuthorities(platformAuthorities) : undefined;
  const origin = parts.use(new UndiciOrigin({ url, timeoutMs, authorities }));
  return ({ fields, ...request }, receiver: OriginReceiver) =>
    origin.call(
      { ...request, fields: fields.raw },
      {
        ...receiver,
        interim: (head) => receiver.interim({ ...head, fields: new Fields(head.fields) }),
        started: (head) => receiver.started({ ...head, fields: new Fields(head.fields) }),
        received: receiver.received,
        ended: receiver.ended,
        failed: receiver.failed,
      },
    );
}

interface CacheParts {
  readonly settings: ProxySettings;
  readonly store: HttpStore;
  readonly open: OpenOrigin;
  readonly metrics: ProxyMetrics;
  readonly log: Log;
}

function openCache({ settings, store, open, metrics, log }: CacheParts): HttpCache {
  const { origin, cacheAllMs } = settings;
  return new HttpCache({
    ...{ store, open, rules: { cacheAllMs } },
    origin: { host: origin.host, basePath: origin.pathname.replace(/\/+$/, '') },
    onOriginFailure: (failure, cause, target) => {
      metrics.originFailures.inc({ failure });
      if (failure === 'aborted') return;
      log.warn('the origin gave no whole answer', { failure, cause, path: pathForLog(target) });
    },
  });
}

function logRequest(log: Log, event: ProxyEvent): void {
  const level = event.status >= 500 ? 'info' : 'debug';
  if (!log.writes(level)) return;
  const { method, status, cacheResult, durationMs, bytes, isBroken } = event;
  log[level]('request', {
    ...{ method, path: pathForLog(event.path), status, cache: cacheResult, bytes },
    ms: Math.round(durationMs * 10) / 10,
    ...(isBroken ? { broken: true } : {}),
  });
}

function eventOf({ timeMs, cacheResult, ...event }: ProxyEvent): RequestEvent {
  return { ...event, atMs: timeMs, cache: CACHE_WORDS[cacheResult] };
}

const CACHE_WORDS = {
  hit: 'HIT',
  miss: 'MISS',
  stale: 'STALE',
  revalidated: 'REVALIDATED',
  bypass: 'BYPASS',
  none: undefined,
} as const;

function pathForLog(target: string): string {
  const [path = '', query] = target.split('?', 2);
  const shown = redactTokens(path) + (query === undefined ? '' : `?${redactQuery(query)}`);
  return shown.slice(0, MAX_PATH_LENGTH);
}

interface Listening {
  readonly handle: ReturnType<typeof createProxy>;
  readonly cut: AbortController;
  readonly metrics: ProxyMetrics;
}

function listen(
  { host, port, timeoutMs }: ProxySettings,
  { handle, cut, metrics }: Listening,
): Promise<Server> {
  const limit = descriptorLimit() - RESERVED_DESCRIPTORS;
  return startServer({
    ...{ host, port, handle, cut },
    maxConnections: Math.max(64, Math.min(limit, MAX_CONNECTIONS)),
    idleMs: timeoutMs + IDLE_MARGIN_MS,
    limits: { requestTimeout: MAX_REQUEST_MS },
    onClientError: (reason) => metrics.clientErrors.inc({ reason }),
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port, key: '--port' });
  });
}

async function listenForMetrics(
  { host, metricsPort: port }: ProxySettings,
  registry: MetricRegistry,
): Promise<Server | undefined> {
  if (port === undefined) return undefined;
  return startServer({
    ...{ host, port },
    handle: async (_, response) => {
      const page = await registry.print();
      response.writeHead(200, { 'Content-Type': METRICS_TYPE }).end(page);
    },
    maxConnections: METRICS_CONNECTIONS,
    idleMs: IDLE_MARGIN_MS,
    cut: new AbortController(),
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port, key: '--metrics-port' });
  });
}

/** Without a control socket the proxy works all the same; only `--clear-cache` cannot reach it. */
async function openControl(
  { controlFolder: folder }: ProxySettings,
  port: number,
  cache: HttpCache,
  log: Log,
): Promise<AsyncDisposable | undefined> {
  if (folder === undefined) return undefined;
  const clear = (prefix: string): number => {
    const count = cache.clear(prefix);
    log.info('the cache was cleared', { entries: count });
    return count;
  };
  try {
    return await openControlSocket({ folder, port, clear });
  } catch (err) {
    log.warn('there is no control socket: --clear-cache cannot reach this proxy', { err });
    return undefined;
  }
}
