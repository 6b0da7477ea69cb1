/**
 * The route table: which app instances run now, where they listen, and under which routes.
 *
 * Pure state, joined over sources: the same address under the same route is one endpoint, and
 * stays while any source lists it. Sources feed it through layers (`layer.ts` states the
 * contract); `select.ts` and `GET /routes` read it. Every index is kept on each change, so that
 * reading costs no more than what it returns.
 */
import { endpointJson, sameEndpoint, sameIdentity } from './endpoint.ts';
import { type Endpoint, type Instance, toInstance } from './instance.ts';
import type { TableLayer } from './layer.ts';
import type { Refusal } from './refusal.ts';
import { matchRoute, routeKey, splitRoute } from './route.ts';

export interface RouteTableOptions {
  /** Refuse endpoints without TLS: their address may be another tenant's by now. */
  readonly requireTls?: boolean | undefined;
  /** How many endpoints under routes are held at most; more are refused. Standard 500,000. */
  readonly maxEntries?: number | undefined;
  /**
   * An address left the table, or has another TLS identity or protocol now: connections to it are
   * of no use any more. May be told again of the same address.
   */
  readonly onAddressGone?: ((address: string) => void) | undefined;
  /** The last instance of an app left the table. */
  readonly onAppGone?: ((appId: string) => void) | undefined;
}

/** One address under one route. */
interface Slot {
  readonly route: string;
  /** What each layer says of it, by the layer's number; the first that says anything is believed. */
  readonly offers: (Endpoint | undefined)[];
  instance: Instance;
}

/** What left the table, as far as one layer knows, and has not been told yet. */
interface Suspects {
  readonly addresses: Set<string>;
  readonly changedAddresses: Set<string>;
  readonly apps: Set<string>;
}

export class RouteTable {
  readonly #options: RouteTableOptions;
  readonly #maxEntries: number;
  readonly #routes = new Map<string, Map<string, Slot>>();
  /** How many routes each host has. */
  readonly #hosts = new Map<string, number>();
  /** How many slots each address has. */
  readonly #addresses = new Map<string, number>();
  readonly #apps = new Map<string, Set<Slot>>();
  readonly #names = new Map<string, Set<Slot>>();
  #entries = 0;
  #layers = 0;

  constructor(options: RouteTableOptions = {}) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? 500_000;
  }

  /** The instances of an app under each of its routes: an address may come several times. */
  byApp(appId: string): Instance[] {
    return instances(this.#apps.get(appId));
  }

  /** Like `byApp`, by names; upper and lower case differ. */
  byName(organization: string, space: string, app: string): Instance[] {
    return instances(this.#names.get(nameKey(organization, space, app)));
  }

  /**
   * What serves a route: as gorouter finds it, by the longest registered path and the nearest
   * wildcard. Under a wildcard the instances' `host` is the one asked for.
   */
  byRoute(route: string): Instance[] {
    const asked = routeKey(route);
    const match = asked === undefined ? undefined : matchRoute(asked, this.#keys);
    if (!match) return [];
    const found = instances(this.#routes.get(match.key)?.values());
    if (splitRoute(match.key).host === match.host) return found;
    return found.map((instance) => ({ ...instance, host: match.host }));
  }

  /** The instances of each app, as `byApp` gives them. */
  *apps(): Generator<readonly Instance[]> {
    for (const slots of this.#apps.values()) yield instances(slots);
  }

  /** Every route with its endpoints. Changes during the walk may or may not be seen. */
  *routes(): Generator<readonly [route: string, endpoints: readonly Endpoint[]]> {
    for (const [route, slots] of this.#routes) {
      yield [route, Array.from(slots.values(), ({ instance }) => instance.endpoint)];
    }
  }

  /** How many routes, different addresses and different apps there are. */
  sizes(): { readonly routes: number; readonly endpoints: number; readonly apps: number } {
    return {
      routes: this.#routes.size,
      endpoints: this.#addresses.size,
      apps: this.#apps.size,
    };
  }

  /** Gives a source its own layer. Earlier layers are believed first. */
  layer(): TableLayer {
    const number = this.#layers++;
    const suspects: Suspects = {
      addresses: new Set(),
      changedAddresses: new Set(),
      apps: new Set(),
    };
    return {
      put: (route, endpoint) => this.#put(number, route, endpoint, suspects),
      remove: (route, address) => this.#remove(number, route, address, suspects),
      addresses: (route) => this.#addressesOf(number, route),
      settle: (limit) => this.#settle(suspects, limit ?? Number.POSITIVE_INFINITY),
    };
  }

  readonly #keys = {
    hasHost: (host: string) => this.#hosts.has(host),
    hasRoute: (key: string) => this.#routes.has(key),
  };

  #put(layer: number, route: string, endpoint: Endpoint, suspects: Suspects): Refusal | undefined {
    const slot = this.#routes.get(route)?.get(endpoint.address);
    if (this.#options.requireTls && !endpoint.tls) {
      this.#remove(layer, route, endpoint.address, suspects);
      return 'not-tls';
    }
    if (slot) {
      const before = slot.offers[layer];
      if (before && sameEndpoint(before, endpoint)) return undefined;
      slot.offers[layer] = endpoint;
      this.#believe(slot, suspects);
      return undefined;
    }
    if (this.#entries >= this.#maxEntries) return 'too-many';
    const offers: Slot['offers'] = [];
    offers[layer] = endpoint;
    this.#add({ route, offers, instance: toInstance(endpoint, route) });
    return undefined;
  }

  #remove(layer: number, route: string, address: string, suspects: Suspects): void {
    const slot = this.#routes.get(route)?.get(address);
    if (!slot?.offers[layer]) return;
    slot.offers[layer] = undefined;
    if (slot.offers.some(Boolean)) this.#believe(slot, suspects);
    else this.#drop(slot, suspects);
  }

  #addressesOf(layer: number, route: string): string[] {
    const slots = this.#routes.get(route);
    if (!slots) return [];
    return [...slots].filter(([, slot]) => slot.offers[layer]).map(([address]) => address);
  }

  /** Takes over what the first layer says that says anything. */
  #believe(slot: Slot, suspects: Suspects): void {
    const before = slot.instance.endpoint;
    const endpoint = slot.offers.find((offer) => offer !== undefined) ?? before;
    if (sameEndpoint(before, endpoint)) return;
    if (!sameIdentity(before, endpoint)) suspects.changedAddresses.add(before.address);
    this.#unindex(slot, suspects);
    slot.instance = toInstance(endpoint, slot.route);
    this.#index(slot);
  }

  #add(slot: Slot): void {
    const { address } = slot.instance.endpoint;
    const slots = this.#routes.get(slot.route);
    if (slots) {
      slots.set(address, slot);
    } else {
      this.#routes.set(slot.route, new Map([[address, slot]]));
      count(this.#hosts, splitRoute(slot.route).host, 1);
    }
    count(this.#addresses, address, 1);
    this.#entries += 1;
    this.#index(slot);
  }

  #drop(slot: Slot, suspects: Suspects): void {
    const { address } = slot.instance.endpoint;
    const slots = this.#routes.get(slot.route);
    slots?.delete(address);
    if (slots?.size === 0) {
      this.#routes.delete(slot.route);
      count(this.#hosts, splitRoute(slot.route).host, -1);
    }
    count(this.#addresses, address, -1);
    if (!this.#addresses.has(address)) suspects.addresses.add(address);
    this.#entries -= 1;
    this.#unindex(slot, suspects);
  }

  #index(slot: Slot): void {
    const { app } = slot.instance;
    if (app.appId !== '') addTo(this.#apps, app.appId, slot);
    if (app.appName !== '') addTo(this.#names, nameKeyOf(slot), slot);
  }

  #unindex(slot: Slot, suspects: Suspects): void {
    const { app } = slot.instance;
    removeFrom(this.#names, nameKeyOf(slot), slot);
    removeFrom(this.#apps, app.appId, slot);
    if (app.appId !== '' && !this.#apps.has(app.appId)) suspects.apps.add(app.appId);
  }

  /** Tells of what is gone still; `limit` bounds the work of one call. */
  #settle({ addresses, changedAddresses, apps }: Suspects, limit: number): boolean {
    let left = limit;
    for (const address of changedAddresses) {
      if (left-- <= 0) return false;
      changedAddresses.delete(address);
      addresses.delete(address);
      this.#options.onAddressGone?.(address);
    }
    for (const address of addresses) {
      if (left-- <= 0) return false;
      addresses.delete(address);
      if (!this.#addresses.has(address)) this.#options.onAddressGone?.(address);
    }
    for (const appId of apps) {
      if (left-- <= 0) return false;
      apps.delete(appId);
      if (!this.#apps.has(appId)) this.#options.onAppGone?.(appId);
    }
    return true;
  }
}

/** Prints a table as gorouter's `/routes` does, in pieces of about one route each. */
export function* printRoutes(table: Pick<RouteTable, 'routes'>): Generator<string> {
  let separator = '{';
  for (const [route, endpoints] of table.routes()) {
    yield `${separator}${JSON.stringify(route)}:${JSON.stringify(endpoints.map(endpointJson))}`;
    separator = ',';
  }
  yield separator === '{' ? '{}' : '}';
}

function instances(slots: Iterable<Slot> | undefined): Instance[] {
  return slots ? Array.from(slots, ({ instance }) => instance) : [];
}

/** No two triples of names have the same key, whatever characters they hold. */
function nameKey(organization: string, space: string, app: string): string {
  return `${organization.length}:${space.length}:${organization}${space}${app}`;
}

function nameKeyOf({ instance: { app } }: Slot): string {
  return nameKey(app.organizationName, app.spaceName, app.appName);
}

function count(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const sum = (counts.get(key) ?? 0) + change;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}

function addTo(index: Map<string, Set<Slot>>, key: string, slot: Slot): void {
  const slots = index.get(key);
  if (slots) slots.add(slot);
  else index.set(key, new Set([slot]));
}

function removeFrom(index: Map<string, Set<Slot>>, key: string, slot: Slot): void {
  const slots = index.get(key);
  if (slots?.delete(slot) && slots.size === 0) index.delete(key);
}
