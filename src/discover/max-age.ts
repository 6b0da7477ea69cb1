/**
 * Removes what a source listed once the source has failed for long while another source works: the
 * addresses may belong to other apps by now.
 *
 * While no source works, the last listings stay, since old routes are better than none.
 */
import { type Clock, every } from '../clock.ts';
import type { RouteSource } from './source.ts';

export interface MaxAgeOptions {
  readonly sources: readonly RouteSource[];
  /** How long the routes of a failing source stay in the table. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
  /** The routes of a source were removed: called once, until the source works again. */
  readonly onLapsed?: ((source: RouteSource) => void) | undefined;
  /** Taking a source's say away failed: it is tried again. */
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 1000;

/** Starts checking the sources every second; disposal ends the checks. */
export function startMaxAge(options: MaxAgeOptions): AsyncDisposable {
  const { sources, maxAgeMs, clock, onLapsed, onError } = options;
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
  const lookAtAll = async (): Promise<void> => {
    for (const source of sources) await look(source);
  };
  const lookEveryMs = Math.min(LOOK_MS, maxAgeMs);
  const running = every(lookEveryMs, lookAtAll, {
    ...{ clock, onError, signal: stop.signal },
    firstAfterMs: lookEveryMs,
  });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
