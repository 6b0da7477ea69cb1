/**
 * The route table: which app instances run now, where they listen, and under which routes.
 *
 * Pure state, joined over sources: the same address under the same route is one endpoint, and
 * stays while any source lists it. Sources feed the table through layers (`layer.ts` states the
 * contract); `select.ts` and `GET /routes` read it. Each change updates every index, so that a read
 * costs no more than what it returns.
 *
 * An address without a certificate belongs to one process instance (`claims.ts`). The table keeps
 * the endpoints of other claimants, but shows them only when their owner is believed.
 */
import type { AppIdentity } from './app-identity.ts';
import { isProven, ownerOf } from './claims.ts';
import { type Departures, noDepartures, settle, type TableObservers } from './departures.ts';
import { sameEndpoint, sameIdentity } from './endpoint.ts';
import { EntryIndex, instancesOf } from './entry-index.ts';
import { type Endpoint, type Instance, toInstance } from './instance.ts';
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
  type RouteEntry,
  rivalOffer,
  type Shown,
} from './place.ts';
import type { RefusedPiece } from './refusal.ts';
import { matchRoute, routeKey, splitRoute } from './route.ts';
import { RouteMap } from './route-map.ts';
import { isPlaceless } from './target.ts';

export interface RouteTableOptions extends TableObservers {
  /** Refuse endpoints without TLS, since the address may belong to another tenant by now. */
  readonly requireTls?: boolean | undefined;
  /** Bound on endpoints, each counted once a route; more are refused. Default 500,000. */
  readonly maxEntries?: number | undefined;
}

export class RouteTable {
  readonly #options: RouteTableOptions;
  readonly #maxEntries: number;
  readonly #routes = new RouteMap();
  readonly #addresses = new Map<string, Place>();
  /** The places that several owners claim. */
  readonly #contested = new Set<Place>();
  /** The contested places with several believed owners and an endpoint without a certificate. */
  readonly #ambiguous = new Set<Place>();
  readonly #index = new EntryIndex();
  #entries = 0;
  #layers = 0;
  #version = 0;
  #lastWord = 0;
  /** When each layer last confirmed its whole listing. */
  readonly #words: number[] = [];

  constructor(options: RouteTableOptions = {}) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? 500_000;
  }

  /** Changes whenever anything does that readers see. */
  get version(): number {
    return this.#version;
  }

  /** The instances of an app, once for each route: an address may occur several times. */
  byApp(appId: string): Instance[] {
    return this.#index.byApp(appId);
  }

  /** Like `byApp`, but by names, in which upper and lower case differ. */
  byName(organization: string, space: string, app: string): Instance[] {
    return this.#index.byName(organization, space, app);
  }

  /**
   * The instances that serve a route. Chosen as gorouter does, by the longest registered path and
   * the nearest wildcard. Under a wildcard route the instances' `host` is the host of `route`.
   */
  byRoute(route: string): Instance[] {
    const asked = routeKey(route);
    const match = asked === undefined ? undefined : matchRoute(asked, this.#routes);
    if (!match) return [];
    const found = instancesOf(this.#routes.get(match.key)?.values());
    if (splitRoute(match.key).host === match.host) return found;
    return found.map((instance) => ({ ...instance, host: match.host }));
  }

  /** The instances of each app, as `byApp` gives them. */
  apps(): Generator<readonly Instance[]> {
    return this.#index.each();
  }

  /** Every route with its endpoints that have an address. The iteration may or may not include later changes. */
  *routes(): Generator<readonly [route: string, endpoints: readonly Endpoint[]]> {
    for (const [route, entries] of this.#routes.all()) {
      const shown = instancesOf(entries.values()).map(({ endpoint }) => endpoint);
      const placed = shown.filter((endpoint) => !isPlaceless(endpoint));
      if (placed.length > 0) yield [route, placed];
    }
  }

  /** The numbers of routes, of different addresses and of different apps. */
  sizes(): Readonly<Record<'routes' | 'endpoints' | 'apps', number>> {
    return { routes: this.#routes.size, endpoints: this.#addresses.size, apps: this.#index.apps };
  }

  /** Takes over the names of all apps, for endpoints that carry none. */
  learnNames(apps: readonly AppIdentity[]): void {
    this.#version += Number(this.#index.learnNames(apps));
  }

  /** The number of addresses that no scrape asks, since their owner is unclear. */
  get ambiguousAddresses(): number {
    return this.#ambiguous.size;
  }

  /**
   * Whether an instance is, by all that is known now, what answers at its address; a scrape may have waited
   * since it found the instance. A certificate always counts, and so does an index of the CF API.
   */
  holds({ endpoint }: Pick<Instance, 'endpoint'>): boolean {
    if (isProven(endpoint)) return true;
    const place = this.#addresses.get(endpoint.address);
    return place !== undefined && (isPlaceless(endpoint) || isOnlyOwner(place, ownerOf(endpoint)));
  }

  /** Makes a layer for one source. Endpoints of earlier layers are shown first. */
  layer(): TableLayer {
    const number = this.#layers++;
    const departures = noDepartures();
    return {
      put: (route, endpoint, rival) => this.#put(number, route, { endpoint, rival }, departures),
      remove: (route, address) => this.#remove(number, route, address, departures),
      addresses: (route) => this.#addressesOf(number, route),
      nextWord: () => ++this.#lastWord,
      confirm: (word) => {
        this.#words[number] = word;
        departures.contested = new Set(this.#contested);
      },
      confirmAddress: (address) => this.#confirmAddress(number, address, departures),
      settle: (limit) => this.#settle(departures, limit ?? Number.POSITIVE_INFINITY),
    };
  }

  #put(
    layer: number,
    route: string,
    { endpoint, rival }: { readonly endpoint: Endpoint; readonly rival: Endpoint | undefined },
    departures: Departures,
  ): RefusedPiece | undefined {
    const known = this.#routes.get(route)?.get(endpoint.address);
    if (this.#options.requireTls && !endpoint.tls) {
      this.#remove(layer, route, endpoint.address, departures);
      return 'not-tls';
    }
    if (known && isKnown(known, layer, endpoint, rival)) return undefined;
    if (!known && this.#entries >= this.#maxEntries) return 'too-many';
    const entry = known ?? this.#add(route, endpoint.address);
    note(entry, layer, endpoint, rival);
    this.#judge(entry.place, departures, entry);
    return undefined;
  }

  #remove(layer: number, route: string, address: string, departures: Departures): void {
    const entry = this.#routes.get(route)?.get(address);
    if (!entry?.offers[layer]) return;
    note(entry, layer);
    if (!entry.offers.some(Boolean)) this.#drop(entry, departures);
    this.#judge(entry.place, departures, entry);
  }

  #addressesOf(layer: number, route: string): string[] {
    const entries = this.#routes.get(route);
    if (!entries) return [];
    return [...entries].filter(([, entry]) => entry.offers[layer]).map(([address]) => address);
  }

  #confirmAddress(layer: number, address: string, departures: Departures): void {
    const place = this.#addresses.get(address);
    if (!place) return;
    place.words ??= [];
    place.words[layer] = ++this.#lastWord;
    if (place.claims) this.#judge(place, departures);
  }

  /**
   * Decides who owns an address, and updates the entries that readers see.
   *
   * @param changed - an entry to update even if the owner stays the same
   */
  #judge(place: Place, departures: Departures, changed?: RouteEntry): void {
    if (place.claims) this.#contested.add(place);
    else this.#contested.delete(place);
    if (!judge(place, this.#words)) {
      if (changed && place.entries.has(changed)) this.#show(changed, departures);
      return;
    }
    if (!isAmbiguous(place)) this.#ambiguous.delete(place);
    for (const entry of place.entries) this.#show(entry, departures);
  }

  /** Makes the believed endpoint of an entry the one that readers see. */
  #show(entry: RouteEntry, departures: Departures): void {
    const before = entry.instance;
    const endpoint = believedOffer(entry);
    if (entry.rivals) this.#showRival(entry, endpoint && rivalOffer(entry, endpoint), departures);
    const ambiguous = endpoint !== undefined && !isProven(endpoint) && isAmbiguous(entry.place);
    if (before && endpoint && sameEndpoint(before.endpoint, endpoint)) {
      if (Boolean(before.ambiguous) === ambiguous) return;
    }
    this.#version++;
    if (before) {
      if (!endpoint || !sameConnection(before.endpoint, endpoint)) {
        departures.changedAddresses.add(entry.address);
      }
      this.#unindex(entry, before, departures);
    }
    const instance = endpoint && toInstance(endpoint, entry.route);
    entry.instance = instance && ambiguous ? { ...instance, ambiguous } : instance;
    if (entry.instance) this.#index.add(entry, entry.instance);
    if (!ambiguous || this.#ambiguous.has(entry.place)) return;
    this.#ambiguous.add(entry.place);
    departures.doubtful.add(entry.place);
  }

  /** Shows the rival as well, so that its reader learns why promgate does not ask it. */
  #showRival(entry: RouteEntry, endpoint: Endpoint | undefined, departures: Departures): void {
    const before = entry.rival;
    if (before || endpoint) this.#version++;
    entry.rival = endpoint && {
      instance: { ...toInstance(endpoint, entry.route), ambiguous: !isProven(endpoint) },
    };
    if (entry.rival?.instance) this.#index.add(entry.rival, entry.rival.instance);
    if (before?.instance) this.#unindex(before, before.instance, departures);
  }

  #add(route: string, address: string): RouteEntry {
    const known = this.#addresses.get(address);
    const place = known ?? emptyPlace();
    if (!known) this.#addresses.set(address, place);
    const entry: RouteEntry = {
      route,
      address,
      place,
      offers: [],
      rivals: undefined,
      instance: undefined,
      rival: undefined,
    };
    place.entries.add(entry);
    this.#routes.add(entry);
    this.#entries += 1;
    return entry;
  }

  #drop(entry: RouteEntry, departures: Departures): void {
    const { address, place, instance } = entry;
    this.#version++;
    this.#routes.remove(entry);
    place.entries.delete(entry);
    if (place.entries.size === 0) {
      this.#addresses.delete(address);
      this.#contested.delete(place);
      this.#ambiguous.delete(place);
      departures.addresses.add(address);
    }
    this.#entries -= 1;
    if (instance) this.#unindex(entry, instance, departures);
    if (entry.rival) this.#showRival(entry, undefined, departures);
  }

  #unindex(shown: Shown, instance: Instance, { apps }: Departures): void {
    this.#index.remove(shown, instance);
    const { appId } = instance.app;
    if (appId !== '' && !this.#index.has(appId)) apps.add(appId);
  }

  /** Tells the observers what is gone; `limit` bounds the work of one call. */
  #settle(departures: Departures, limit: number): boolean {
    const { onAddressGone, onAppGone, onAmbiguous } = this.#options;
    return settle(departures, limit, {
      judge: (place) => this.#judge(place, departures),
      hasAddress: (address) => this.#addresses.has(address),
      hasApp: (appId) => this.#index.has(appId),
      ambiguous: this.#ambiguous,
      ...{ onAddressGone, onAppGone, onAmbiguous },
    });
  }
}

/** Whether a connection that was opened for `a` may serve `b`. */
function sameConnection(a: Endpoint, b: Endpoint): boolean {
  return sameIdentity(a, b) && (isProven(a) || ownerOf(a) === ownerOf(b));
}
