/**
 * The loop of a source that reads its whole listing at intervals.
 */
import { type Clock, every } from '../clock.ts';
import type { Listing } from './listing.ts';
import { ListingFeed } from './listing-feed.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { type SourceWatch, watchSource } from './source-state.ts';

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
  const watch = watchSource(observers);
  const layer = table.layer();
  const { onRefused, onLoss = () => undefined } = observers;
  const feed = new ListingFeed({
    layer,
    onRefused,
    onLoss: options.doubtsLoss ? onLoss : undefined,
  });

  let workedAtMs = 0;
  const poll = async (): Promise<void> => {
    const word = layer.nextWord();
    const listing = await options.read(stop.signal);
    if (listing === undefined && watch.failures > 0) return; // still the damaged listing
    const changed = listing !== undefined && (await feed.accept(listing, stop.signal, word));
    if (stop.signal.aborted) return;
    workedAtMs = clock.nowMs();
    watch.succeeded(changed);
  };
  const running = every((pollMs) => options.pauseMs(watch, pollMs), poll, {
    clock,
    signal: stop.signal,
    onError: (error) => watch.failed(error),
  });
  return {
    name,
    get ready() {
      return watch.ready;
    },
    get works() {
      return watch.ready && watch.failures === 0;
    },
    get ageMs() {
      if (!watch.ready) return undefined;
      return watch.failures === 0 ? 0 : clock.nowMs() - workedAtMs;
    },
    lapse: (isDue) => feed.clear(isDue, stop.signal),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
