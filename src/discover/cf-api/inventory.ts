/**
 * What the CF API has told so far: apps, processes, routes, registrations, and the targets that
 * follow from these.
 *
 * `sweep.ts` fills it; `feed.ts` hands the targets to the route table.
 */
import type { AppIdentity } from '../app-identity.ts';
import type { DeclaredEndpoint, Target } from '../target.ts';
import { type Filters, isSelected } from './filters.ts';
import { Kept } from './kept.ts';
import type { Chunk, RecordKind, Records } from './page.ts';
import type { AppRecord, ProcessRecord, RouteRecord } from './records.ts';
import type { Stats } from './stats.ts';
import { type AppParts, buildTargets, type InventoryApp } from './targets.ts';

export class Inventory {
  readonly apps = new Kept<Records['apps']>();
  readonly processes = new Kept<Records['processes']>();
  readonly routes = new Kept<Records['routes']>();
  readonly services = new Kept<Records['services']>();
  readonly bindings = new Kept<Records['service-bindings']>();
  readonly spaces = new Kept<Records['spaces']>();
  readonly organizations = new Kept<Records['organizations']>();
  readonly domains = new Kept<Records['domains']>();
  readonly #filters: Filters;
  #built = new Map<string, InventoryApp>();
  #targets = new Map<string, Target>();
  readonly #identities = new Map<string, AppIdentity>();
  #parts = new Map<string, AppParts>();
  /** Apps of which stats came while `build` was under way. */
  readonly #touched = new Set<string>();

  constructor(filters: Filters) {
    this.#filters = filters;
  }

  /** Takes records as they come. */
  take({ kind, records }: Chunk): void {
    // A chunk's kind is the kind of its records.
    const kept: Kept<{ readonly guid: string }> = this.keptOf(kind);
    for (const record of records) kept.put(record);
  }

  keptOf(kind: RecordKind): Kept<{ readonly guid: string }> {
    const all = { ...this, 'service-bindings': this.bindings };
    // Each list keeps records of its own kind, which all have a guid; `take` puts only such ones.
    return all[kind] as unknown as Kept<{ readonly guid: string }>;
  }

  /** The running apps that the filters select, by guid. */
  get selected(): ReadonlyMap<string, InventoryApp> {
    return this.#built;
  }

  /** The app of a guid; undefined if it does not run, or no filter selects it. */
  ofApp(appId: string): InventoryApp | undefined {
    return this.#built.get(appId);
  }

  /** All targets of the selected apps that run, whatever the state of the instance. */
  *targets(): Generator<Target> {
    for (const { targets } of this.#built.values()) yield* targets;
  }

  targetOf(processId: string, index: number | string): Target | undefined {
    return this.#targets.get(`${index} ${processId}`); // as `keyOf`
  }

  /** The names of every app that the API lists. The same object while the names are the same. */
  identityOf({ guid, name, spaceId }: AppRecord): AppIdentity {
    const space = this.spaces.get(spaceId);
    const organization = this.organizations.get(space?.organizationId ?? '');
    const known = this.#identities.get(guid);
    const identity: AppIdentity = {
      organizationId: space?.organizationId ?? '',
      spaceId,
      appId: guid,
      organizationName: organization?.name ?? '',
      spaceName: space?.name ?? '',
      appName: name,
    };
    if (known && sameIdentity(known, identity)) return known;
    this.#identities.set(guid, identity);
    return identity;
  }

  /** Whether the filters select an app, running or not. */
  selects(app: AppRecord): boolean {
    return isSelected(this.#filters, this.identityOf(app));
  }

  /**
   * Computes the targets anew from the records; one app in each step.
   *
   * @returns how many apps have no place in the bound on targets
   */
  *build(stats: Pick<Stats, 'of'>): Generator<void, number> {
    const parts = yield* this.#collect(stats);
    const built = new Map<string, InventoryApp>();
    const targets = new Map<string, Target>();
    let refused = 0;
    for (const [appId, own] of parts) {
      yield;
      const one = buildTargets(own, this.#built.get(appId));
      if (targets.size + one.targets.length > MAX_TARGETS) {
        refused += 1;
        continue;
      }
      built.set(appId, one);
      for (const target of one.targets) targets.set(keyOf(target), target);
    }
    this.#parts = parts;
    this.#built = built;
    this.#targets = targets;
    for (const appId of this.#identities.keys()) {
      if (!this.apps.get(appId)) this.#identities.delete(appId);
    }
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const appId of touched) this.#rebuild(appId);
    return refused;
  }

  /** Takes over new stats of a process, without looking at other apps. */
  touch(processId: string): void {
    const appId = this.processes.get(processId)?.appId;
    if (appId === undefined) return;
    this.#touched.add(appId); // for a `build` that is under way
    this.#rebuild(appId);
  }

  #rebuild(appId: string): void {
    const [parts, before] = [this.#parts.get(appId), this.#built.get(appId)];
    if (!parts || !before) return;
    const one = buildTargets(parts, before);
    this.#built.set(appId, one);
    for (const target of one.targets) this.#targets.set(keyOf(target), target);
  }

  /** What belongs to each app that runs and is selected. */
  *#collect(stats: Pick<Stats, 'of'>): Generator<void, Map<string, AppParts>> {
    const processes = new Map<string, ProcessRecord[]>();
    for (const process of this.processes.all()) {
      addTo(processes, process.appId, process);
      yield;
    }
    const routes = new Map<string, RouteRecord[]>();
    for (const route of this.routes.all()) {
      const apps = new Set(route.destinations.map(({ appId }) => appId));
      for (const appId of apps) addTo(routes, appId, route);
      yield;
    }
    const registered = this.#registered();
    const parts = new Map<string, AppParts>();
    for (const app of this.apps.all()) {
      yield;
      if (!app.started || !this.selects(app)) continue;
      parts.set(app.guid, {
        identity: this.identityOf(app),
        annotations: app.annotations,
        processes: processes.get(app.guid) ?? [],
        routes: routes.get(app.guid) ?? [],
        domains: this.domains,
        registered: registered.get(app.guid) ?? [],
        onlyDeclared: this.#filters.onlyDeclared,
        stats,
      });
    }
    return parts;
  }

  /** The endpoints that the metric registrar's services declare, by app. */
  #registered(): ReadonlyMap<string, readonly DeclaredEndpoint[]> {
    const found = new Map<string, DeclaredEndpoint[]>();
    for (const { appId, serviceId } of this.bindings.all()) {
      const endpoint = this.services.get(serviceId)?.endpoint;
      if (!endpoint) continue;
      const list = found.get(appId);
      if (!list) found.set(appId, [endpoint]);
      else if (list.length < MAX_REGISTRATIONS) list.push(endpoint);
    }
    return found;
  }
}

/** Bound on the registrations of one app. */
const MAX_REGISTRATIONS = 32;
/** Bound on the targets of all apps together, whatever the API says. */
const MAX_TARGETS = 400_000;

function keyOf({ processId, index }: Pick<Target, 'processId' | 'index'>): string {
  return `${index} ${processId}`;
}

function addTo<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

function sameIdentity(a: AppIdentity, b: AppIdentity): boolean {
  return (
    a.organizationId === b.organizationId &&
    a.spaceId === b.spaceId &&
    a.appId === b.appId &&
    a.organizationName === b.organizationName &&
    a.spaceName === b.spaceName &&
    a.appName === b.appName
  );
}
