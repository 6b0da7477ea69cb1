/**
 * The route table: which app instances run now, where they listen, and under which routes.
 *
 * Pure state, joined over sources: the same address under the same route is one endpoint, and
 * stays while any source lists it. Sources feed it through layers (`layer.ts` states the
 * contract); `select.ts` and `GET /routes` read it. Every index is kept on each change, so that
 * reading costs no more than what it returns.
 *
 * An address without a certificate belongs to one process instance (`claims.ts`): what others say of
 * it is kept, and not shown while it is not believed.
 */
import { isProven, ownerOf } from './claims.ts';
import { endpointJson, sameEndpoint, sameIdentity } from './endpoint.ts';
import { type AppIdentity, type Endpoint, type Instance, toInstance } from './instance.ts';
import type { TableLayer } from './layer.ts';
import {
  believedOffer,
  emptyPlace,
  isAmbiguous,
  isKnown,
  isOnlyOwner,
  judge,
  note,
  type Place,
  type Slot,
} from './place.ts';
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
  /** Nothing tells any more whose these addresses are: whoever claims them is not asked. */
  readonly onAmbiguous?: ((addresses: readonly string[]) => void) | undefined;
}

/** What left the table, as far as one layer knows, and has not been told yet. */
interface Suspects {
  readonly addresses: Set<string>;
  readonly changedAddresses: Set<string>;
  readonly apps: Set<string>;
  /** Whose they are is to be judged anew. */
  contested: Set<Place>;
  /** Nothing told whose they are when they were last judged. */
  readonly doubtful: Set<Place>;
}

export class RouteTable {
  readonly #options: RouteTableOptions;
  readonly #maxEntries: number;
  readonly #routes = new Map<string, Map<string, Slot>>();
  /** How many routes each host has. */
  readonly #hosts = new Map<string, number>();
  readonly #addresses = new Map<string, Place>();
  /** Those that several claim. */
  readonly #contested = new Set<Place>();
  /** Those of them where nothing tells whose they are, and not all prove themselves. */
  readonly #ambiguous = new Set<Place>();
  readonly #apps = new Map<string, Set<Slot>>();
  readonly #names = new Map<string, Set<Slot>>();
  #entries = 0;
  #layers = 0;
  #lastWord = 0;
  /** When each layer last said all that it lists. */
  readonly #words: number[] = [];

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
      const shown = instances(slots.values());
      if (shown.length > 0) yield [route, shown.map(({ endpoint }) => endpoint)];
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

  /** At how many addresses nobody is asked, since nothing tells who answers there. */
  get ambiguousAddresses(): number {
    return this.#ambiguous.size;
  }

  /**
   * Whether what answers at an instance's address is that instance, for all that is known now: a
   * scrape may have waited since it was found. Who proves itself by certificate is asked anyway.
   */
  holds({ endpoint }: Pick<Instance, 'endpoint'>): boolean {
    if (isProven(endpoint)) return true;
    const place = this.#addresses.get(endpoint.address);
    return place !== undefined && isOnlyOwner(place, ownerOf(endpoint));
  }

  /** Gives a source its own layer. Earlier layers are believed first. */
  layer(): TableLayer {
    const number = this.#layers++;
    const suspects: Suspects = {
      addresses: new Set(),
      changedAddresses: new Set(),
      apps: new Set(),
      contested: new Set(),
      doubtful: new Set(),
    };
    return {
      put: (route, endpoint, rival) => this.#put(number, route, { endpoint, rival }, suspects),
      remove: (route, address) => this.#remove(number, route, address, suspects),
      addresses: (route) => this.#addressesOf(number, route),
      nextWord: () => ++this.#lastWord,
      confirm: (word) => {
        this.#words[number] = word;
        suspects.contested = new Set(this.#contested);
      },
      confirmAddress: (address) => this.#confirmAddress(number, address, suspects),
      settle: (limit) => this.#settle(suspects, limit ?? Number.POSITIVE_INFINITY),
    };
  }

  readonly #keys = {
    hasHost: (host: string) => this.#hosts.has(host),
    hasRoute: (key: string) => this.#routes.has(key),
  };

  #put(
    layer: number,
    route: string,
    { endpoint, rival }: { readonly endpoint: Endpoint; readonly rival: Endpoint | undefined },
    suspects: Suspects,
  ): Refusal | undefined {
    const known = this.#routes.get(route)?.get(endpoint.address);
    if (this.#options.requireTls && !endpoint.tls) {
      this.#remove(layer, route, endpoint.address, suspects);
      return 'not-tls';
    }
    if (known && isKnown(known, layer, endpoint, rival)) return undefined;
    if (!known && this.#entries >= this.#maxEntries) return 'too-many';
    const slot = known ?? this.#add(route, endpoint.address);
    note(slot, layer, endpoint, rival);
    this.#judge(slot.place, suspects, slot);
    return undefined;
  }

  #remove(layer: number, route: string, address: string, suspects: Suspects): void {
    const slot = this.#routes.get(route)?.get(address);
    if (!slot?.offers[layer]) return;
    note(slot, layer);
    if (!slot.offers.some(Boolean)) this.#drop(slot, suspects);
    this.#judge(slot.place, suspects, slot);
  }

  #addressesOf(layer: number, route: string): string[] {
    const slots = this.#routes.get(route);
    if (!slots) return [];
    return [...slots].filter(([, slot]) => slot.offers[layer]).map(([address]) => address);
  }

  #confirmAddress(layer: number, address: string, suspects: Suspects): void {
    const place = this.#addresses.get(address);
    if (!place) return;
    place.words ??= [];
    place.words[layer] = ++this.#lastWord;
    if (place.claims) this.#judge(place, suspects);
  }

  /**
   * Decides whose an address is, and shows its slots so.
   *
   * @param changed - the slot to be looked at though it belongs to whom it did
   */
  #judge(place: Place, suspects: Suspects, changed?: Slot): void {
    if (place.claims) this.#contested.add(place);
    else this.#contested.delete(place);
    if (!judge(place, this.#words)) {
      if (changed && place.slots.has(changed)) this.#show(changed, suspects);
      return;
    }
    if (!isAmbiguous(place)) this.#ambiguous.delete(place);
    for (const slot of place.slots) this.#show(slot, suspects);
  }

  /** Shows of a slot what the first layer says that is believed. */
  #show(slot: Slot, suspects: Suspects): void {
    const before = slot.instance;
    const endpoint = believedOffer(slot);
    const ambiguous = endpoint !== undefined && !isProven(endpoint) && isAmbiguous(slot.place);
    if (before && endpoint && sameEndpoint(before.endpoint, endpoint)) {
      if (Boolean(before.ambiguous) === ambiguous) return;
    }
    if (before) {
      if (!endpoint || !sameConnection(before.endpoint, endpoint)) {
        suspects.changedAddresses.add(slot.address);
      }
      this.#unindex(slot, before, suspects);
    }
    const instance = endpoint && toInstance(endpoint, slot.route);
    slot.instance = instance && ambiguous ? { ...instance, ambiguous } : instance;
    if (slot.instance) this.#index(slot, slot.instance);
    if (!ambiguous || this.#ambiguous.has(slot.place)) return;
    this.#ambiguous.add(slot.place);
    suspects.doubtful.add(slot.place);
  }

  #add(route: string, address: string): Slot {
    const known = this.#addresses.get(address);
    const place = known ?? emptyPlace();
    if (!known) this.#addresses.set(address, place);
    const slot: Slot = {
      route,
      address,
      place,
      offers: [],
      rivals: undefined,
      instance: undefined,
    };
    place.slots.add(slot);
    const slots = this.#routes.get(route);
    if (slots) {
      slots.set(address, slot);
    } else {
      this.#routes.set(route, new Map([[address, slot]]));
      count(this.#hosts, splitRoute(route).host, 1);
    }
    this.#entries += 1;
    return slot;
  }

  #drop(slot: Slot, suspects: Suspects): void {
    const { address, route, place, instance } = slot;
    const slots = this.#routes.get(route);
    slots?.delete(address);
    if (slots?.size === 0) {
      this.#routes.delete(route);
      count(this.#hosts, splitRoute(route).host, -1);
    }
    place.slots.delete(slot);
    if (place.slots.size === 0) {
      this.#addresses.delete(address);
      this.#contested.delete(place);
      this.#ambiguous.delete(place);
      suspects.addresses.add(address);
    }
    this.#entries -= 1;
    if (instance) this.#unindex(slot, instance, suspects);
  }

  #index(slot: Slot, { app }: Instance): void {
    if (app.appId !== '') addTo(this.#apps, app.appId, slot);
    if (app.appName !== '') addTo(this.#names, nameKeyOf(app), slot);
  }

  #unindex(slot: Slot, { app }: Instance, suspects: Suspects): void {
    removeFrom(this.#names, nameKeyOf(app), slot);
    removeFrom(this.#apps, app.appId, slot);
    if (app.appId !== '' && !this.#apps.has(app.appId)) suspects.apps.add(app.appId);
  }

  #tellDoubtful({ doubtful }: Suspects): void {
    if (doubtful.size === 0) return;
    const places = [...doubtful.intersection(this.#ambiguous)];
    doubtful.clear();
    const addresses = places.flatMap(({ slots }) => [...slots].slice(0, 1));
    if (addresses.length > 0) this.#options.onAmbiguous?.(addresses.map(({ address }) => address));
  }

  /** Tells of what is gone still; `limit` bounds the work of one call. */
  #settle(suspects: Suspects, limit: number): boolean {
    const { addresses, changedAddresses, apps, contested } = suspects;
    let left = limit;
    for (const place of contested) {
      if (left-- <= 0) return false;
      contested.delete(place);
      this.#judge(place, suspects);
    }
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
    this.#tellDoubtful(suspects);
    return true;
  }
}

/** Whether a connection that was made for the one may be used for the other. */
function sameConnection(a: Endpoint, b: Endpoint): boolean {
  return sameIdentity(a, b) && (isProven(a) || ownerOf(a) === ownerOf(b));
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
  const found: Instance[] = [];
  for (const { instance } of slots ?? []) if (instance) found.push(instance);
  return found;
}

/** No two triples of names have the same key, whatever characters they hold. */
function nameKey(organization: string, space: string, app: string): string {
  return `${organization.length}:${space.length}:${organization}${space}${app}`;
}

function nameKeyOf(app: AppIdentity): string {
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
