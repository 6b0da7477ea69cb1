/** Turns the target of an instance into the targets of the ways that reach it, first to last. */
import type { Instance } from '../discover/instance.ts';
import { isPlaceless } from '../discover/target.ts';
import type { Failure } from './failure.ts';
import { firstValue, type ResponseHeaders } from './get.ts';
import type { ScrapeTarget } from './target.ts';
import { type Attempt, type Known, planWays, type WaySettings } from './way.ts';

export interface WaysOptions {
  readonly via: WaySettings['via'];
  /** `scrape.router`: address, and whether it speaks TLS. */
  readonly router: { readonly address: string; readonly tls: boolean } | undefined;
  /** `scrape.router_knows_processes`: whether the router heeds `X-CF-PROCESS-INSTANCE`. */
  readonly knowsProcesses: boolean;
}

export class Ways {
  readonly #options: WaysOptions;

  constructor(options: WaysOptions) {
    this.#options = options;
  }

  /** At least one target; a target that must not be asked has `refused`. */
  targets(instance: Instance, direct: ScrapeTarget): readonly ScrapeTarget[] {
    const known = knownOf(instance);
    if (this.#options.via === 'auto' && known.listed && !this.#options.router) return [direct];
    const { attempts, failure } = planWays(known, direct.path, this.#options);
    if (failure !== undefined) return [{ ...direct, refused: failure }];
    return attempts.map((attempt) => this.#target(attempt, direct));
  }

  #target(attempt: Attempt, direct: ScrapeTarget): ScrapeTarget {
    const { via } = attempt;
    if (via === 'direct') return direct;
    if (via === 'internal') {
      const { address, host } = attempt;
      return { ...direct, via, address, host, tls: false, serverName: '', http2: false };
    }
    const { tls, address } = this.#options.router!; // the planner gives the way only with a router
    const { route, pin } = attempt;
    return {
      ...direct,
      ...{ via, address, tls, pin, trust: 'system', http2: false, routePath: route.path },
      ...{ host: route.host, serverName: route.host },
    };
  }
}

function knownOf(instance: Instance): Known {
  const { endpoint, app, index, host, routePath = '', target } = instance;
  const listed = isPlaceless(endpoint) ? undefined : { tls: endpoint.tls };
  const known = { listed, appId: app.appId };
  if (target) {
    const { processId, index: place, rolling, routes } = target;
    const http = routes.filter(
      ({ protocol, identityAware }) => protocol === 'http' && !identityAware,
    );
    return { ...known, processId, index: place, rolling, routes: http };
  }
  const processId = endpoint.tags['process_id'] ?? '';
  const place = /^\d{1,9}$/.test(index) ? Number(index) : undefined;
  const routes = endpoint.routeServiceUrl ? [] : [{ host, path: routePath, internal: false }];
  // Without the CF API nobody says whether another process of the app has the same indexes.
  return { ...known, processId, index: place, rolling: true, routes };
}

/** The failure that gorouter itself reports by `X-Cf-RouterError`; undefined: the app answered. */
export function routerFailure(
  { via }: Pick<ScrapeTarget, 'via'>,
  headers: ResponseHeaders,
): Failure | undefined {
  const word = via === 'gorouter' ? firstValue(headers['x-cf-routererror']) : undefined;
  if (word === undefined || word === '') return undefined;
  if (word === 'unknown_route') return 'unknown-route';
  return word === 'no_endpoints' ? 'no-endpoints' : 'endpoint-failure';
}
