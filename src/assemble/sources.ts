/**
 * Starts the route sources that the configuration names, and tells log and metrics of them.
 *
 * Only the kinds that are named are loaded.
 */
import type { Config } from '../config/config.ts';
import { isUntrusted } from '../discover/client-tls.ts';
import { startMaxAge } from '../discover/max-age.ts';
import type { RouteTable } from '../discover/route-table.ts';
import { type RouteSource, type SourceObservers, systemClock } from '../discover/source.ts';
import type { Trust } from '../fetch/trust.ts';
import type { Log } from '../telemetry/log.ts';
import type { RouteMetrics } from '../telemetry/route-metrics.ts';

type Routes = Config['routes'];

export interface SourcesOptions {
  readonly routes: Routes;
  readonly table: RouteTable;
  /** Of instances: an endpoint in doubt must prove itself as it must when it is asked for metrics. */
  readonly trust: Trust;
  /** Certificates trusted besides a source's own `tls.ca`. */
  readonly authorities: () => Promise<readonly string[]>;
  readonly log: Log;
  readonly metrics: RouteMetrics;
  /** A source was read. */
  readonly onRead: () => void;
}

/** @param parts - takes the sources: disposal ends them */
export async function startSources(
  options: SourcesOptions,
  parts: AsyncDisposableStack,
): Promise<readonly RouteSource[]> {
  const { routes, log } = options;
  const sources: RouteSource[] = [];
  for (const start of [startGorouters, startRouteFile, startBus]) {
    for (const source of await start(options)) sources.push(parts.use(source));
  }
  if (sources.length < 2) return sources; // the last table of the only one stays
  const { maxAgeMs } = routes;
  const onLapsed = ({ name }: RouteSource): void =>
    log.warn('the routes of a source that fails are no longer used: another source works', {
      source: name,
      max_age_seconds: maxAgeMs / 1000,
    });
  parts.use(startMaxAge({ sources, maxAgeMs, clock: systemClock, onLapsed }));
  return sources;
}

async function startGorouters(options: SourcesOptions): Promise<RouteSource[]> {
  const { gorouter } = options.routes;
  if (gorouter.length === 0) return [];
  const { startGorouter } = await import('../discover/gorouter.ts');
  const usesTls = gorouter.some(({ url }) => url.startsWith('https:'));
  const ca = usesTls ? await options.authorities() : undefined;
  return gorouter.map((one, place) =>
    observed(options, `routes.gorouter[${place}].tls.ca`, (observers) =>
      startGorouter({ ...one, tls: { ...one.tls, ca } }, options.table, observers),
    ),
  );
}

async function startRouteFile(options: SourcesOptions): Promise<RouteSource[]> {
  const { file } = options.routes;
  if (file === undefined) return [];
  const { startFile } = await import('../discover/file.ts');
  const start = (observers: SourceObservers) => startFile({ path: file }, options.table, observers);
  return [observed(options, undefined, start)];
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
    observed(options, 'routes.nats.tls.ca', (observers) =>
      startNats({ ...nats, tls, dial }, options.table, observers),
    ),
  ];
}

/** @param caKey - the configuration key that says which authority signs the source's certificate */
function observed(
  options: SourcesOptions,
  caKey: string | undefined,
  start: (observers: SourceObservers) => RouteSource,
): RouteSource {
  const names = { source: '' }; // it has its name before it can call anyone
  const source = start(observersFor(options, names, caKey));
  names.source = source.name;
  return source;
}

function observersFor(
  { log, metrics, onRead }: SourcesOptions,
  names: { readonly source: string },
  caKey: string | undefined,
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
        const { fault, message } = state.error;
        const why = isUntrusted(state.error)
          ? `${message}: set ${caKey} to the authority that signs its certificate`
          : message;
        log.warn('routes cannot be read: the last ones stay', { ...names, fault, why });
      }
    },
    onLoss: ({ apps, appsBefore }) => {
      metrics.doubtedTables.inc(names);
      log.warn('a table lists less than half of the apps: it is used if the next one does too', {
        ...names,
        apps,
        apps_before: appsBefore,
      });
    },
    onRefused: (reason, count) => {
      metrics.malformedMessage(names.source);
      log.debug('a part of the routes was left out', { ...names, reason, count });
    },
    onPruned: (reason, count) => log.info('endpoints were taken out', { reason, count }),
  };
}
