/** Waiting for a condition in another process, which sends no event: asked again and again until a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Generous: it ends a test that would fail anyway, it is no expectation of speed. */
  readonly timeoutMs?: number;
  readonly pauseMs?: number;
}

/**
 * Asks `probe` until it gives something other than undefined.
 *
 * @param what - completes "gave up waiting for …"
 * @param probe - a thrown error means "not yet"
 * @throws {Error} at the deadline, with the probe's last error as its cause
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 20_000, pauseMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const found = await probe();
      if (found !== undefined) return found;
      cause = undefined;
    } catch (error) {
      cause = error; // reported at the deadline
    }
    await delay(pauseMs);
  } while (performance.now() < deadlineMs);
  throw new Error(`gave up waiting for ${what}`, { cause });
}
