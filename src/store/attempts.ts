/**
 * Handles database errors: tries again, reports the database as away, or rethrows the error.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { StoreAwayError } from '../../broker/binding-store.ts';
import type { Engine } from './engine.ts';
import { reasonOf } from './session.ts';

/** No attempt begins later than this after the first; the last attempt may wait for locks. */
const ATTEMPTS_MS = 3000;
const MAX_ATTEMPTS = 50;
const MAX_PAUSE_MS = 100;

/**
 * Runs `work`, and runs it again after a conflict such as a deadlock.
 *
 * @param work - must change nothing when it fails
 * @throws {StoreAwayError} when the database is away or full, or conflicts do not end
 */
export async function attempt<T>(
  { place, failureOf }: Pick<Engine, 'place' | 'failureOf'>,
  work: () => Promise<T>,
): Promise<T> {
  const lastMs = performance.now() + ATTEMPTS_MS;
  for (let count = 1; ; count++) {
    try {
      return await work();
    } catch (cause) {
      const failure = cause instanceof StoreAwayError ? 'away' : failureOf(cause);
      if (failure === 'duplicate' || failure === undefined) throw cause;
      if (failure !== 'conflict' || count === MAX_ATTEMPTS || performance.now() > lastMs) {
        throw new StoreAwayError(`${place}: ${reasonOf(cause)}`, { cause });
      }
    }
    // A random pause keeps two conflicting transactions from conflicting again.
    await delay(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** count));
  }
}
