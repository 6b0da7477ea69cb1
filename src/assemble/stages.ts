/**
 * The list of the program's parts, one per system, behind one HTTP frame.
 */
import type { RequestListener } from 'node:http';
import type { Config } from '../config/config.ts';
import type { Purge } from '../refresh/purge.ts';
import { UNBOUND } from '../serve/app-settings.ts';
import { heedToken, readersOnly, requireCredential, type Tokens } from '../serve/auth.ts';
import { clientAddress } from '../serve/client-address.ts';
import { createFrame } from '../serve/frame.ts';
import { Guesses } from '../serve/guesses.ts';
import type { IdentityReaders } from '../serve/identity-readers.ts';
import { KnownRequests } from '../serve/known-requests.ts';
import { Lane } from '../serve/lane.ts';
import type { Purged } from '../serve/purge.ts';
import { answerNow, type Handler } from '../serve/request.ts';
import {
  observeRequests,
  type RequestObservers,
  requestFields,
  requestLevel,
} from '../serve/request-log.ts';
import { type HttpMetrics, httpMetrics } from '../telemetry/http-metrics.ts';
import type { Log } from '../telemetry/log.ts';
import type { RecordRequest } from '../telemetry/request-event.ts';
import { type AppsPart, startApps } from './apps.ts';
import { type EndpointsPart, startEndpoints } from './endpoints.ts';
import { openEvents } from './events.ts';
import type { Ground } from './ground.ts';
import { openIdentityReaders } from './identity.ts';
import type { BindingsPart } from './late-bindings.ts';
import { openOperate } from './operate.ts';
import type { Part } from './part.ts';
import type { PushPart } from './push.ts';
import type { QueryPart, QueryPartOptions } from './query.ts';
import { openReplicas, type Replicas } from './replicas.ts';
import { openHistory, openStatus } from './status.ts';

export interface Stages {
  readonly listener: RequestListener;
  /** For the push gateway's own port; undefined if `push.port` is not set. */
  readonly pushListener: RequestListener | undefined;
  readonly metrics: HttpMetrics;
  /** Undefined if no section `auth.identity` is set. */
  readonly identities: IdentityReaders | undefined;
  /** Reads the configuration again; undefined if nothing of it can change while promgate runs. */
  readonly reload: (() => Promise<void>) | undefined;
}

export interface StagesOptions {
  /** The configuration as YAML, with secrets masked. */
  readonly printConfig?: (() => string) | undefined;
  /** Reads the configuration again. @throws {Error} if it has faults */
  readonly reread?: (() => Promise<Config>) | undefined;
}

/** @param parts - its disposal stops the parts */
export async function startStages(
  config: Config,
  ground: Ground,
  parts: AsyncDisposableStack,
  options: StagesOptions = {},
): Promise<Stages> {
  const { log, readiness, registry, cut } = ground;
  const metrics = httpMetrics(registry);
  const onMistake = (err: unknown, path: string): void =>
    log.error('a request failed because of a fault in promgate', { path, err });
  const identities = await openIdentityReaders(config.auth, ground, parts);
  const tokens: Tokens = { scopeOf: async (token) => bindings?.tokens.scopeOf(token) };
  const admit = admission(config.auth, tokens, identities);
  const serving = { admit: readersOnly(admit), onMistake };
  const observers = observe(log, metrics);
  const lane = new Lane({ observers, maxTimeoutMs: config.scrape.maxTimeoutMs });
  const known = new KnownRequests({ observers, cut: cut.signal });
  const onRefused = (): void => metrics.refusedRequests.inc();
  const history = openHistory(config.scrape);
  const apps = parts.use(
    await startApps(
      {
        ...{ ...serving, config, lane, known, history, onRefused },
        settingsOf: (app) => bindings?.settingsOf(app) ?? UNBOUND,
      },
      ground,
    ),
  );
  const events = parts.use(await openEvents(config.kafka, ground));
  const replicas = parts.use(await openReplicas(config.redis, ground));
  const bindings = await startBindings(config, apps.spaceOfApp, ground, replicas);
  if (bindings) parts.use(bindings);
  const purgeHere = (what: Purge): number =>
    all.reduce((count, part) => count + (part.purge?.(what) ?? 0), 0);
  const purge = (what: Purge): Purged => {
    void replicas.publish({ kind: 'purge', what }); // the answer does not wait for Redis
    return { purged: purgeHere(what), redis: replicas.state() };
  };
  const onEvent = config.kafka && events.record;
  const endpoints = await openEndpoints(config, { ground, lane, metrics, onEvent });
  if (endpoints) parts.use(endpoints);
  const revocations = () => bindings?.revocations() ?? 0;
  const push = await openPush(config, {
    ...{ ground, admit, onMistake, observers, metrics, revocations },
  });
  if (push) parts.use(push);
  const query = await openQuery(config, {
    ground,
    serving,
    apps,
    printConfig: options.printConfig,
  });
  if (query) parts.use(query);
  const status = openStatus(
    {
      ...{ ...serving, auth: config.auth, history, apps, onRefused },
      settingsOf: (app) => bindings?.settingsOf(app) ?? UNBOUND,
    },
    ground,
  );
  const reload = reloadOf(options.reread, query);
  const operate = parts.use(
    openOperate(
      {
        ...{ ...serving, purge, endpoint: endpoints?.answer, reload },
        documentation: { url: config.broker?.url, ...config.sd },
      },
      ground,
    ),
  );

  const optional = [bindings, endpoints, push, query].filter((part) => part !== undefined);
  const all: readonly Part[] = [apps, ...optional, replicas, events, status, operate];
  replicas.onPurge(purgeHere);
  replicas.onMissed(() => purgeHere({ kind: 'all' }));
  for (const { mentions = {} } of all) {
    for (const [name, state] of Object.entries(mentions)) readiness.mention(name, state);
  }
  const frame = { observe: observeRequests(observers), cut: cut.signal, onError: onMistake };
  const mounts = all.flatMap((part) => part.mounts);
  const listener = createFrame({ ...frame, mounts, lane, known, pushLane: push?.lane });
  const ownPush = config.push?.port === undefined ? undefined : push?.own;
  const pushListener =
    ownPush && createFrame({ ...frame, mounts: ownPush.mounts, pushLane: ownPush.lane });
  return { listener, pushListener, metrics, identities, reload };
}

interface PushParts {
  readonly ground: Ground;
  readonly admit: Handler;
  readonly onMistake: (err: unknown, path: string) => void;
  readonly observers: RequestObservers;
  readonly metrics: HttpMetrics;
  readonly revocations: () => number;
}

/** @returns undefined without a section `push` */
async function openPush(
  { push, auth, redis, scrape }: Config,
  { ground, metrics, ...serving }: PushParts,
): Promise<PushPart | undefined> {
  if (!push) return undefined;
  const { startPush } = await import('./push.ts'); // loads much that only pushes need
  return startPush(
    {
      ...{ ...serving, config: { push, auth, redis, scrape } },
      onRefused: () => metrics.refusedRequests.inc(),
    },
    ground,
  );
}

interface QueryParts {
  readonly ground: Ground;
  readonly serving: Pick<QueryPartOptions, 'admit' | 'onMistake'>;
  readonly apps: AppsPart;
  readonly printConfig: (() => string) | undefined;
}

/** @returns undefined without a section `query` */
async function openQuery(
  { query }: Config,
  { ground, serving, apps, printConfig = () => '' }: QueryParts,
): Promise<QueryPart | undefined> {
  if (!query) return undefined;
  const { startQuery } = await import('./query.ts'); // loads much that only queries need
  const { openGroups, serversOfApp } = await import('./query-groups.ts');
  const findApp = (app: string) => serversOfApp(apps.table, app);
  return startQuery(
    {
      ...{ ...serving, config: query, printConfig },
      openGroups: (config, observers) =>
        openGroups(config, { ...observers, findApp, authorities: ground.authorities }),
    },
    ground,
  );
}

/** Only the section `query` can change while promgate runs. */
function reloadOf(reread: StagesOptions['reread'], query: QueryPart | undefined): Stages['reload'] {
  if (!reread || !query) return undefined;
  return async () => {
    const config = await reread();
    if (!config.query) throw new Error('the section query is gone: restart promgate for that');
    await query.reload(config.query);
  };
}

/** @returns undefined if no broker is configured */
async function startBindings(
  { broker, database, auth, scrape, sd }: Config,
  spaceOfApp: (appId: string) => string | undefined,
  ground: Ground,
  replicas: Replicas,
): Promise<BindingsPart | undefined> {
  if (!broker) return undefined;
  const { startBindings } = await import('./late-bindings.ts'); // loads many packages
  const bindings = await startBindings(
    {
      ...{ config: { broker, database, auth, scrape, sd }, spaceOfApp },
      onChanged: () => replicas.publish({ kind: 'bindings' }),
    },
    ground,
  );
  replicas.onBindings(() => bindings.look());
  replicas.onMissed(() => bindings.look());
  return bindings;
}

interface EndpointsParts {
  readonly ground: Ground;
  readonly lane: Lane;
  readonly metrics: HttpMetrics;
  readonly onEvent: RecordRequest | undefined;
}

/** @returns undefined while no endpoint is allowed */
async function openEndpoints(
  { endpoints, scrape, auth, cache, sd }: Config,
  { ground, lane, metrics, onEvent }: EndpointsParts,
): Promise<EndpointsPart | undefined> {
  if (!endpoints) return undefined;
  return startEndpoints(
    {
      ...{ config: { endpoints, scrape, auth, cache, sd }, lane, onEvent },
      onRefused: () => metrics.refusedRequests.inc(),
    },
    ground,
  );
}

/** The check of a reader's credential, which also sets what the reader may see. */
function admission(
  { mode, operators, trustedProxies }: Config['auth'],
  tokens: Tokens,
  identities: IdentityReaders | undefined,
): Handler {
  if (mode === 'open') return heedToken(tokens);
  const addressOf = clientAddress(trustedProxies);
  const guesses = new Guesses();
  return requireCredential({
    ...{ mode, operators, tokens, identities },
    onWrong: ({ req, state }) => guesses.wrong(addressOf(req), answerNow(state)),
  });
}

function observe(log: Log, metrics: HttpMetrics): RequestObservers {
  return {
    onBegin: metrics.requestBegan,
    onEnd: (record) => {
      const { handler, status, durationMs } = record;
      metrics.requestEnded({ handler, status, seconds: durationMs / 1000 });
      const level = requestLevel(record);
      if (log.writes(level)) log[level]('request', requestFields(record));
    },
  };
}
