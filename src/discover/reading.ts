/**
 * The loop and the state of a source that asks again and again for what it lists.
 */
import { type Clock, every } from '../clock.ts';
import type { RouteSource, SourceObservers } from './source.ts';
import { type SourceWatch, watchSource } from './source-state.ts';

export interface ReadingOptions {
  readonly name: string;
  /**
   * Reads once, and takes over what was read.
   *
   * @returns whether anything changed; undefined if the state of the source stays what it was
   */
  readonly read: (watch: SourceWatch) => Promise<boolean | undefined>;
  /**
   * The pause from the end of one read to the start of the next.
   *
   * @param readMs - how long the read took
   */
  readonly pauseMs: (watch: SourceWatch, readMs: number) => number;
  /** Empties the layer of the source. */
  readonly clear: (isDue: () => boolean) => Promise<void>;
  readonly clock: Clock;
  /** The disposal of the source aborts it, which must end a read that is under way. */
  readonly stop: AbortController;
  readonly observers: SourceObservers;
}

/** Starts the loop with a read at once. Reads never overlap, and go on after a failed one. */
export function startReading(options: ReadingOptions): RouteSource {
  const { name, clock, stop, observers } = options;
  const watch = watchSource(observers);
  let workedAtMs = 0;
  const read = async (): Promise<void> => {
    const changed = await options.read(watch);
    if (changed === undefined || stop.signal.aborted) return;
    workedAtMs = clock.nowMs();
    watch.succeeded(changed);
  };
  const running = every((readMs) => options.pauseMs(watch, readMs), read, {
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
    lapse: options.clear,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
