/**
 * The endpoint cache behind `/metrics?endpoint=URL`: promgate asks endpoints that readers name, and
 * keeps their pages warm.
 */
import { systemTimers } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { ENDPOINT_FAILURES, FETCH_FAILURES } from '../fetch/endpoint-failure.ts';
import { EndpointGuard, EndpointRules } from '../fetch/endpoint-guard.ts';
import { EndpointPages } from '../fetch/endpoint-page.ts';
import { Scraper } from '../fetch/fan-out.ts';
import { type Lookup, systemLookup } from '../fetch/host-lookup.ts';
import { fixedTrust } from '../fetch/trust.ts';
import { purge } from '../refresh/purge.ts';
import { Admission, bounded, openGate } from '../serve/admission.ts';
import { clientAddress } from '../serve/client-address.ts';
import { EndpointCache, type EndpointFetch, type EndpointResult } from '../serve/endpoint-cache.ts';
import { type EndpointsOptions, endpoints } from '../serve/endpoints.ts';
import type { Lane } from '../serve/lane.ts';
import type { Handler } from '../serve/request.ts';
import { UnsentBodies } from '../serve/unsent-bodies.ts';
import { endpointMetrics } from '../telemetry/endpoint-metrics.ts';
import type { Ground } from './ground.ts';
import type { Part } from './part.ts';
import { openWarm } from './warm.ts';

export interface EndpointsPartOptions {
  readonly config: Pick<Config, 'scrape' | 'auth' | 'cache' | 'sd'> & {
    readonly endpoints: NonNullable<Config['endpoints']>;
  };
  readonly lane: Lane;
  /** Called when a request is refused, since too many are under way. */
  readonly onRefused: () => void;
  readonly onEvent?: EndpointsOptions['onEvent'];
  /** In place of the system's, for tests. */
  readonly lookup?: Lookup | undefined;
}

export interface EndpointsPart extends Part {
  /** Answers `/metrics` if its query names an endpoint. */
  readonly answer: Handler;
}

/** How many requests of one endpoint run at once: queries of multi-target exporters differ. */
const PER_ENDPOINT = 32;

export async function startEndpoints(
  options: EndpointsPartOptions,
  ground: Ground,
): Promise<EndpointsPart> {
  await using parts = new AsyncDisposableStack();
  const { config, lookup = systemLookup() } = options;
  const { cut, log, registry, cacheMetrics } = ground;
  const metrics = endpointMetrics(registry, {
    results: ['ok', ...FETCH_FAILURES],
    codes: ENDPOINT_FAILURES.filter((failure) => failure !== 'url_too_long'), // its code is bad_url
  });
  const scraper = parts.use(await openScraper(config, ground));
  const guard = new EndpointGuard(config.endpoints);
  const warm = openWarm<EndpointResult>(
    { system: 'endpoints', config: config.cache, metrics: cacheMetrics, log },
    parts,
  );
  const cache = new EndpointCache({
    ...warm,
    timers: systemTimers,
    pages: new EndpointPages({ guard, scraper, lookup, stopping: cut.signal }),
    life: config.cache.life,
    withCredentials: config.cache.withCredentials,
    obeyCacheControl: config.endpoints.obeyCacheControl,
    onAnswer: (result) => cacheMetrics.requests.inc({ system: 'endpoints', result }),
    onFetch: ({ origin, seconds, bytes, failure, why }: EndpointFetch) => {
      metrics.fetched(failure ?? 'ok', seconds, bytes);
      if (failure) log.debug('an endpoint gave no page', { endpoint: origin, failure, why });
    },
  });
  const answer = bound(options, endpoints({ ...httpOptions(options), cache, guard, metrics }));
  const held = parts.move();
  return {
    answer,
    mounts: [],
    purge: (what) => purge(warm.cache, what),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function openScraper(
  { scrape, endpoints }: EndpointsPartOptions['config'],
  { cut, authorities, descriptors: { toEndpoints } }: Ground,
): Promise<Scraper> {
  const { maxBodyBytes, maxBytes } = endpoints;
  const trust = fixedTrust({ ca: await authorities() });
  const scraper = new Scraper({
    ...scrape,
    ...{ maxBodyBytes, maxBytes },
    concurrency: Math.min(endpoints.concurrency, toEndpoints),
    perApp: PER_ENDPOINT,
    ...{ maxIdle: toEndpoints, maxOpen: toEndpoints },
    trust: { instances: trust, system: trust },
  });
  cut.signal.addEventListener('abort', () => scraper.endBy(performance.now()));
  return scraper;
}

function httpOptions({ config, lane, onEvent }: EndpointsPartOptions) {
  const { scrape, auth, endpoints, sd } = config;
  return {
    ...{ lane, onEvent, unsent: new UnsentBodies(endpoints.maxBytes) },
    passAuth: new EndpointRules(endpoints.passAuth),
    passHeaders: endpoints.passHeaders,
    own: sd.address === undefined ? [] : [sd.address],
    compat: endpoints.compatPort !== undefined,
    authorizationOf: auth.mode === 'open' ? ('endpoint' as const) : ('promgate' as const),
    id: scrape.loopId,
    timeoutMs: scrape.timeoutMs,
    maxTimeoutMs: scrape.maxTimeoutMs,
  };
}

/** Bounds the requests that are under way: all together, and those of one address. */
function bound({ config, onRefused }: EndpointsPartOptions, handle: Handler): Handler {
  const { auth, scrape } = config;
  const addressOf = clientAddress(auth.trustedProxies);
  const gate = openGate(new Admission({ maxRequests: scrape.maxRequests, onRefused }), ({ req }) =>
    auth.mode === 'open' ? addressOf(req) : undefined,
  );
  return bounded(gate, handle);
}
