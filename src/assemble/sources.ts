/**
 * Starts the configured route sources, and reports their state to log and metrics.
 *
 * Only the code of configured kinds of sources is loaded.
 */
import { systemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { CfApiSource } from '../discover/cf-api.ts';
import { startMaxAge } from '../discover/max-age.ts';
import type { RouteTable } from '../discover/route-table.ts';
import type { RouteSource, SourceObservers } from '../discover/source.ts';
import { SOURCE_FAULTS } from '../discover/source-error.ts';
import type { Trust } from '../fetch/trust.ts';
import type { Log } from '../telemetry/log.ts';
import type { RouteMetrics } from '../telemetry/route-metrics.ts';
import { type SourceKeys, sourceAdvice } from './source-advice.ts';

type Routes = Config['routes'];

export interface SourcesOptions {
  readonly routes: Routes;
  readonly table: RouteTable;
  /** The trust in instances, by which a doubtful endpoint must prove its identity. */
  readonly trust: Trust;
  /** PEM certificates of the authorities trusted in addition to a source's own `tls.ca`. */
  readonly authorities: () => Promise<readonly string[]>;
  readonly log: Log;
  readonly metrics: RouteMetrics;
  /** Called whenever a source was read. */
  readonly onRead: () => void;
}

/** @param parts - its disposal stops the sources */
export async function startSources(
  options: SourcesOptions,
  parts: AsyncDisposableStack,
): Promise<readonly RouteSource[]> {
  const { routes, log } = options;
  const sources: RouteSource[] = [];
  for (const start of [startGorouters, startRouteFile, startBus, startApi]) {
    for (const source of await start(options)) sources.push(parts.use(source));
  }
  if (sources.length < 2) return sources; // a single source keeps its last routes
  const { maxAgeMs } = routes;
  const onLapsed = ({ name }: RouteSource): void =>
    log.warn('the routes of a source that fails are no longer used: another source works', {
      source: name,
      max_age_seconds: maxAgeMs / 1000,
    });
  const onError = (err: unknown): void =>
    log.error('promgate could not drop the routes of a source that fails, and tries again', {
      err,
    });
  parts.use(startMaxAge({ sources, maxAgeMs, clock: systemClock, onLapsed, onError }));
  return sources;
}

const NATS_KEYS: SourceKeys = { section: 'routes.nats', address: 'routes.nats.servers' };

async function startGorouters(options: SourcesOptions): Promise<RouteSource[]> {
  const { gorouter } = options.routes;
  if (gorouter.length === 0) return [];
  const { startGorouter } = await import('../discover/gorouter.ts');
  const usesTls = gorouter.some(({ url }) => url.startsWith('https:'));
  const ca = usesTls ? await options.authorities() : undefined;
  return gorouter.map((one, place) =>
    observed(options, gorouterKeys(place), (observers) =>
      startGorouter({ ...one, tls: { ...one.tls, ca } }, options.table, observers),
    ),
  );
}

function gorouterKeys(place: number): SourceKeys {
  const section = `routes.gorouter[${place}]`;
  return { section, address: `${section}.url` };
}

async function startRouteFile(options: SourcesOptions): Promise<RouteSource[]> {
  const { file } = options.routes;
  if (file === undefined) return [];
  const { startFile } = await import('../discover/file.ts');
  const start = (observers: SourceObservers) => startFile({ path: file }, options.table, observers);
  return [observed(options, { address: 'routes.file' }, start)];
}

async function startBus(options: SourcesOptions): Promise<RouteSource[]> {
  const { nats } = options.routes;
  if (!nats) return [];
  const { startNats } = await import('../discover/nats-source.ts');
  const { dialTls } = await import('../discover/dial.ts');
  const speaksTls = nats.tls ?? nats.servers.every((server) => server.startsWith('tls://'));
  const tls = speaksTls ? { ...nats.tls, ca: await options.authorities() } : undefined;
  const dial = dialTls(() => options.trust.context());
  return [
    observed(options, NATS_KEYS, (observers) =>
      startNats({ ...nats, tls, dial }, options.table, observers),
    ),
  ];
}

const CF_API_KEYS: SourceKeys = { section: 'routes.cf_api', address: 'routes.cf_api.url' };

async function startApi(options: SourcesOptions): Promise<RouteSource[]> {
  const { cfApi } = options.routes;
  if (!cfApi) return [];
  const { startCfApi } = await import('../discover/cf-api.ts');
  const usesTls = cfApi.url.toLowerCase().startsWith('https:');
  const ca = usesTls ? await options.authorities() : undefined;
  const tls = { ...cfApi.tls, ca };
  const metrics = options.metrics.cfApi;
  const start = (observers: SourceObservers): CfApiSource =>
    startCfApi({ ...cfApi, tls }, options.table, {
      ...observers,
      onRequest: metrics.requested,
      onSweep: metrics.swept,
      onFailure: (error) => {
        metrics.failed('sweep', error.fault);
        observers.onFailure?.(error);
      },
      onStatsFailure: (error) => {
        metrics.failed('stats', error.fault);
        options.log.warn('the stats of a process cannot be read from the CF API', {
          fault: error.fault,
          why: sourceAdvice(error, CF_API_KEYS),
        });
      },
    });
  const source = observed(options, CF_API_KEYS, start);
  metrics.watch(source.state, SOURCE_FAULTS);
  return [source];
}

/** @param keys - the configuration keys of the source, for messages */
function observed<S extends RouteSource>(
  options: SourcesOptions,
  keys: SourceKeys,
  start: (observers: SourceObservers) => S,
): S {
  const names = { source: '' }; // set below, before the source calls an observer
  const source = start(observersFor(options, names, keys));
  names.source = source.name;
  return source;
}

function observersFor(
  { log, metrics, onRead }: SourcesOptions,
  names: { readonly source: string },
  keys: SourceKeys,
): SourceObservers {
  return {
    onSuccess: () => {
      metrics.read(names.source);
      onRead();
    },
    onFailure: () => metrics.failed(names.source),
    onState: (state) => {
      if (state.working) log.info('routes are read', { ...names });
      else {
        const { fault } = state.error;
        const why = sourceAdvice(state.error, keys);
        log.warn('routes cannot be read: promgate keeps the last ones', { ...names, fault, why });
      }
    },
    onLoss: ({ list = 'apps', apps, appsBefore }) => {
      metrics.doubtedTables.inc(names);
      log.warn(
        'a table lists less than half of the apps: promgate uses it only if the next does too',
        { ...names, list, apps, apps_before: appsBefore },
      );
    },
    onRefused: (reason, count) => {
      metrics.malformedMessage(names.source);
      log.debug('a part of the routes was refused', { ...names, reason, count });
    },
    onPruned: (reason, count) =>
      log.info('endpoints were removed from the routes', { reason, count }),
  };
}
