/**
 * A place is an address under all its routes: which endpoints the layers offer, and which to show.
 *
 * A place counts claims only while it has several owners, which is rare. `route-table.ts` decides
 * when to judge a place again.
 */
import { Claims, isProven, ownerOf } from './claims.ts';
import { sameEndpoint } from './endpoint.ts';
import type { Endpoint, Instance } from './instance.ts';

/** One address under one route. */
export interface RouteEntry {
  readonly route: string;
  readonly address: string;
  readonly place: Place;
  /** Each layer's endpoint, by the layer's number. The first of a believed owner is shown. */
  readonly offers: (Endpoint | undefined)[];
  /** By layer: another owner's endpoint that the layer lists at this route and address, too. */
  rivals: (Endpoint | undefined)[] | undefined;
  /** The instance that readers see; undefined when the address belongs to another owner. */
  instance: Instance | undefined;
  /** The rival's instance that readers see as well, while the place is ambiguous. */
  rival: Shown | undefined;
}

/** What readers see of an entry. */
export type Shown = Pick<RouteEntry, 'instance'>;

export interface Place {
  readonly entries: Set<RouteEntry>;
  /** The owner that claims the address, while only one does. */
  owner: string | undefined;
  /** The claims, while several owners claim the address. */
  claims: Claims | undefined;
  /** The owners that `judge` chose among the claims; undefined means all. */
  believed: ReadonlySet<string> | undefined;
  /** When each layer last confirmed this address, if the layer confirms single addresses. */
  words: number[] | undefined;
}

export function emptyPlace(): Place {
  return {
    entries: new Set(),
    ...{ owner: undefined, claims: undefined, believed: undefined, words: undefined },
  };
}

/** Whether the entry already holds this endpoint and rival of the layer. */
export function isKnown(
  entry: RouteEntry,
  layer: number,
  endpoint: Endpoint,
  rival?: Endpoint,
): boolean {
  const before = entry.offers[layer];
  return before !== undefined && sameEndpoint(before, endpoint) && hasRival(entry, layer, rival);
}

function hasRival({ rivals }: RouteEntry, layer: number, rival: Endpoint | undefined): boolean {
  const before = rivals?.[layer];
  return before === rival || (before && rival ? sameEndpoint(before, rival) : false);
}

/**
 * Sets or clears a layer's endpoint and rival in an entry, and updates the claims on its address.
 */
export function note(
  entry: RouteEntry,
  layer: number,
  endpoint?: Endpoint,
  rival?: Endpoint,
): void {
  const { place, offers } = entry;
  const before = [offers[layer], entry.rivals?.[layer]];
  offers[layer] = endpoint;
  if (rival) entry.rivals ??= [];
  if (entry.rivals) entry.rivals[layer] = rival;
  const { claims } = place;
  for (const one of before) if (one) claims?.remove(ownerOf(one), layer);
  for (const one of [endpoint, rival]) {
    if (!one) continue;
    const owner = ownerOf(one);
    if (claims) claims.add(owner, layer);
    else if (!place.claims) claimAlone(place, owner);
  }
  const sole = place.claims?.soleOwner;
  if (sole === undefined) return;
  place.owner = sole;
  place.claims = undefined;
}

/** Makes the first claimant the owner; counts claims from the second claimant on. */
function claimAlone(place: Place, owner: string): void {
  place.owner ??= owner;
  if (place.owner === owner) return;
  const claims = new Claims();
  for (const { offers, rivals = [] } of place.entries) {
    for (const list of [offers, rivals]) {
      list.forEach((one, layer) => {
        if (one) claims.add(ownerOf(one), layer);
      });
    }
  }
  place.claims = claims;
}

/**
 * Chooses again which owners to believe.
 *
 * @param words - when each layer last confirmed its whole listing
 * @returns whether the choice may differ from the last one
 */
export function judge(place: Place, words: readonly number[]): boolean {
  const { believed: before, claims } = place;
  if (!before && !claims) return false;
  const now = claims?.believed((layer) => place.words?.[layer] ?? words[layer] ?? 0);
  place.believed = now;
  return !(now && before && now.size === before.size && now.isSubsetOf(before));
}

/** Whether a place has several believed owners, so that only a certificate tells them apart. */
export function isAmbiguous({ believed }: Place): boolean {
  return believed !== undefined && believed.size > 1;
}

/** Whether `owner` alone is believed to be at the address. */
export function isOnlyOwner({ believed, owner: sole }: Place, owner: string): boolean {
  return believed ? believed.size === 1 && believed.has(owner) : sole === owner;
}

/** The endpoint to show: the first one with a certificate or of a believed owner. */
export function believedOffer(entry: RouteEntry): Endpoint | undefined {
  const { believed } = entry.place;
  const isBelieved = (one: Endpoint | undefined): boolean =>
    one !== undefined && (!believed || isProven(one) || believed.has(ownerOf(one)));
  return entry.offers.find(isBelieved) ?? entry.rivals?.find(isBelieved);
}

/** The endpoint of a believed owner other than that of `shown`, while the place is ambiguous. */
export function rivalOffer({ rivals, place }: RouteEntry, shown: Endpoint): Endpoint | undefined {
  if (!rivals || !isAmbiguous(place)) return undefined;
  return rivals.find((one) => {
    const owner = one && ownerOf(one);
    return owner !== undefined && owner !== ownerOf(shown) && place.believed?.has(owner);
  });
}
