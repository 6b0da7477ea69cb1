/**
 * Splits long work into short turns, so that the main thread serves requests between the turns.
 */
import { setImmediate } from 'node:timers/promises';

/** Ends the turn if it has lasted long enough. Await the result after each small step of work. */
export type Pace = () => Promise<void> | undefined;

/** Lets other work run whenever a turn has lasted `turnMs`. */
export function everyTurn(turnMs: number): Pace {
  let startedMs = performance.now();
  return () => {
    if (performance.now() - startedMs < turnMs) return undefined;
    return setImmediate().then(() => {
      startedMs = performance.now();
    });
  };
}
