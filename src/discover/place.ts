/**
 * An address under all its routes: what the layers say of it, and which of that is believed.
 *
 * Claims are counted only while there are several owners, which is rare; `route-table.ts` decides
 * when an address is judged anew.
 */
import { Claims, isProven, ownerOf } from './claims.ts';
import { sameEndpoint } from './endpoint.ts';
import type { Endpoint, Instance } from './instance.ts';

/** One address under one route. */
export interface Slot {
  readonly route: string;
  readonly address: string;
  readonly place: Place;
  /** What each layer says of it, by the layer's number; the first that is believed is shown. */
  readonly offers: (Endpoint | undefined)[];
  /** What each layer says besides of the same address under the same route. */
  rivals: (Endpoint | undefined)[] | undefined;
  /** What is shown: undefined when the address is another's. */
  instance: Instance | undefined;
}

export interface Place {
  readonly slots: Set<Slot>;
  /** Who claims it, while no other does. */
  owner: string | undefined;
  /** While several claim it. */
  claims: Claims | undefined;
  /** Of those who claim it; undefined means all. */
  believed: ReadonlySet<string> | undefined;
  /** When each layer last spoke of this address, where it speaks of single ones. */
  words: number[] | undefined;
}

export function emptyPlace(): Place {
  return {
    slots: new Set(),
    ...{ owner: undefined, claims: undefined, believed: undefined, words: undefined },
  };
}

/** Whether what a layer says of a slot is known already. */
export function isKnown(slot: Slot, layer: number, endpoint: Endpoint, rival?: Endpoint): boolean {
  const before = slot.offers[layer];
  return before !== undefined && sameEndpoint(before, endpoint) && hasRival(slot, layer, rival);
}

function hasRival({ rivals }: Slot, layer: number, rival: Endpoint | undefined): boolean {
  const before = rivals?.[layer];
  return before === rival || (before && rival ? sameEndpoint(before, rival) : false);
}

/** Notes what a layer says of a slot, and who claims its address by that. */
export function note(slot: Slot, layer: number, endpoint?: Endpoint, rival?: Endpoint): void {
  const { place, offers } = slot;
  const before = [offers[layer], slot.rivals?.[layer]];
  offers[layer] = endpoint;
  if (rival) slot.rivals ??= [];
  if (slot.rivals) slot.rivals[layer] = rival;
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

/** Takes an address for an owner, or begins to count when it is another's. */
function claimAlone(place: Place, owner: string): void {
  place.owner ??= owner;
  if (place.owner === owner) return;
  const claims = new Claims();
  for (const { offers, rivals = [] } of place.slots) {
    for (const list of [offers, rivals]) {
      list.forEach((one, layer) => {
        if (one) claims.add(ownerOf(one), layer);
      });
    }
  }
  place.claims = claims;
}

/**
 * Decides anew who is believed.
 *
 * @param words - when each layer last spoke of all that it lists
 * @returns whether these are others than before
 */
export function judge(place: Place, words: readonly number[]): boolean {
  const { believed: before, claims } = place;
  if (!before && !claims) return false;
  const now = claims?.believed((layer) => place.words?.[layer] ?? words[layer] ?? 0);
  place.believed = now;
  return !(now && before && now.size === before.size && now.isSubsetOf(before));
}

/** Whether several owners are believed to be at one address: only a certificate tells them apart. */
export function isAmbiguous({ believed }: Place): boolean {
  return believed !== undefined && believed.size > 1;
}

/** Whether `owner` alone is believed to be at the address. */
export function isOnlyOwner({ believed, owner: sole }: Place, owner: string): boolean {
  return believed ? believed.size === 1 && believed.has(owner) : sole === owner;
}

/** What the first layer says of a slot that is believed, if any is. */
export function believedOffer({ offers, place: { believed } }: Slot): Endpoint | undefined {
  return offers.find(
    (offer) => offer && (!believed || isProven(offer) || believed.has(ownerOf(offer))),
  );
}
