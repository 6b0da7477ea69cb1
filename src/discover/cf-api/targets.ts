/**
 * Computes the targets of one app from the records of the CF API.
 */
import type { AppIdentity } from '../app-identity.ts';
import { splitRoute } from '../route.ts';
import type { DeclaredEndpoint, Target, TargetRoute } from '../target.ts';
import type { Annotations } from './annotations.ts';
import type { Kept } from './kept.ts';
import type { DomainRecord, ProcessRecord, RouteRecord } from './records.ts';
import type { ProcessStats, Stats } from './stats.ts';

/** An app that runs, with all that is known of it. */
export interface InventoryApp {
  readonly identity: AppIdentity;
  /** Of all states, in the order of process type, process and index. */
  readonly targets: readonly Target[];
  readonly declared: readonly DeclaredEndpoint[];
  /** Whether the route table lists the app: see `prometheus.io/scrape` and `only_declared`. */
  readonly listed: boolean;
  /** Equal signatures mean equal apps. */
  readonly signature: string;
}

export interface AppParts {
  readonly identity: AppIdentity;
  readonly annotations: Annotations;
  readonly processes: readonly ProcessRecord[];
  readonly routes: readonly RouteRecord[];
  readonly domains: Pick<Kept<DomainRecord>, 'get'>;
  readonly registered: readonly DeclaredEndpoint[];
  readonly onlyDeclared: boolean;
  readonly stats: Pick<Stats, 'of'>;
}

/** @returns `before` itself if nothing has changed */
export function buildTargets(parts: AppParts, before: InventoryApp | undefined): InventoryApp {
  const { identity, annotations, registered, onlyDeclared, stats } = parts;
  const processes = [...parts.processes].sort(
    (a, b) => compareText(a.type, b.type) || compareText(a.guid, b.guid),
  );
  const routes = new Map<string, TargetRoute[]>();
  for (const { type } of processes) {
    if (!routes.has(type)) routes.set(type, routesOf(parts, type));
  }
  const declared = [...(annotations.endpoint ? [annotations.endpoint] : []), ...registered];
  const listed =
    annotations.scrape !== false &&
    (!onlyDeclared || annotations.scrape === true || registered.length > 0);
  const known = processes.map(({ guid }) => [...(stats.of(guid)?.values() ?? [])]);
  const signature = JSON.stringify([
    ...[identity, processes.map(signed), known, [...routes], declared, listed],
  ]);
  if (before?.signature === signature) return before;
  const kept = new Map(before?.targets.map((one) => [`${one.index} ${one.processId}`, one]));
  const common = { app: identity, declared };
  const targets = processes.flatMap((process) => {
    const rolling = processes.some(
      ({ guid, type, instances }) =>
        guid !== process.guid && type === process.type && instances > 0,
    );
    const shared = { ...common, rolling, routes: routes.get(process.type) ?? [] };
    return targetsOf(process, shared, stats.of(process.guid)).map((target) => {
      const old = kept.get(`${target.index} ${target.processId}`);
      return old && JSON.stringify(old) === JSON.stringify(target) ? old : target;
    });
  });
  return { identity, targets, declared, listed, signature };
}

/** What of a process bears on its targets. */
function signed({ guid, type, instances, states }: ProcessRecord): unknown {
  return [guid, type, instances, states?.map(([index, state]) => [index, state])];
}

type Shared = Pick<Target, 'app' | 'declared' | 'rolling' | 'routes'>;

function targetsOf(
  { guid, type, instances, states }: ProcessRecord,
  shared: Shared,
  stats: ProcessStats | undefined,
): Target[] {
  const stateOf = new Map(states?.map(([index, state]) => [index, state]));
  return Array.from({ length: instances }, (_, index) => {
    const one = stats?.get(index);
    const state = states ? (stateOf.get(index) ?? 'DOWN') : (one?.state ?? 'UNKNOWN');
    return {
      ...shared,
      ...{ processId: guid, processType: type, index, state },
      instanceId: one?.instanceId ?? '',
      cell: one?.cell ?? '',
      containerIp: one?.containerIp ?? '',
      isolationSegment: one?.isolationSegment ?? '',
      ports: one?.ports,
    };
  });
}

/** Bound on the routes of one process. */
const MAX_ROUTES = 256;

function routesOf({ identity, routes, domains }: AppParts, processType: string): TargetRoute[] {
  const found = routes.flatMap(({ url, port, protocol, domainId, destinations }) => {
    const { internal = false, identityAware = false } = domains.get(domainId) ?? {};
    const { host: hostAndPort, path } = splitRoute(url);
    const host = port === undefined ? hostAndPort : hostAndPort.replace(/:\d+$/, '');
    return destinations
      .filter((one) => one.appId === identity.appId && one.processType === processType)
      .map(
        (one): TargetRoute => ({
          ...{ url, host, path, port, protocol, internal, identityAware },
          ...{ appPort: one.port, appProtocol: one.protocol },
          ...(destinations.some((other) => isOther(one, other, internal)) && { mixed: true }),
        }),
      );
  });
  return found
    .sort((a, b) => compareText(a.url, b.url) || a.appPort - b.appPort)
    .slice(0, MAX_ROUTES);
}

/**
 * Whether a destination has the same indexes as `one`, and may answer in its place: another process type
 * of the app. At a router the pin keeps other apps apart; an internal route knows no pin, and its name
 * leads to whichever of the apps has an instance of the index.
 */
function isOther(one: Destination, other: Destination, internal: boolean): boolean {
  if (other.appId !== one.appId) return internal;
  return other.processType !== one.processType;
}

type Destination = RouteRecord['destinations'][number];

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
