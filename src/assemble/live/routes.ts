/**
 * Tries of the route sources: each gorouter, each server of NATS, and the routes file.
 */
import { systemClock } from '../../clock.ts';
import type { Config } from '../../config/config.ts';
import type { CfApiState } from '../../discover/cf-api.ts';
import { RouteTable } from '../../discover/route-table.ts';
import type { RouteSource, SourceObservers } from '../../discover/source.ts';
import type { Ground } from '../ground.ts';
import { type SourceKeys, sourceAdvice } from '../source-advice.ts';
import { type Try, TryError, type TryResult } from './try.ts';

type Authorities = Pick<Ground, 'authorities'>;

export function routeTries({ routes }: Pick<Config, 'routes'>, ground: Authorities): Try[] {
  const { gorouter, nats, cfApi, file, requireTls } = routes;
  const tries: Try[] = gorouter.map((one, place) => ({
    name: `gorouter ${withoutCredentials(one.url)}`,
    run: async (signal) => {
      const { startGorouter } = await import('../../discover/gorouter.ts');
      const ca = one.url.startsWith('https:') ? await ground.authorities() : undefined;
      const section = `routes.gorouter[${place}]`;
      return readOnce({
        ...{ signal, requireTls, keys: { section, address: `${section}.url` } },
        start: (table, observers) =>
          startGorouter({ ...one, tls: { ...one.tls, ca } }, table, observers),
      });
    },
  }));
  for (const server of nats?.servers ?? []) {
    tries.push({
      name: `nats ${withoutCredentials(server)}`,
      run: (signal) => hearBus(nats!, server, { signal, ground }), // it has servers
    });
  }
  if (cfApi) {
    tries.push({
      name: `cf-api ${withoutCredentials(cfApi.url)}`,
      run: async (signal) => {
        const { startCfApi } = await import('../../discover/cf-api.ts');
        const ca = cfApi.url.startsWith('https:') ? await ground.authorities() : undefined;
        let state: CfApiState | undefined;
        const result = await readOnce({
          ...{ signal, requireTls },
          keys: { section: 'routes.cf_api', address: 'routes.cf_api.url' },
          start: (table, observers) => {
            const source = startCfApi({ ...cfApi, tls: { ...cfApi.tls, ca } }, table, observers);
            state = source.state;
            return source;
          },
        });
        return { ...result, said: `${result.said}; ${saidOf(state!)}` }; // it was started
      },
    });
  }
  if (file === undefined) return tries;
  const run: Try['run'] = async (signal) => {
    const { startFile } = await import('../../discover/file.ts');
    const start: Start = (table, observers) => startFile({ path: file }, table, observers);
    return readOnce({ signal, requireTls, keys: { address: 'routes.file' }, start });
  };
  return [...tries, { name: `routes file ${file}`, run }];
}

/** What the token allows, and what is left of the quota. */
function saidOf({ scopes, remainingRequests }: CfApiState): string {
  const sees = scopes.filter((one) => one.startsWith('cloud_controller.'));
  const left =
    remainingRequests === undefined
      ? 'the API limits no requests'
      : `the API says that ${remainingRequests} requests are left`;
  return `the token has ${sees.join(', ') || 'no scope'}; ${left}`;
}

type Start = (table: RouteTable, observers: SourceObservers) => RouteSource;

interface ReadOnce {
  readonly signal: AbortSignal;
  readonly requireTls: boolean;
  readonly keys: SourceKeys;
  readonly start: Start;
}

async function readOnce({ signal, requireTls, keys, start }: ReadOnce): Promise<TryResult> {
  const table = new RouteTable({ requireTls });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const beganMs = performance.now();
  signal.addEventListener('abort', () => reject(new TryError('given up')), { once: true });
  await using _source = start(table, {
    onState: (state) => {
      if (state.working) resolve();
      else reject(new TryError(sourceAdvice(state.error, keys)));
    },
  });
  await promise;
  const tookMs = Math.round(performance.now() - beganMs);
  const { routes, endpoints, apps } = table.sizes();
  const said = `${routes} routes, ${endpoints} endpoints of ${apps} apps, read anew in ${tookMs} ms`;
  if (apps > 0) return { state: 'ok', said };
  const advice = `look at ${keys.address}: no app can be scraped by this table`;
  return { state: 'warn', said, advice };
}

interface Hearing {
  readonly signal: AbortSignal;
  readonly ground: Authorities;
}

/** How long a route message may be awaited; emitters together announce far more often. */
const FIRST_MESSAGE_MS = 5_000;

async function hearBus(
  nats: NonNullable<Config['routes']['nats']>,
  server: string,
  { signal, ground }: Hearing,
): Promise<TryResult> {
  const { runBus } = await import('../../discover/nats.ts');
  const speaksTls = nats.tls !== undefined || server.startsWith('tls://');
  const tls = speaksTls ? { ...nats.tls, ca: await ground.authorities() } : undefined;
  const keys = { section: 'routes.nats', address: 'routes.nats.servers' };
  const stop = new AbortController();
  const heard = Promise.withResolvers<TryResult>();
  signal.addEventListener('abort', () => heard.reject(new TryError('given up')), { once: true });
  let upMs = 0;
  let timer: NodeJS.Timeout | undefined;
  const link = `connected ${speaksTls ? 'with TLS' : 'without TLS'}`;
  const running = runBus(
    { ...nats, servers: [server], tls },
    {
      subjects: {
        'router.register': () => {
          const afterMs = Math.round(performance.now() - upMs);
          heard.resolve({ state: 'ok', said: `${link}; first route message after ${afterMs} ms` });
        },
      },
      onUp: () => {
        upMs = performance.now();
        timer = setTimeout(() => {
          const advice =
            'look whether route emitters announce routes on this NATS (router.register)';
          const said = `${link}, but no route message came within ${FIRST_MESSAGE_MS / 1000} s`;
          heard.reject(new TryError(said, advice));
        }, FIRST_MESSAGE_MS);
      },
      onDown: (error) => heard.reject(new TryError(sourceAdvice(error, keys))),
      onError: (error) => heard.reject(new TryError(sourceAdvice(error, keys))),
    },
    { signal: stop.signal, clock: systemClock },
  );
  try {
    return await heard.promise;
  } finally {
    clearTimeout(timer);
    stop.abort();
    running.catch(() => undefined); // it never rejects; its end is not awaited
  }
}

function withoutCredentials(url: string): string {
  const parsed = URL.parse(url.includes('://') ? url : `nats://${url}`);
  if (!parsed) return '';
  const path = parsed.pathname === '/' ? '' : parsed.pathname;
  return `${parsed.protocol}//${parsed.host}${path}`;
}
