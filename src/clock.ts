/**
 * Pauses that an abort signal ends early, loops for background work, and turns for work that is
 * long or starts in thousands at once.
 *
 * Whoever starts a loop stops it by its signal, and awaits its end. Runs of a loop never overlap.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

/** The clock of a loop; tests pass their own. */
export interface Clock {
  /** The current time in milliseconds; it only goes forward. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = { nowMs: () => performance.now(), sleep };

/** Resolves after `ms` milliseconds, or at once when `signal` aborts. Never rejects. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined); // rejects only when aborted
}

/**
 * Seconds since 1970, by the system's clock when the program began: they only go forward, whatever
 * becomes of that clock. For what is kept by its time and shown by its age.
 */
export function steadySeconds(): number {
  return (performance.timeOrigin + performance.now()) / 1_000;
}

export interface Loop {
  /** Ends the loop: during a pause at once, during a run after the run. */
  readonly signal: AbortSignal;
  /** Called with the errors of runs that fail before `signal` aborts. Must not throw. */
  readonly onError: (error: unknown) => void;
  readonly clock?: Clock | undefined;
}

export interface Schedule extends Loop {
  /** The pause before the first run. Without it the first run starts before `every` returns. */
  readonly firstAfterMs?: number | undefined;
}

/**
 * Runs `task` again and again until the signal aborts. Reports a failed run, and goes on.
 *
 * @param pauseMs - the time from the end of a run to the start of the next; a function is called
 * after each run with the time that the run took
 * @returns when the last run has ended: await it before closing what the task uses
 */
export async function every(
  pauseMs: number | ((runMs: number) => number),
  task: () => void | Promise<void>,
  { signal, onError, firstAfterMs, clock = systemClock }: Schedule,
): Promise<void> {
  if (firstAfterMs !== undefined) await clock.sleep(firstAfterMs, signal);
  while (!signal.aborted) {
    const startedMs = clock.nowMs();
    try {
      await task();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    const ms = typeof pauseMs === 'number' ? pauseMs : pauseMs(clock.nowMs() - startedMs);
    await clock.sleep(ms, signal);
  }
}

export interface Retries extends Loop {
  /** The pause after the first failure; it doubles with each further failure in a row. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
  /** How many attempts have failed before the call. Default 0: the first attempt starts at once. */
  readonly failures?: number | undefined;
}

/**
 * Runs `task` until it succeeds or the signal aborts.
 *
 * @param task - may call `worked` before it fails, such as once a connection is up: the pauses then
 * start again with `firstPauseMs`
 * @returns what the task returned; undefined when the signal aborted before it succeeded
 */
export async function retry<T>(
  task: (worked: () => void) => Promise<T>,
  { signal, onError, clock = systemClock, firstPauseMs, maxPauseMs, ...before }: Retries,
): Promise<T | undefined> {
  let failures = before.failures ?? 0;
  const worked = (): void => {
    failures = 0;
  };
  for (;;) {
    if (failures > 0) {
      await clock.sleep(Math.min(firstPauseMs * 2 ** (failures - 1), maxPauseMs), signal);
    }
    if (signal.aborted) return undefined;
    try {
      return await task(worked);
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    failures += 1;
  }
}

/** Await its result in a loop: a promise to wait for other work, or undefined to go on at once. */
export type Pace = () => Promise<void> | undefined;

/** Makes a pace that lets other work run after each `turnMs` of work. */
export function everyTurn(turnMs: number): Pace {
  let startedMs = performance.now();
  return () => {
    if (performance.now() - startedMs < turnMs) return undefined;
    return nextTurn().then(() => {
      startedMs = performance.now();
    });
  };
}

/** Takes all steps of a task, and waits between two wherever the pace says so. @returns its result */
export async function takeSteps<T>(steps: Generator<void, T, void>, pace: Pace): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const turn = pace();
    if (turn !== undefined) await turn;
  }
}

/** Bound on the tasks that run without waiting in one turn of the event loop. */
const AT_ONCE = 8;
/** How long waiting tasks may run in one slice. */
const SLICE_MS = 2;
/**
 * Turns of the event loop between two slices. libuv accepts one connection in each turn: with a
 * slice in every turn, a reader that connected after 500 others waited for 8 s.
 */
const TURNS_BETWEEN = 8;

/**
 * Spreads tasks that come in thousands at once over turns of the event loop, such as scrapes that
 * begin together, have one deadline, or lose their readers together. The first tasks run at once;
 * the others wait, and run in short slices, between which all other work runs.
 */
export class Turns {
  readonly #waiting = new Set<() => void>();
  #ranAtOnce = 0;
  #counts = false;
  #running = false;

  /** How many tasks wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Runs `task`, which must not throw, now or in a later slice, in the order of the calls. */
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

  /** Removes a waiting task, which then never runs. */
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

/** Resolves after the promise callbacks and ticks that a task has caused, so that these count. */
async function consequences(): Promise<void> {
  await undefined;
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

/** Timers, and the time that they count; a test puts its own in. */
export interface Timers {
  /** Milliseconds that only go forward, on the scale of `performance.now()`. */
  nowMs(): number;
  /** Calls `call` once after `ms`. @returns a function that cancels the call */
  after(ms: number, call: () => void): () => void;
}

/** The longest time that `setTimeout` takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(Math.max(0, Math.ceil(ms)), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
