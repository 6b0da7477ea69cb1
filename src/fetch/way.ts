/**
 * Plans how promgate reaches an instance: the ways to try, in order, or the word for why there is
 * none. Plain computation; `ways.ts` turns attempts into targets.
 *
 * Rules: no attempt without TLS follows one with TLS. A container port is never joined to an address
 * of the route table. A request through gorouter stays below the path of its route.
 */
import type { Failure } from './failure.ts';

type Via = 'direct' | 'gorouter' | 'internal';

interface KnownRoute {
  readonly host: string;
  /** '' or with a leading slash. */
  readonly path: string;
  readonly internal: boolean;
}

/** What is known of an instance. Guids are '' and the index is undefined if unknown. */
export interface Known {
  /** Whether the route table has an address of the instance, and whether it speaks TLS. */
  readonly listed: { readonly tls: boolean } | undefined;
  readonly appId: string;
  readonly processId: string;
  readonly index: number | undefined;
  /** Another process of the same type runs, with the same indexes. */
  readonly rolling: boolean;
  readonly routes: readonly KnownRoute[];
}

export interface WaySettings {
  readonly via: 'auto' | Via;
  /** The router to which all requests of the way `gorouter` go; undefined: the way is off. */
  readonly router: { readonly tls: boolean } | undefined;
  /** Whether the router is known to heed `X-CF-PROCESS-INSTANCE`. */
  readonly knowsProcesses: boolean;
}

export type Attempt =
  | { readonly via: 'direct'; readonly tls: boolean }
  | {
      readonly via: 'gorouter';
      readonly tls: boolean;
      readonly route: KnownRoute;
      /** The one header that pins the request to the instance. */
      readonly pin: readonly [name: string, value: string];
    }
  | {
      readonly via: 'internal';
      readonly tls: false;
      readonly address: string;
      readonly host: string;
    };

export type Plan =
  | { readonly attempts: readonly Attempt[]; readonly failure?: never }
  | { readonly attempts?: never; readonly failure: Failure };

/** @param path - the request target, perhaps with a query */
export function planWays(known: Known, path: string, settings: WaySettings): Plan {
  const { via } = settings;
  const order: readonly Via[] = via === 'auto' ? ['direct', 'gorouter', 'internal'] : [via];
  const attempts: Attempt[] = [];
  let failure: Failure | undefined;
  for (const one of order) {
    const attempt = attemptBy(one, known, path, settings);
    if (typeof attempt === 'string') failure ??= attempt;
    else if (attempt && (attempt.tls || !attempts.some(({ tls }) => tls))) attempts.push(attempt);
  }
  return attempts.length > 0 ? { attempts } : { failure: failure ?? 'no-way' };
}

function attemptBy(
  via: Via,
  known: Known,
  path: string,
  settings: WaySettings,
): Attempt | Failure | undefined {
  if (via === 'direct') return known.listed && { via, tls: known.listed.tls };
  if (via === 'internal') return internalAttempt(known);
  return gorouterAttempt(known, path, settings);
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function gorouterAttempt(
  known: Known,
  path: string,
  { router, knowsProcesses }: WaySettings,
): Attempt | Failure | undefined {
  const pin = pinOf(known, knowsProcesses);
  const routes = known.routes.filter(({ internal }) => !internal);
  if (!router || !pin || routes.length === 0) return undefined;
  const route = routes.find((one) => isBelow(path, one.path));
  return route ? { via: 'gorouter', tls: router.tls, route, pin } : 'route-path';
}

/** gorouter reads hexadecimal digits in lower case only. While processes overlap, only theirs pins. */
function pinOf(
  { appId, processId, index, rolling }: Known,
  knowsProcesses: boolean,
): readonly [string, string] | undefined {
  if (index === undefined) return undefined;
  const [app, process] = [appId.toLowerCase(), processId.toLowerCase()];
  if (knowsProcesses && GUID.test(process)) return ['X-CF-PROCESS-INSTANCE', `${process}:${index}`];
  if (rolling || !GUID.test(app)) return undefined;
  return ['X-CF-APP-INSTANCE', `${app}:${index}`];
}

/** gorouter compares without regard to case, and a path ends at a slash or at the query. */
export function isBelow(path: string, routePath: string): boolean {
  const asked = path.split('?', 1)[0]!.toLowerCase(); // there is one part at least
  const route = routePath.toLowerCase();
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/.test(asked)) return false;
  return route === '' || asked === route || asked.startsWith(`${route}/`);
}

/** The port on which the platform's internal routes lead to the app. */
const INTERNAL_PORT = 8080;

/** While processes overlap, the name of an index leads to two containers. */
function internalAttempt({ routes, index, rolling }: Known): Attempt | undefined {
  const route = routes.find(({ internal, path }) => internal && path === '');
  if (!route || index === undefined || rolling) return undefined;
  const address = `${index}.${route.host}:${INTERNAL_PORT}`;
  return { via: 'internal', tls: false, address, host: route.host };
}
