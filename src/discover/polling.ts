/**
 * The loop of a source that reads its whole listing at intervals.
 */
import type { Clock } from '../clock.ts';
import type { Listing } from './listing.ts';
import { ListingFeed } from './listing-feed.ts';
import { startReading } from './reading.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import type { SourceWatch } from './source-state.ts';

export interface PollingOptions {
  readonly name: string;
  /** @returns undefined if the listing is unchanged and need not be read */
  readonly read: (signal: AbortSignal) => Promise<Listing | undefined>;
  /**
   * The pause from the end of one poll to the start of the next.
   *
   * @param pollMs - how long the poll took
   */
  readonly pauseMs: (watch: SourceWatch, pollMs: number) => number;
  /** Use a listing with less than half of the apps only if the next one is as small. */
  readonly doubtsLoss?: boolean;
  readonly clock: Clock;
  readonly table: RouteTable;
  readonly observers: SourceObservers;
}

/** Starts the loop with a poll at once. Polls never overlap, and go on after a failed one. */
export function startPolling(options: PollingOptions): RouteSource {
  const { name, clock, table, observers } = options;
  const stop = new AbortController();
  const layer = table.layer();
  const { onRefused, onLoss = () => undefined } = observers;
  const feed = new ListingFeed({
    layer,
    onRefused,
    onLoss: options.doubtsLoss ? onLoss : undefined,
  });

  return startReading({
    ...{ name, clock, stop, observers, pauseMs: options.pauseMs },
    read: async (watch) => {
      const word = layer.nextWord();
      const listing = await options.read(stop.signal);
      if (listing === undefined && watch.failures > 0) return undefined; // still the damaged listing
      return listing !== undefined && feed.accept(listing, stop.signal, word);
    },
    clear: (isDue) => feed.clear(isDue, stop.signal),
  });
}
