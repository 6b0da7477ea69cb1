/**
 * The loop of a source that reads a whole page again and again.
 */
import { type Clock, every } from '../clock.ts';
import type { Page } from './page.ts';
import { PageFeed } from './page-feed.ts';
import type { RouteTable } from './route-table.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { type SourceWatch, watchSource } from './source-state.ts';

export interface PollingOptions {
  readonly name: string;
  /** @returns undefined when it is known, without reading it, that the page is still the same */
  readonly read: (signal: AbortSignal) => Promise<Page | undefined>;
  /**
   * From the end of one poll to the start of the next.
   *
   * @param pollMs - how long the poll took
   */
  readonly pauseMs: (watch: SourceWatch, pollMs: number) => number;
  /** A page that lists less than half of the apps is believed only if the next one does too. */
  readonly doubtsLoss?: boolean;
  readonly clock: Clock;
  readonly table: RouteTable;
  readonly observers: SourceObservers;
}

/** Starts the loop with a poll at once. Polls never overlap; a failed one is told and followed by the next. */
export function startPolling(options: PollingOptions): RouteSource {
  const { name, clock, table, observers } = options;
  const stop = new AbortController();
  const watch = watchSource(observers);
  const layer = table.layer();
  const { onRefused, onLoss = () => undefined } = observers;
  const feed = new PageFeed({
    layer,
    onRefused,
    onLoss: options.doubtsLoss ? onLoss : undefined,
  });

  let workedAtMs = 0;
  const poll = async (): Promise<void> => {
    const word = layer.nextWord();
    const page = await options.read(stop.signal);
    if (page === undefined && watch.failures > 0) return; // as bad as it was
    const changed = page !== undefined && (await feed.accept(page, stop.signal, word));
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
