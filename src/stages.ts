/**
 * Builds and connects the stages: from the sources of routes to the site that answers.
 *
 * `app.ts` loads this once the ports are open, and ends it after they are closed.
 */
import type { RequestListener } from 'node:http';
import type { Bindings } from './bindings.ts';
import type { Config } from './config.ts';
import { type DescriptorPlan, descriptorLimit } from './descriptors.ts';
import { RouteTable } from './discover/route-table.ts';
import type { LenientAnswer } from './fetch/connections.ts';
import { EndpointChoice } from './fetch/endpoint-choice.ts';
import { FAILURES, type Failure } from './fetch/failure.ts';
import { Scraper } from './fetch/fan-out.ts';
import { fixedTrust, openFileTrust, type Trust } from './fetch/trust.ts';
import { watchMemory } from './idle-memory.ts';
import type { AppPageObservers, Outcome } from './serve/app-page.ts';
import { UNBOUND } from './serve/app-settings.ts';
import type { Readiness } from './serve/health.ts';
import type { SiteBindings } from './site.ts';
import { type Sources, startSources } from './sources.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics, type LateMetrics, type Metrics } from './telemetry/metrics.ts';
import { readAuthorities } from './trust.ts';
import { VERSION } from './version.ts';

export interface Stages {
  readonly site: RequestListener;
  readonly log: Log;
  readonly metrics: LateMetrics<Failure>;
}

export interface StagesOptions {
  /** In place of standard output. */
  readonly log?: Log;
  readonly platformAuthorities?: string | undefined;
  /** Is told of the sources. */
  readonly readiness: Readiness;
  /** Aborts when answers must go out with what has arrived. */
  readonly cut: AbortSignal;
  readonly descriptors: DescriptorPlan;
}

/** @param parts - takes what must be ended */
export async function startStages(
  config: Config,
  options: StagesOptions,
  parts: AsyncDisposableStack,
): Promise<Stages> {
  const { readiness, cut, descriptors } = options;
  const log =
    options.log ??
    parts.use(createLog({ level: config.log.level, onDropped: () => metrics.logLineDropped() }));
  const trust = await openTrust(config, options, log);
  const onLenient = (answer: LenientAnswer): void => tellLenient(answer, metrics, log);
  const scraper = parts.use(
    new Scraper({
      ...config.scrape,
      concurrency: descriptors.concurrency,
      maxOpen: descriptors.maxOpen,
      onNoDescriptors: tellNoDescriptors(log),
      onLenient,
      isThere: (instance) => table.holds(instance),
      trust,
    }),
  );
  cut.addEventListener('abort', () => scraper.endBy(performance.now()));
  const choice = new EndpointChoice();
  const idle = new AbortController();
  const watching = watchMemory({ signal: idle.signal });
  parts.defer(async () => {
    idle.abort();
    await watching;
  });
  const table = new RouteTable({
    requireTls: config.routes.requireTls,
    onAddressGone: (address) => {
      scraper.forget(address);
      choice.forget(address);
    },
    onAppGone: (appId) => metrics.forgetApp(appId),
    onAmbiguous: (addresses) =>
      log.warn('addresses are claimed by several instances at once, which are not asked', {
        count: addresses.length,
        first: addresses[0],
      }),
  });
  let bindings: OpenedBindings | undefined;
  let sources: Sources | undefined;
  const metrics = createMetrics({
    version: VERSION,
    failures: FAILURES,
    levels: () => ({
      ...levelsOf(config, table, scraper, descriptors),
      sources: sources?.all,
      bindings: bindings?.levels?.(),
    }),
    knowsApp: (appId) => table.byApp(appId).length > 0,
  });
  sources = await startSources(
    {
      ...{ table, authorities: trust.authorities, log, metrics },
      routes: config.routes,
      trust: trust.instances,
      onRead: () => readiness.sourceRead(),
    },
    parts,
  );
  readiness.expect(sources.all);
  const { connectSite } = await import('./site.ts'); // the routes are read meanwhile
  const observers = observeScrapes(metrics, log, sources);
  bindings = await openBindings(config, { table, trust, log, metrics, readiness, parts });
  const site = connectSite(config, {
    ...{ scraper, choice, table, readiness, metrics, log, cut, observers, bindings },
  });
  return { site, log, metrics };
}

interface BindingParts {
  readonly table: RouteTable;
  readonly trust: AppTrust;
  readonly log: Log;
  readonly metrics: Metrics<Failure>;
  readonly readiness: Readiness;
  readonly parts: AsyncDisposableStack;
}

type OpenedBindings = SiteBindings & Partial<Pick<Bindings, 'levels'>>;

/** What is known of bindings where there is no broker. */
const WITHOUT_BINDINGS: OpenedBindings = {
  settingsOf: () => UNBOUND,
  tokens: { scopeOf: async () => undefined },
};

async function openBindings(
  config: Config,
  { table, trust, log, metrics, readiness, parts }: BindingParts,
): Promise<OpenedBindings> {
  const { broker } = config;
  if (!broker) return WITHOUT_BINDINGS;
  const { startBindings } = await import('./bindings.ts');
  const spaceOfApp = (appId: string) => table.byApp(appId)[0]?.app.spaceId || undefined;
  const { authorities } = trust;
  const bindings = await startBindings(
    { config, broker, authorities, spaceOfApp, log, metrics },
    parts,
  );
  readiness.mention('database', bindings.state);
  return bindings;
}

interface AppTrust {
  readonly instances: Trust;
  readonly system: Trust;
  /** Undefined while no client needs them. */
  readonly authorities: readonly string[] | undefined;
}

async function openTrust(config: Config, options: StagesOptions, log: Log): Promise<AppTrust> {
  const instances = await openFileTrust(filesOf(config.scrape.tls), {
    onError: (err) =>
      log.warn('certificates for instances have changed and cannot be used', { err }),
  });
  const { routes, externalExporters } = config;
  const usesTls =
    routes.gorouter.some(({ url }) => url.startsWith('https:')) ||
    routes.nats !== undefined ||
    externalExporters.some(({ scheme }) => scheme === 'https') ||
    (config.broker !== undefined && config.database.tls !== undefined);
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

function levelsOf(
  { scrape }: Config,
  table: RouteTable,
  scraper: Scraper,
  { concurrency }: DescriptorPlan,
) {
  const { slots, bytes, waitingForSlots } = scraper.load;
  return {
    table: { ...table.sizes(), ambiguous: table.ambiguousAddresses },
    pool: {
      used: slots,
      limit: concurrency,
      waiting: waitingForSlots,
      bytesInFlight: bytes,
      bytesLimit: scrape.maxBytes,
    },
  };
}

const SHORTAGE_TOLD_EVERY_MS = 60_000;

/** Warns that no connection can be opened, at most once a minute. */
function tellNoDescriptors(log: Log): () => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - toldMs < SHORTAGE_TOLD_EVERY_MS) return;
    toldMs = nowMs;
    log.warn(
      'no file descriptor is left for connections to instances: raise the limit of open files',
      {
        limit: descriptorLimit(),
      },
    );
  };
}

function observeScrapes(metrics: Metrics<Failure>, log: Log, sources: Sources): AppPageObservers {
  return {
    onTypeConflicts: metrics.typeConflicts,
    onDroppedSamples: metrics.reservedSamplesDropped,
    onFilteredSamples: metrics.filteredSamplesDropped,
    onDuplicateSamples: metrics.duplicateSamplesDropped,
    onUndatedSamples: metrics.timestampsDropped,
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

function tellLenient(
  { address, because }: LenientAnswer,
  metrics: Metrics<Failure>,
  log: Log,
): void {
  metrics.lenientAnswer();
  if (because === undefined) return; // told when it began
  log.info('an instance breaks the HTTP standard: it costs a connection per scrape, mend the app', {
    ...{ instance: address, because },
  });
}

function tellFailure(outcome: Outcome, log: Log, { nats }: Sources): void {
  const { failure, instance, app, status, detail } = outcome;
  if (failure === undefined || failure === 'aborted') return;
  if (instance) {
    const { address, serverCertDomainSan } = instance.endpoint;
    nats?.reportFailure(address, failure, serverCertDomainSan);
  }
  log.debug('no metrics from an instance', {
    ...{ failure, status, detail, path: outcome.path },
    ...{ instance: instance?.endpoint.address, app_id: app.appId, app_name: app.appName },
  });
}
