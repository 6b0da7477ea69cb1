/**
 * What may have left the route table: noted while a source is taken over, told once that is done, if
 * it is gone still.
 */
import type { Place } from './place.ts';

export interface TableObservers {
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
export interface Departures {
  readonly addresses: Set<string>;
  readonly changedAddresses: Set<string>;
  readonly apps: Set<string>;
  /** Whose they are is to be judged anew. */
  contested: Set<Place>;
  /** Nothing told whose they are when they were last judged. */
  readonly doubtful: Set<Place>;
}

export function noDepartures(): Departures {
  return {
    ...{ addresses: new Set(), changedAddresses: new Set(), apps: new Set() },
    ...{ contested: new Set(), doubtful: new Set() },
  };
}

/** What the table knows now. */
interface TableNow extends TableObservers {
  readonly judge: (place: Place) => void;
  readonly hasAddress: (address: string) => boolean;
  readonly hasApp: (appId: string) => boolean;
  readonly ambiguous: ReadonlySet<Place>;
}

/**
 * Tells of what is gone still.
 *
 * @param limit - how much is looked at in one call
 * @returns whether all is told
 */
export function settle(departures: Departures, limit: number, table: TableNow): boolean {
  const { addresses, changedAddresses, apps, contested } = departures;
  let left = limit;
  for (const place of contested) {
    if (left-- <= 0) return false;
    contested.delete(place);
    table.judge(place);
  }
  for (const address of changedAddresses) {
    if (left-- <= 0) return false;
    changedAddresses.delete(address);
    addresses.delete(address);
    table.onAddressGone?.(address);
  }
  for (const address of addresses) {
    if (left-- <= 0) return false;
    addresses.delete(address);
    if (!table.hasAddress(address)) table.onAddressGone?.(address);
  }
  for (const appId of apps) {
    if (left-- <= 0) return false;
    apps.delete(appId);
    if (!table.hasApp(appId)) table.onAppGone?.(appId);
  }
  tellDoubtful(departures, table);
  return true;
}

function tellDoubtful({ doubtful }: Departures, { ambiguous, onAmbiguous }: TableNow): void {
  if (doubtful.size === 0) return;
  const places = [...doubtful.intersection(ambiguous)];
  doubtful.clear();
  const addresses = places.flatMap(({ entries }) => [...entries].slice(0, 1));
  if (addresses.length > 0) onAmbiguous?.(addresses.map(({ address }) => address));
}
