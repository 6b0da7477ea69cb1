/**
 * `/metrics?endpoint=URL` on a real server, with name servers of the test's own. Every public address
 * leads to one simulated endpoint; which addresses promgate would connect to is recorded.
 */
import { systemTimers } from '../../src/clock.ts';
import { EndpointGuard, EndpointRules, type GuardOptions } from '../../src/fetch/endpoint-guard.ts';
import { EndpointPages } from '../../src/fetch/endpoint-page.ts';
import { Scraper } from '../../src/fetch/fan-out.ts';
import type { Lookup } from '../../src/fetch/host-lookup.ts';
import { fixedTrust } from '../../src/fetch/trust.ts';
import { Refresher } from '../../src/refresh/refresher.ts';
import { WarmCache } from '../../src/refresh/warm-cache.ts';
import { admitAll } from '../../src/serve/auth.ts';
import {
  EndpointCache,
  type EndpointFetch,
  type EndpointResult,
} from '../../src/serve/endpoint-cache.ts';
import { type EndpointsOptions, endpoints } from '../../src/serve/endpoints.ts';
import { Lane } from '../../src/serve/lane.ts';
import type { Handler } from '../../src/serve/request.ts';
import { UnsentBodies } from '../../src/serve/unsent-bodies.ts';
import type { RequestEvent } from '../../src/telemetry/request-event.ts';
import {
  type Answer,
  type ServerOptions,
  type SimulatedServer,
  startServer,
} from '../support/simulated-server.ts';
import { serveFrame } from './frame-server.ts';

export interface SiteOptions
  extends Partial<GuardOptions>,
    Partial<
      Pick<
        EndpointsOptions,
        'authorizationOf' | 'passHeaders' | 'compat' | 'timeoutMs' | 'maxTimeoutMs' | 'id'
      >
    > {
  readonly answer: Answer;
  /** The answers of the name servers one after the other; the last one stays. */
  readonly dns?: Readonly<Record<string, readonly (readonly string[])[]>>;
  readonly lookup?: Lookup;
  /** The endpoint speaks TLS. */
  readonly tls?: ServerOptions['tls'];
  /** Trusted authorities. */
  readonly ca?: string;
  /** Connect to the judged address itself, not to the simulated endpoint. */
  readonly isReal?: boolean;
  readonly passAuth?: readonly string[];
  readonly withCredentials?: boolean;
  readonly maxJobs?: number;
  readonly maxCacheBytes?: number;
  readonly maxBodyBytes?: number;
  readonly maxUnsentBytes?: number;
  readonly life?: Partial<{
    ttlMs: number;
    staleWhileRevalidateMs: number;
    staleIfErrorMs: number;
  }>;
  readonly fixedPauseMs?: number;
  readonly minIntervalMs?: number;
  readonly idleMs?: number;
  readonly admit?: Handler;
}

export interface Site extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly endpoint: SimulatedServer;
  /** `host:port` of every connection that was wanted. */
  readonly connects: readonly string[];
  readonly fetches: readonly EndpointFetch[];
  readonly events: readonly RequestEvent[];
  readonly mistakes: readonly unknown[];
  readonly cache: WarmCache<EndpointResult>;
  readonly refresher: Refresher;
  readonly lane: Lane;
  /** Asks for an endpoint; `rest` is the further query. */
  ask(endpoint: string, init?: RequestInit, rest?: string): Promise<Response>;
}

const MIB = 1_048_576;

export async function startSite({ answer, ...options }: SiteOptions): Promise<Site> {
  await using parts = new AsyncDisposableStack();
  const endpoint = parts.use(await startServer(answer, options.tls ? { tls: options.tls } : {}));
  const trust = fixedTrust({ ca: options.ca === undefined ? undefined : [options.ca] });
  const real = parts.use(
    new Scraper({
      ...{ concurrency: 64, perApp: 8, maxBytes: 64 * MIB, plainCredentials: true },
      maxBodyBytes: options.maxBodyBytes ?? 2 * MIB,
      trust: { instances: trust, system: trust },
    }),
  );
  const connects: string[] = [];
  const fetches: EndpointFetch[] = [];
  const events: RequestEvent[] = [];
  const mistakes: unknown[] = [];
  const scraper: Pick<Scraper, 'scrape' | 'lease'> = {
    lease: () => real.lease(),
    scrape: (request) => {
      connects.push(...request.targets.map(({ address }) => address));
      if (options.isReal) return real.scrape(request);
      const targets = request.targets.map((one) => ({ ...one, address: endpoint.address }));
      return real.scrape(Object.create(request, { targets: { value: targets } }));
    },
  };
  const { allow = ['*'], deny = [], allowPrivate = [] } = options;
  const guard = new EndpointGuard({ allow, deny, allowPrivate });
  const onError = (error: unknown): void => void mistakes.push(error);
  const cache = new WarmCache<EndpointResult>({
    maxBytes: options.maxCacheBytes ?? 16 * MIB,
    negative: { notFoundMs: 0, failedMs: 0 },
    ...{ timers: systemTimers, onError },
  });
  const refresher = parts.use(
    new Refresher({
      ...{ timers: systemTimers, onError, concurrency: 8 },
      maxJobs: options.maxJobs ?? 10_000,
      idleMs: options.idleMs ?? 600_000,
      minIntervalMs: options.minIntervalMs ?? 60_000,
      fixedPauseMs: options.fixedPauseMs,
    }),
  );
  const lane = new Lane({ observers: { onEnd: () => undefined }, maxTimeoutMs: 60_000 });
  const kept = new EndpointCache({
    ...{ cache, refresher, timers: systemTimers },
    pages: new EndpointPages({ guard, scraper, lookup: options.lookup ?? lookupIn(options) }),
    life: { ttlMs: 60_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 60_000, ...options.life },
    withCredentials: options.withCredentials ?? false,
    obeyCacheControl: true,
    onFetch: (fetch) => void fetches.push(fetch),
  });
  const handle = endpoints({
    ...{ cache: kept, guard, lane, own: [] },
    unsent: new UnsentBodies(options.maxUnsentBytes ?? 2 ** 26),
    passAuth: new EndpointRules(options.passAuth ?? []),
    passHeaders: options.passHeaders ?? [],
    compat: options.compat ?? false,
    authorizationOf: options.authorizationOf ?? 'endpoint',
    id: options.id ?? 'promgate',
    timeoutMs: options.timeoutMs ?? 10_000,
    maxTimeoutMs: options.maxTimeoutMs ?? 60_000,
    onEvent: (event) => void events.push(event),
  });
  const server = parts.use(
    await serveFrame({
      routes: [{ name: 'metrics', path: '/metrics', handle }],
      ...{ lane, admit: options.admit ?? admitAll },
    }),
  );
  const owned = parts.move();
  return {
    ...{ url: server.url, port: server.port, endpoint, connects, fetches, events },
    ...{ cache, refresher, lane },
    mistakes: new Proxy(mistakes, {
      get: (_, name) => Reflect.get([...mistakes, ...server.mistakes], name),
    }),
    ask: (text, init, rest = '') =>
      fetch(`${server.url}/metrics?endpoint=${encodeURIComponent(text)}${rest}`, {
        ...init,
        headers: { 'Accept-Encoding': 'identity', ...init?.headers },
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function lookupIn({ dns = {} }: Pick<SiteOptions, 'dns'>): Lookup {
  const asked = new Map<string, number>();
  return async (name) => {
    const answers = dns[name] ?? [['93.184.216.34']];
    const at = asked.get(name) ?? 0;
    asked.set(name, at + 1);
    const found = answers[Math.min(at, answers.length - 1)] ?? [];
    return found.length > 0 ? found : 'none';
  };
}

/** The code of a problem. */
export async function codeOf(answer: Response): Promise<string> {
  const { code } = (await answer.json()) as { readonly code: string };
  return code;
}
