/**
 * Asks all replicas of a shard, and waits for none that is frozen once another one has answered.
 */
import { type Replica, ReplicaError, type Trace } from './replica.ts';

/** How long a replica may send nothing after another one has finished. */
const FROZEN_MS = 200;
/** A replica that sends, but slowly, gets so many times the time of the first one, and a second. */
const SLOW_TIMES = 2;
const SLOW_MS = 1_000;

/** One replica without an answer. */
export interface Missing {
  readonly replica: Replica;
  readonly error: unknown;
}

export interface Gathered<T> {
  /** In the order of the replicas. */
  readonly answers: readonly { readonly replica: Replica; readonly answer: T }[];
  readonly missing: readonly Missing[];
}

/** Asks one replica; calls `onProgress` whenever it sends something. */
export type AskReplica<T> = (replica: Replica, trace: Trace, onProgress: () => void) => Promise<T>;

/** @returns what has answered; no answer if all have failed */
export async function gather<T>(
  replicas: readonly Replica[],
  ask: AskReplica<T>,
  trace: Trace,
): Promise<Gathered<T>> {
  const well = replicas.filter((replica) => !replica.isAway);
  const asked = well.length > 0 ? well : replicas;
  const left = replicas.filter((replica) => !asked.includes(replica));
  const missing: Missing[] = left.map((replica) => ({
    replica,
    error: new Error(replica.lastError),
  }));
  const race = new Race();
  const settled = await Promise.all(
    asked.map(async (replica) => {
      const runner = race.enter(replica);
      const signal = AbortSignal.any([trace.signal, runner.signal]);
      try {
        const answer = await ask(replica, { ...trace, signal }, runner.progress);
        race.finished(runner);
        return { replica, answer, isMissing: false as const };
      } catch (error) {
        race.gone(runner);
        return { replica, error, isMissing: true as const };
      }
    }),
  );
  trace.signal.throwIfAborted();
  const answers: { replica: Replica; answer: T }[] = [];
  for (const one of settled) {
    if (one.isMissing) missing.push(one);
    else answers.push(one);
  }
  return { answers, missing };
}

interface Runner {
  readonly signal: AbortSignal;
  readonly progress: () => void;
}

/** Replicas that answer at the same time; the first one to finish sets the pace. */
class Race {
  readonly #startedMs = performance.now();
  readonly #running = new Map<
    Runner,
    { stop: AbortController; replica: Replica; lastMs: number }
  >();
  #endsMs = Infinity;
  #timer: NodeJS.Timeout | undefined;

  enter(replica: Replica): Runner {
    const stop = new AbortController();
    const runner: Runner = {
      signal: stop.signal,
      progress: () => {
        const state = this.#running.get(runner);
        if (state) state.lastMs = performance.now();
      },
    };
    this.#running.set(runner, { stop, replica, lastMs: this.#startedMs });
    return runner;
  }

  gone(runner: Runner): void {
    this.#running.delete(runner);
    if (this.#running.size === 0) clearTimeout(this.#timer);
  }

  finished(runner: Runner): void {
    this.gone(runner);
    if (this.#endsMs !== Infinity || this.#running.size === 0) return;
    const nowMs = performance.now();
    this.#endsMs = nowMs + (nowMs - this.#startedMs) * SLOW_TIMES + SLOW_MS;
    this.#watch(nowMs);
  }

  /** Ends whoever has sent nothing since `sinceMs` and for long enough. */
  #watch(sinceMs: number): void {
    const nowMs = performance.now();
    for (const { stop, replica, lastMs } of this.#running.values()) {
      const idleMs = nowMs - Math.max(lastMs, sinceMs);
      if (idleMs < FROZEN_MS && nowMs < this.#endsMs) continue;
      const text = 'sent nothing, or too slowly, while its replica had answered';
      stop.abort(new ReplicaError('frozen', `${replica.url} ${text}`));
    }
    if (this.#running.size === 0) return;
    this.#timer = setTimeout(() => this.#watch(sinceMs), FROZEN_MS / 8);
  }
}
