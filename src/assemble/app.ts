/**
 * The program from start to end: it starts all parts, then opens the ports, and stops in the
 * opposite order.
 */
import type { RequestListener } from 'node:http';
import { type Config, configWarnings } from '../config/config.ts';
import { healthSite } from '../serve/health.ts';
import { listenError } from '../serve/listen-error.ts';
import { type Server, startServer } from '../serve/server.ts';
import type { Log } from '../telemetry/log.ts';
import { VERSION } from '../version.ts';
import { openCertificateExpiry } from './certificate-expiry.ts';
import { type Ground, type GroundOptions, openGround } from './ground.ts';
import { type IdentityServers, listenForIdentities } from './identity.ts';
import { type Stages, type StagesOptions, startStages } from './stages.ts';

/** An idle connection is closed this long after the longest deadline of a scrape. */
const IDLE_MARGIN_MS = 60_000;
const HEALTH_CONNECTIONS = 256;
const COMPAT_CONNECTIONS = 256;

export interface App extends AsyncDisposable {
  /** The URL of promgate on this machine. */
  readonly url: string;
  readonly healthUrl: string | undefined;
  /** The URL with prom-cache's port. */
  readonly compatUrl: string | undefined;
  /** The URL with the push gateway's own port. */
  readonly pushUrl: string | undefined;
  /** The URL with the port of apps that have an instance identity. */
  readonly identityUrl: string | undefined;
  /** The URL with the port of gorouter, which forwards instance identities. */
  readonly gorouterUrl: string | undefined;
  /**
   * Reads the configuration again, and logs what came of it. Never rejects. Undefined if nothing of it can
   * change while promgate runs.
   */
  readonly reload: (() => Promise<void>) | undefined;
  /** Lets open requests end, for `drain.wait` and at most 6 s; disposal then aborts the others. */
  readonly drain: () => Promise<void>;
}

export type AppOptions = GroundOptions & StagesOptions;

/** Starts promgate. Disposal, or a failed start, stops the started parts in the opposite order. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  await using parts = new AsyncDisposableStack();
  const ground = openGround(config, options, parts);
  await openCertificateExpiry(config, ground, parts);
  const stages = await startStages(config, ground, parts, options);
  const server = parts.use(await listen(config, ground, stages));
  const compat = await listenAsPromCache(config, ground, stages);
  if (compat) parts.use(compat);
  const push = await listenForPushes(config, ground, stages);
  if (push) parts.use(push);
  const identity = await listenForReaders(config, ground, stages, parts);
  const health = await listenForHealth(config, healthSite(ground.readiness));
  if (health) parts.use(health);
  const { log, readiness, descriptors } = ground;
  for (const warning of configWarnings(config)) log.warn(warning);
  if (descriptors.warning !== undefined) log.warn(descriptors.warning);
  log.info('promgate listens', {
    ...{ url: server.url, compat_url: compat?.url, health_url: health?.url, version: VERSION },
    ...{ push_url: push?.url, identity_url: identity.tls?.url },
    gorouter_url: identity.gorouter?.url,
  });
  const stop = parts.move();
  return {
    reload: stages.reload && loggedReload(stages.reload, log),
    url: server.url,
    healthUrl: health?.url,
    compatUrl: compat?.url,
    pushUrl: push?.url,
    identityUrl: identity.tls?.url,
    gorouterUrl: identity.gorouter?.url,
    drain: async () => {
      readiness.drain();
      log.info('promgate stops', { wait_ms: config.drain.waitMs });
      const all = [server, compat, push, identity.tls, identity.gorouter];
      await Promise.all(all.map((one) => one?.drain(config.drain.waitMs)));
    },
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

function loggedReload(reload: () => Promise<void>, log: Log): () => Promise<void> {
  return async () => {
    try {
      await reload();
      log.info('the section query is reloaded');
    } catch (err) {
      log.error('the configuration cannot be reloaded: all stays as it was', { err });
    }
  };
}

function listen(
  { listen: { host, port, tls }, scrape }: Config,
  { cut, log, descriptors: { maxConnections } }: Ground,
  { listener, metrics }: Stages,
): Promise<Server> {
  return startServer({
    ...{ host, port, tls, maxConnections, cut, handle: listener },
    idleMs: scrape.maxTimeoutMs + IDLE_MARGIN_MS,
    onClientError: (reason) => metrics.clientErrors.inc({ reason }),
    onCertificates: (err) => {
      if (err === undefined) log.info('the files of listen.tls have changed and are used now');
      else log.warn('the files of listen.tls cannot be used: the previous ones stay', { err });
    },
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port, key: 'listen.port' });
  });
}

/** The ports of readers with an instance identity. */
function listenForReaders(
  { listen: { host }, scrape, auth }: Config,
  { cut, log, descriptors: { maxConnections } }: Ground,
  { listener, metrics, identities }: Stages,
  parts: AsyncDisposableStack,
): Promise<IdentityServers> {
  return listenForIdentities(
    auth,
    {
      ...{ host, maxConnections, cut, log, listener, readers: identities },
      idleMs: scrape.maxTimeoutMs + IDLE_MARGIN_MS,
      onClientError: (reason) => metrics.clientErrors.inc({ reason }),
    },
    parts,
  );
}

/** The port of prom-cache, if `endpoints.compat` asks for it and promgate does not listen there yet. */
async function listenAsPromCache(
  { listen: { host, tls, port: listenPort }, scrape, endpoints }: Config,
  { cut }: Ground,
  { listener, metrics }: Stages,
): Promise<Server | undefined> {
  const port = endpoints?.compatPort;
  if (port === undefined || (port !== 0 && port === listenPort)) return undefined;
  return startServer({
    ...{ host, port, tls, cut, handle: listener },
    maxConnections: COMPAT_CONNECTIONS,
    idleMs: scrape.maxTimeoutMs + IDLE_MARGIN_MS,
    onClientError: (reason) => metrics.clientErrors.inc({ reason }),
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port, key: 'endpoints.compat_port' });
  });
}

/** The port of the push gateway, with its paths at the root. */
async function listenForPushes(
  { listen: { host, tls }, scrape, push }: Config,
  { cut, descriptors: { maxConnections } }: Ground,
  { pushListener, metrics }: Stages,
): Promise<Server | undefined> {
  const port = push?.port;
  if (port === undefined || !pushListener) return undefined;
  return startServer({
    ...{ host, port, tls, maxConnections, cut, handle: pushListener },
    idleMs: scrape.maxTimeoutMs + IDLE_MARGIN_MS,
    onClientError: (reason) => metrics.clientErrors.inc({ reason }),
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port, key: 'push.port' });
  });
}

async function listenForHealth(
  { listen: { host, healthPort } }: Config,
  handle: RequestListener,
): Promise<Server | undefined> {
  if (healthPort === undefined) return undefined;
  return startServer({
    ...{ host, port: healthPort, handle },
    maxConnections: HEALTH_CONNECTIONS,
    idleMs: IDLE_MARGIN_MS,
    cut: new AbortController(),
  }).catch((cause: unknown) => {
    throw listenError(cause, { host, port: healthPort, key: 'listen.health_port' });
  });
}
