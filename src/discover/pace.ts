/**
 * Work in short pieces, so that requests are served between them.
 */
import { setImmediate } from 'node:timers/promises';

/** Ends one's turn when it has lasted long enough; to be awaited again and again. */
export type Pace = () => Promise<void> | undefined;

/** Lets other work run whenever `turnMs` have passed since the last time. */
export function everyTurn(turnMs: number): Pace {
  let startedMs = performance.now();
  return () => {
    if (performance.now() - startedMs < turnMs) return undefined;
    return setImmediate().then(() => {
      startedMs = performance.now();
    });
  };
}
