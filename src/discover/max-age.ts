/**
 * A source that fails loses its say while another works: what it listed may be others' by now.
 *
 * Where no source works, the last tables stay, since an old table is better than none.
 */
import type { Clock, RouteSource } from './source.ts';

export interface MaxAgeOptions {
  readonly sources: readonly RouteSource[];
  /** How long after it last worked a source is still believed. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  /** A source has lost its say: called once, until it works again. */
  readonly onLapsed?: ((source: RouteSource) => void) | undefined;
}

const LOOK_MS = 1000;

/** Starts looking at the sources; disposal ends it. */
export function startMaxAge(options: MaxAgeOptions): AsyncDisposable {
  const { sources, maxAgeMs, clock, onLapsed } = options;
  const stop = new AbortController();
  const lapsed = new Set<RouteSource>();
  const isDue = ({ ageMs }: RouteSource): boolean =>
    ageMs !== undefined && ageMs >= maxAgeMs && sources.some(({ works }) => works);
  const look = async (source: RouteSource): Promise<void> => {
    if (!isDue(source)) {
      if (source.ageMs === 0) lapsed.delete(source);
      return;
    }
    await source.lapse(() => isDue(source) && !stop.signal.aborted);
    if (!isDue(source) || lapsed.has(source)) return;
    lapsed.add(source);
    onLapsed?.(source);
  };
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await clock.sleep(Math.min(LOOK_MS, maxAgeMs), stop.signal);
      for (const source of sources) await look(source);
    }
  };
  const running = loop();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
