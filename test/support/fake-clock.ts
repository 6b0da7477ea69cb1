/** Time that stands still until a test moves it. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/clock.ts';

export interface FakeClock extends Clock {
  /** How long each of those who sleep now wanted to, in the order in which they fell asleep. */
  readonly sleeping: readonly number[];
  /** Moves the time, waking whoever is due, in order; what they do at once is done afterwards. */
  advance(ms: number): Promise<void>;
}

interface Sleeper {
  readonly ms: number;
  readonly atMs: number;
  readonly wake: () => void;
}

export function fakeClock(): FakeClock {
  let now = 0;
  const sleepers = new Set<Sleeper>();
  return {
    nowMs: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const sleeper: Sleeper = {
          ms,
          atMs: now + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal.addEventListener('abort', sleeper.wake);
      }),
    get sleeping() {
      return Array.from(sleepers, ({ ms }) => ms);
    },
    async advance(ms) {
      const endMs = now + ms;
      for (;;) {
        await setImmediate();
        const [next] = [...sleepers].sort((a, b) => a.atMs - b.atMs);
        if (!next || next.atMs > endMs) break;
        now = Math.max(now, next.atMs);
        next.wake();
      }
      now = endMs;
    },
  };
}
