/**
 * Plans how promgate reaches an instance: the ways to try, in order, or the word for why there is
 * none. Plain computation; `ways.ts` turns attempts into targets.
 *
 * Rules: no attempt without TLS follows one with TLS. A container port is never joined to an address
 * of the route table, which is a cell's. A request through gorouter stays below the path of its route.
 */
import type { Failure } from './failure.ts';

/** In the order in which `auto` tries them. */
export const VIAS = ['direct', 'gorouter', 'identity', 'internal'] as const;

export type Via = (typeof VIAS)[number];

export interface KnownRoute {
  readonly host: string;
  /** '' or with a leading slash. */
  readonly path: string;
  readonly internal: boolean;
  /** gorouter demands the certificate of an instance identity. */
  readonly identityAware: boolean;
  /**
   * It leads to others, too (`TargetRoute.mixed`): a pin by the app, or the name of an internal route, may
   * reach one of these.
   */
  readonly mixed?: boolean | undefined;
  /** The container port to which the route leads; undefined if nobody says. */
  readonly appPort: number | undefined;
}

/** A TLS port of the cell that leads to one port of the container. */
export interface KnownPort {
  readonly appPort: number;
  readonly address: string;
  /** The name that its certificate carries. */
  readonly serverName: string;
}

/** What is known of an instance. Guids are '' and the index is undefined if unknown. */
export interface Known {
  /** Whether the route table has an address of the instance, and whether it speaks TLS. */
  readonly listed: { readonly tls: boolean } | undefined;
  /** The ports of the process stats. */
  readonly ports: readonly KnownPort[];
  readonly appId: string;
  readonly processId: string;
  readonly index: number | undefined;
  /** Another process of the same type runs, with the same indexes. */
  readonly rolling: boolean;
  readonly routes: readonly KnownRoute[];
}

/** What is asked of the instance. */
export interface Wanted {
  /** The request target, perhaps with a query. */
  readonly path: string;
  /** The container port; undefined: that to which the route leads. */
  readonly port?: number | undefined;
  /** The only route to use; undefined or '': any. */
  readonly host?: string | undefined;
  readonly onlyTls?: boolean | undefined;
}

export interface WaySettings {
  readonly via: 'auto' | Via;
  /** The router to which all requests of the way `gorouter` go; undefined: the way is off. */
  readonly router: { readonly tls: boolean } | undefined;
  /** Whether the router is known to heed `X-CF-PROCESS-INSTANCE`. */
  readonly knowsProcesses: boolean;
  /** Whether promgate has an instance identity of its own. */
  readonly hasIdentity: boolean;
  /** Whether promgate has a client certificate that cells may accept. */
  readonly hasCellCertificate: boolean;
  /** Whether the way `internal` uses TLS. */
  readonly internalTls: boolean;
}

type Pin = readonly [name: string, value: string];

export type Attempt =
  | {
      readonly via: 'direct';
      readonly tls: boolean;
      /** The port of the process stats; undefined: the address of the route table. */
      readonly port: KnownPort | undefined;
    }
  | {
      readonly via: 'gorouter' | 'identity';
      readonly tls: boolean;
      readonly route: KnownRoute;
      /** The one header that pins the request to the instance. */
      readonly pin: Pin;
    }
  | {
      readonly via: 'internal';
      readonly tls: boolean;
      readonly address: string;
      readonly host: string;
    };

export type Plan =
  | { readonly attempts: readonly Attempt[]; readonly failure?: never }
  | { readonly attempts?: never; readonly failure: Failure };

export function planWays(known: Known, wanted: Wanted, settings: WaySettings): Plan {
  const { via } = settings;
  const order: readonly Via[] = via === 'auto' ? VIAS : [via];
  const attempts: Attempt[] = [];
  let failure: Failure | undefined;
  for (const one of order) {
    const attempt = PLANNERS[one](known, wanted, settings);
    if (typeof attempt === 'string') failure ??= attempt;
    else if (attempt && fits(attempt, wanted, attempts)) attempts.push(attempt);
  }
  if (attempts.length > 0) return { attempts };
  return { failure: failure ?? (wanted.port === undefined ? 'no-way' : 'port-unreachable') };
}

function fits({ tls }: Attempt, { onlyTls }: Wanted, earlier: readonly Attempt[]): boolean {
  return tls || (onlyTls !== true && !earlier.some((one) => one.tls));
}

type Planner = (
  known: Known,
  wanted: Wanted,
  settings: WaySettings,
) => Attempt | Failure | undefined;

const PLANNERS: Readonly<Record<Via, Planner>> = {
  direct: planDirect,
  gorouter: (known, wanted, settings) =>
    settings.router &&
    planRouted(known, wanted, { ...settings, ...settings.router, identity: false }),
  identity: (known, wanted, settings) =>
    settings.hasIdentity
      ? planRouted(known, wanted, { ...settings, tls: true, identity: true })
      : undefined,
  internal: planInternal,
};

/** The container port of an app that says nothing of its ports. */
const USUAL_PORT = 8080;

function planDirect(
  { listed, ports, routes }: Known,
  { port }: Wanted,
  { via, hasCellCertificate }: WaySettings,
): Attempt | undefined {
  if (listed && port === undefined) return { via: 'direct', tls: listed.tls, port: undefined };
  // The cell's proxy demands a client certificate: without one only a look at the failure is to be had.
  if (via !== 'direct' && !hasCellCertificate) return undefined;
  const wanted = port ?? routes.find(({ internal }) => !internal)?.appPort ?? USUAL_PORT;
  const found = ports.find(({ appPort }) => appPort === wanted);
  return found && { via: 'direct', tls: true, port: found };
}

interface Routing {
  readonly tls: boolean;
  readonly identity: boolean;
  readonly knowsProcesses: boolean;
}

function planRouted(
  known: Known,
  { path, port, host = '' }: Wanted,
  { tls, identity, knowsProcesses }: Routing,
): Attempt | Failure | undefined {
  const pin = pinOf(known, knowsProcesses);
  const all = known.routes.filter((one) => !one.internal && one.identityAware === identity);
  const routes = all
    .filter((one) => !one.host.startsWith('*')) // no request can have such a Host
    .filter((one) => !one.mixed || pin?.[0] === PROCESS_PIN)
    .filter((one) => isNamed(one, host))
    .filter(({ appPort }) => port === undefined || appPort === port);
  if (!pin || routes.length === 0) return undefined;
  const route = routes.find((one) => isBelow(path, one.path));
  return route ? { via: identity ? 'identity' : 'gorouter', tls, route, pin } : 'route-path';
}

/** @param host - may have a port; '' is any */
function isNamed(route: KnownRoute, host: string): boolean {
  return host === '' || route.host === host.replace(/:\d+$/, '');
}

const PROCESS_PIN = 'X-CF-PROCESS-INSTANCE';
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** gorouter reads hexadecimal digits in lower case only. While processes overlap, only theirs pins. */
function pinOf(
  { appId, processId, index, rolling }: Known,
  knowsProcesses: boolean,
): Pin | undefined {
  if (index === undefined) return undefined;
  const [app, process] = [appId.toLowerCase(), processId.toLowerCase()];
  if (knowsProcesses && GUID.test(process)) return [PROCESS_PIN, `${process}:${index}`];
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

/** The port of the container's proxy, which speaks TLS and leads to port 8080. */
const INTERNAL_TLS_PORT = 61_443;

/** While processes overlap, the name of an index leads to two containers. */
function planInternal(
  { routes, index, rolling }: Known,
  { port, host = '', onlyTls = false }: Wanted,
  { internalTls }: WaySettings,
): Attempt | Failure | undefined {
  const route = routes.find(
    (one) => one.internal && !one.mixed && one.path === '' && isNamed(one, host),
  );
  if (!route || index === undefined || rolling) return undefined;
  const appPort = port ?? route.appPort ?? USUAL_PORT;
  const tls = internalTls || onlyTls;
  if (tls && appPort !== USUAL_PORT) return 'port-unreachable';
  const address = `${index}.${route.host}:${tls ? INTERNAL_TLS_PORT : appPort}`;
  return { via: 'internal', tls, address, host: route.host };
}
