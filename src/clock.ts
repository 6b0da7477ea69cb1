/**
 * Waiting that an abort signal can end early, and turns for work that comes in thousands at once.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined); // rejects only when aborted
}

/** So many run at once in one turn of the event loop, where none waits. */
const AT_ONCE = 8;
/** How long those who wait may run at a time. */
const SLICE_MS = 2;
/**
 * Turns of the event loop between two slices. libuv accepts one connection in each turn: with a slice
 * in every turn, a reader behind 500 that connect together waited for 8 s.
 */
const TURNS_BETWEEN = 8;

/**
 * Turns for work that comes in thousands at once: scrapes that begin, that end at one deadline, or
 * whose readers have left. A few run at once; the others wait, and run in slices between which all
 * else is served.
 */
export class Turns {
  readonly #waiting = new Set<() => void>();
  #ranAtOnce = 0;
  #counts = false;
  #running = false;

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param task - runs now, or in its turn: in the order in which they came. Must not throw */
  run(task: () => void): void {
    if (this.#waiting.size === 0 && this.#ranAtOnce < AT_ONCE) {
      this.#ranAtOnce++;
      this.#count();
      task();
      return;
    }
    this.#waiting.add(task);
    if (this.#running) return;
    this.#running = true;
    afterTurns(TURNS_BETWEEN, this.#slice);
  }

  /** Whoever gives up waiting says so. */
  drop(task: () => void): void {
    this.#waiting.delete(task);
  }

  #count(): void {
    if (this.#counts) return;
    this.#counts = true;
    setImmediate(() => {
      this.#counts = false;
      this.#ranAtOnce = 0;
    });
  }

  readonly #slice = async (): Promise<void> => {
    const endMs = performance.now() + SLICE_MS;
    for (const task of this.#waiting) {
      this.#waiting.delete(task);
      task();
      await consequences();
      if (performance.now() >= endMs) break;
    }
    this.#running = this.#waiting.size > 0;
    if (this.#running) afterTurns(TURNS_BETWEEN, this.#slice);
  };
}

function afterTurns(turns: number, call: () => void): void {
  setImmediate(() => {
    if (turns > 1) afterTurns(turns - 1, call);
    else call();
  });
}

/** Resolves when all that was to be called at once has been: a tick comes after all of those. */
async function consequences(): Promise<void> {
  await undefined;
  await new Promise<void>((resolve) => process.nextTick(resolve));
}
