/**
 * Addresses and apps that may have left the route table. The table collects them during a change,
 * and after the change tells its observers which of them are really gone.
 */
import type { Place } from './place.ts';

export interface TableObservers {
  /**
   * An address left the table, or its TLS identity, its protocol or its owner changed: connections
   * to the address must be closed. The table may report the same address twice.
   */
  readonly onAddressGone?: ((address: string) => void) | undefined;
  /** The last instance of an app left the table. */
  readonly onAppGone?: ((appId: string) => void) | undefined;
  /** The table cannot tell any more who owns these addresses, so no scrape asks them. */
  readonly onAmbiguous?: ((addresses: readonly string[]) => void) | undefined;
}

/** What one layer's changes may have removed from the table, and observers do not know yet. */
export interface Departures {
  readonly addresses: Set<string>;
  readonly changedAddresses: Set<string>;
  readonly apps: Set<string>;
  /** The table must decide again who owns these. */
  contested: Set<Place>;
  /** These had no single owner at the last decision. */
  readonly doubtful: Set<Place>;
}

export function noDepartures(): Departures {
  return {
    ...{ addresses: new Set(), changedAddresses: new Set(), apps: new Set() },
    ...{ contested: new Set(), doubtful: new Set() },
  };
}

/** The state of the table at the end of the change. */
interface TableNow extends TableObservers {
  readonly judge: (place: Place) => void;
  readonly hasAddress: (address: string) => boolean;
  readonly hasApp: (appId: string) => boolean;
  readonly ambiguous: ReadonlySet<Place>;
}

/**
 * Tells the observers what is really gone.
 *
 * @param limit - how many departures one call handles
 * @returns whether none is left
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
