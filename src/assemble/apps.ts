/**
 * The metrics of apps behind `/v1`, `/v2`, `/sd` and `/routes`: promgate discovers routes, asks the
 * instances and merges their pages.
 */
import { Router } from '@koa/router';
import { steadySeconds } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Instance } from '../discover/instance.ts';
import { RouteTable } from '../discover/route-table.ts';
import type { RouteSource } from '../discover/source.ts';
import { EndpointChoice } from '../fetch/endpoint-choice.ts';
import { type ExternalExporter, parseExporter } from '../fetch/exporter.ts';
import { FAILURES, type Failure } from '../fetch/failure.ts';
import { Scraper } from '../fetch/fan-out.ts';
import { socketLookup } from '../fetch/socket-lookup.ts';
import { openFileTrust, type Trust } from '../fetch/trust.ts';
import { VIAS } from '../fetch/way.ts';
import { purge } from '../refresh/purge.ts';
import { Admission, bounded, type Gate, openGate } from '../serve/admission.ts';
import { answerProblem, type OnMistake } from '../serve/answer-problem.ts';
import { APPS_PATH, INSTANCE_PATH } from '../serve/app-paths.ts';
import { type SettingsOf, withDeclared } from '../serve/app-settings.ts';
import { type AppsOptions, apps, oneInstance } from '../serve/apps.ts';
import { clientAddress } from '../serve/client-address.ts';
import type { KnownRequests } from '../serve/known-requests.ts';
import type { Lane } from '../serve/lane.ts';
import type { Mount } from '../serve/mount.ts';
import type { Outcome } from '../serve/outcome.ts';
import { answerAsPromfetcher } from '../serve/promfetcher-errors.ts';
import { discovery, SINGLE_TARGET_PATH, singleTarget } from '../serve/promregator.ts';
import type { Handler, RequestState } from '../serve/request.ts';
import { routes } from '../serve/routes.ts';
import { pushes } from '../serve/scope.ts';
import { serviceDiscovery } from '../serve/service-discovery.ts';
import type { SharedPage } from '../serve/shared-page.ts';
import type { ScrapeHistory } from '../serve/status/history.ts';
import type { Log } from '../telemetry/log.ts';
import { routeMetrics, sourceLevels, tableLevels } from '../telemetry/route-metrics.ts';
import { poolLevels, type ScrapeMetrics, scrapeMetrics } from '../telemetry/scrape-metrics.ts';
import { openLivePages, openPages } from './app-answers.ts';
import type { Ground } from './ground.ts';
import { watchMemory } from './idle-memory.ts';
import type { Part } from './part.ts';
import { observeScrapes, tellLenient, tellNoDescriptors } from './scrape-observers.ts';
import { startSources } from './sources.ts';
import { openWarm } from './warm.ts';
import { declaredBy, openWays, trustsOf } from './ways.ts';

export interface AppsPartOptions {
  readonly config: Pick<
    Config,
    'routes' | 'scrape' | 'externalExporters' | 'auth' | 'sd' | 'cache' | 'ownApp'
  >;
  readonly admit: Handler;
  readonly onMistake: OnMistake;
  readonly lane: Lane;
  readonly known: KnownRequests;
  /** Called when a request for an app page is refused, since too many are under way. */
  readonly onRefused: () => void;
  /** The settings of the bindings of an app. */
  readonly settingsOf: SettingsOf;
  /** Keeps what scrapes found. */
  readonly history: ScrapeHistory;
}

export interface AppsPart extends Part {
  readonly table: RouteTable;
  readonly sources: readonly RouteSource[];
  /** Answers `APPS_PATH` with a page that is asked for now, whatever the cache holds. */
  readonly askNow: Handler;
  /** The guid of the space in which an app runs; undefined if the route table does not name it. */
  spaceOfApp(appId: string): string | undefined;
}

/** Pages of one app that are refreshed: readers with different headers or paths get different pages. */
const MAX_REFRESHES_OF_APP = 100;

export async function startApps(given: AppsPartOptions, ground: Ground): Promise<AppsPart> {
  await using parts = new AsyncDisposableStack();
  const { config, history } = given;
  const { log, registry, readiness, authorities } = ground;
  const metrics = scrapeMetrics<Failure>(registry, { failures: FAILURES, ways: VIAS });
  const trust = await openTrust(config.scrape.tls, log);
  const scraper = parts.use(
    await openScraper({
      ...{ config, ground, metrics, trust },
      isThere: (instance) => table.holds(instance), // nobody scrapes before there is a table
    }),
  );
  poolLevels(registry, () => poolOf(scraper, config, ground));
  const choice = new EndpointChoice();
  const warm = openWarm<SharedPage>(
    {
      ...{ system: 'apps', config: config.cache, metrics: ground.cacheMetrics, log },
      maxJobsOfHost: MAX_REFRESHES_OF_APP,
      holding: { retain: (page) => page.retain(), release: (page) => page.release() },
    },
    parts,
  );
  const forgetApp = (appId: string): void => {
    warm.cache.purge(`app:${appId}`);
    history.forget(appId);
  };
  const table = openTable(config, { log, metrics, scraper, choice, forgetApp });
  watchIdleMemory(table, log, parts);
  tableLevels(registry, () => ({ ...table.sizes(), ambiguous: table.ambiguousAddresses }));
  const sources = await startSources(
    {
      ...{ table, trust, log, authorities, routes: config.routes },
      metrics: routeMetrics(registry),
      onRead: () => readiness.sourceRead(),
    },
    parts,
  );
  sourceLevels(registry, sources);
  const options = { ...given, settingsOf: withDeclared(given.settingsOf, declaredBy(sources)) };
  readiness.expect(sources);
  const onApp = (outcomes: readonly Outcome[], running: readonly Instance[]): void =>
    history.record(running[0]!.app.appId, outcomes, running, steadySeconds()); // there is one
  const observers = observeScrapes({ metrics, log, table, sources, onApp });
  const tableKnown = () => readiness.tableKnown;
  const exporters = readExporters(config);
  const kept = { warm, tableVersion: () => table.version };
  const ways = openWays({ config, scraper, sources, log, onAttempt: metrics.attempted });
  const asking = { ...{ scraper, choice, ways }, observers, exporters, ground, ...kept };
  const stages = { pages: openPages(options, asking), exporters, table, tableKnown };
  const gate = gateOfPages(options);
  const live = { ...stages, pages: openLivePages(options, asking) };
  const held = parts.move();
  return {
    mounts: mountApps(options, stages, gate),
    ...{ table, sources },
    askNow: bounded(gate, apps({ ...appsOptions(options, live), ...NO_SHORT_WAY })),
    purge: (what) => purge(warm.cache, what),
    spaceOfApp: (appId) => table.byApp(appId)[0]?.app.spaceId || undefined,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

interface TableParts {
  readonly log: Log;
  readonly metrics: ScrapeMetrics<Failure>;
  readonly scraper: Scraper;
  readonly choice: EndpointChoice;
  readonly forgetApp: (appId: string) => void;
}

function openTable(
  { routes: { requireTls } }: AppsPartOptions['config'],
  { log, metrics, scraper, choice, forgetApp }: TableParts,
): RouteTable {
  return new RouteTable({
    requireTls,
    onAddressGone: (address) => {
      scraper.forget(address);
      choice.forget(address);
    },
    onAppGone: (appId) => {
      metrics.forgetApp(appId);
      forgetApp(appId);
    },
    onAmbiguous: (addresses) =>
      log.warn('several instances claim the same address: promgate asks none of them', {
        count: addresses.length,
        first: addresses[0],
      }),
  });
}

interface ScraperParts {
  readonly config: AppsPartOptions['config'];
  readonly ground: Ground;
  readonly metrics: ScrapeMetrics<Failure>;
  readonly trust: Trust;
  readonly isThere: (instance: Instance) => boolean;
}

async function openScraper({
  config,
  ground,
  metrics,
  trust,
  isThere,
}: ScraperParts): Promise<Scraper> {
  const { scrape } = config;
  const { log, cut, descriptors, authorities } = ground;
  const scraper = new Scraper({
    ...scrape,
    concurrency: descriptors.concurrency,
    maxOpen: descriptors.maxOpen,
    isThere,
    onNoDescriptors: tellNoDescriptors(log),
    onLenient: (answer) => tellLenient(answer, metrics, log),
    lookup: socketLookup(ground.lookup),
    trust: await trustsOf(config, { instances: trust, authorities, log }),
  });
  cut.signal.addEventListener('abort', () => scraper.endBy(performance.now()));
  return scraper;
}

export function openTrust(tls: Config['scrape']['tls'], log: Log): Promise<Trust> {
  const files = {
    ...(tls?.caFile !== undefined && { ca: tls.caFile }),
    ...(tls?.certFile !== undefined && { cert: tls.certFile }),
    ...(tls?.keyFile !== undefined && { key: tls.keyFile }),
  };
  return openFileTrust(files, {
    onError: (err) =>
      log.warn('the files of scrape.tls cannot be used: the previous ones stay', { err }),
  });
}

function watchIdleMemory(table: RouteTable, log: Log, parts: AsyncDisposableStack): void {
  const stop = new AbortController();
  const onError = (err: unknown): void => log.error('promgate could not give memory back', { err });
  const watching = watchMemory({
    ...{ signal: stop.signal, onError },
    endpoints: () => table.sizes().endpoints,
  });
  parts.defer(async () => {
    stop.abort();
    await watching;
  });
}

function poolOf(
  { load: { slots, bytes, waitingForSlots, busyConnections, idleConnections } }: Scraper,
  { scrape }: AppsPartOptions['config'],
  { descriptors }: Ground,
) {
  return {
    ...{ used: slots, limit: descriptors.concurrency, waiting: waitingForSlots },
    ...{ bytesInFlight: bytes, bytesLimit: scrape.maxBytes },
    connections: { busy: busyConnections, idle: idleConnections },
  };
}

function readExporters({ externalExporters }: AppsPartOptions['config']): ExternalExporter[] {
  return externalExporters.map(({ metricsPath, ...exporter }) =>
    parseExporter({ ...exporter, metrics_path: metricsPath }),
  );
}

interface Stages extends Pick<AppsOptions, 'pages' | 'exporters' | 'tableKnown'> {
  readonly table: RouteTable;
}

const NO_SHORT_WAY = { lane: undefined, known: undefined };

function mountApps(options: AppsPartOptions, stages: Stages, gate: Gate): Mount[] {
  const { admit, onMistake, settingsOf, config } = options;
  const { table, tableKnown } = stages;
  const asked = { ...appsOptions(options, stages), gate };
  const listed = { table, tableKnown, settingsOf, ...config.sd };
  const router = new Router<RequestState>({ strict: true, sensitive: true })
    .get('instance', INSTANCE_PATH, bounded(gate, oneInstance(asked)))
    .get('apps', APPS_PATH, bounded(gate, apps(asked)))
    .get('sd', '/sd/apps', serviceDiscovery(listed))
    .get('promregator-sd', '/discovery', discovery(listed))
    .get('promregator', SINGLE_TARGET_PATH, bounded(gate, singleTarget(asked)))
    .get('routes', '/routes', routes(table));
  const asPromfetcher = answerAsPromfetcher(onMistake);
  const errors = answerProblem(onMistake);
  return [
    { prefix: '/v1', admit, errors: asPromfetcher, router },
    { prefix: '/v2', admit, errors: asPromfetcher, router },
    { prefix: '/sd', admit, errors, router },
    { prefix: '/discovery', admit, errors, router },
    { prefix: '/singleTargetMetrics', admit, errors: asPromfetcher, router },
    { prefix: '/routes', admit, errors, router },
  ];
}

function appsOptions(
  { config, settingsOf, lane, known }: AppsPartOptions,
  stages: Stages,
): AppsOptions {
  const { scrape, auth } = config;
  return {
    ...stages,
    ...{ settingsOf, lane, known },
    timeoutMs: scrape.timeoutMs,
    maxTimeoutMs: scrape.maxTimeoutMs,
    authorizationOf: auth.mode === 'open' ? 'app' : 'promgate',
    id: scrape.loopId,
  };
}

/** Bounds the requests for app pages that are under way: all together, and those of one tenant. */
function gateOfPages({ config, onRefused }: AppsPartOptions): Gate {
  const { auth, scrape } = config;
  const admission = new Admission({ maxRequests: scrape.maxRequests, onRefused });
  const addressOf = clientAddress(auth.trustedProxies);
  return openGate(admission, ({ req, state: { scope } }) => {
    if (scope !== 'all' && !pushes(scope)) return scope.spaceId || scope.appId;
    return auth.mode === 'open' ? addressOf(req) : undefined;
  });
}
