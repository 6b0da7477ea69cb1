/**
 * Starts the route sources that the configuration names, and tells log and metrics of them.
 *
 * Only the kinds that are named are loaded.
 */
import type { Config } from './config.ts';
import { startMaxAge } from './discover/max-age.ts';
import type { NatsSource } from './discover/nats-source.ts';
import type { RouteTable } from './discover/route-table.ts';
import { type RouteSource, type SourceObservers, systemClock } from './discover/source.ts';
import type { Trust } from './fetch/trust.ts';
import { type SourceKeys, sourceAdvice } from './source-advice.ts';
import type { Log } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';

export interface SourcesOptions {
  readonly routes: Config['routes'];
  readonly table: RouteTable;
  /** Of instances: an endpoint in doubt must prove itself as it must when it is asked for metrics. */
  readonly trust: Trust;
  /** Certificates trusted besides a source's own `tls.ca`. */
  readonly authorities: readonly string[] | undefined;
  readonly log: Log;
  readonly metrics: Metrics<never>;
  /** A source was read. */
  readonly onRead: () => void;
}

export interface Sources {
  readonly all: readonly RouteSource[];
  readonly nats: NatsSource | undefined;
}

const NATS_KEYS: SourceKeys = { section: 'routes.nats', address: 'routes.nats.servers' };

/** @param parts - takes the sources: disposal ends them */
export async function startSources(
  options: SourcesOptions,
  parts: AsyncDisposableStack,
): Promise<Sources> {
  const { routes, table, trust, authorities: ca } = options;
  const all: RouteSource[] = [];
  const started = <S extends RouteSource>(
    start: (observers: SourceObservers) => S,
    keys: SourceKeys,
  ): S => {
    const names = { source: '' };
    const source = parts.use(start(observersFor(options, names, keys)));
    names.source = source.name;
    all.push(source);
    return source;
  };
  if (routes.gorouter.length > 0) {
    const { startGorouter } = await import('./discover/gorouter.ts');
    for (const [place, gorouter] of routes.gorouter.entries()) {
      const tls = { ...gorouter.tls, ca };
      const start = (observers: SourceObservers): RouteSource =>
        startGorouter({ ...gorouter, tls }, table, observers);
      const section = `routes.gorouter[${place}]`;
      started(start, { section, address: `${section}.url` });
    }
  }
  const { file, nats } = routes;
  if (file !== undefined) {
    const { startFile } = await import('./discover/file.ts');
    const start = (observers: SourceObservers): RouteSource =>
      startFile({ path: file }, table, observers);
    started(start, { address: 'routes.file' });
  }
  if (!nats) return aged({ all, nats: undefined }, options, parts);
  const { startNats } = await import('./discover/nats-source.ts');
  const { dialTls } = await import('./discover/dial.ts');
  const tls = nats.tls && { ...nats.tls, ca };
  const dial = dialTls(() => trust.context());
  const onPruned = (reason: string, count: number): void =>
    options.log.info('endpoints were taken out', { reason, count });
  const source: NatsSource = started((observers) => {
    const onSuccess = (changed: boolean): void => {
      if (nats.enough !== undefined && table.sizes().endpoints >= nats.enough) {
        source.declareReady();
      }
      observers.onSuccess?.(changed);
    };
    return startNats({ ...nats, tls, dial }, table, { ...observers, onSuccess, onPruned });
  }, NATS_KEYS);
  return aged({ all, nats: source }, options, parts);
}

/** Lets sources that fail lose their say. */
function aged(
  sources: Sources,
  { routes: { maxAgeMs }, log }: SourcesOptions,
  parts: AsyncDisposableStack,
): Sources {
  if (sources.all.length < 2) return sources; // the last table of the only one stays
  const onLapsed = ({ name }: RouteSource): void =>
    log.warn('the routes of a source that fails are no longer used: another source works', {
      source: name,
      max_age_seconds: maxAgeMs / 1000,
    });
  parts.use(startMaxAge({ sources: sources.all, maxAgeMs, clock: systemClock, onLapsed }));
  return sources;
}

/**
 * @param names - filled in once the source has its name, before it can call anyone
 * @param keys - those of the configuration that say how it is read
 */
function observersFor(
  { log, metrics, onRead }: SourcesOptions,
  names: { readonly source: string },
  keys: SourceKeys,
): SourceObservers {
  return {
    onSuccess: () => {
      metrics.routesRead(names.source);
      onRead();
    },
    onFailure: () => metrics.routesFailed(names.source),
    onState: (state) => {
      if (state.working) log.info('routes are read', { ...names });
      else {
        const { fault } = state.error;
        const why = sourceAdvice(state.error, keys);
        log.warn('routes cannot be read: the last ones stay', { ...names, fault, why });
      }
    },
    onLoss: ({ apps, appsBefore }) => {
      metrics.routesDoubted(names.source);
      log.warn('a table lists less than half of the apps: it is used if the next one does too', {
        ...names,
        apps,
        apps_before: appsBefore,
      });
    },
    onRefused: (reason, count) => {
      metrics.malformedRouteMessage(names.source);
      log.debug('a part of the routes was left out', { ...names, reason, count });
    },
  };
}
