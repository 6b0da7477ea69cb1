/**
 * One load that several waiters share: it runs until the latest of their deadlines, and ends at once
 * when the last of them has left.
 *
 * A waiter whose own deadline comes first gets what the load has so far. `single-flight.ts` decides
 * who shares a flight.
 */
import type { Timers } from '../clock.ts';

/** One who waits for a load. */
export interface Waiter {
  /** On the scale of `performance.now()`. */
  readonly deadlineMs: number;
  /** Aborts when the waiter leaves: it is told nothing more. */
  readonly signal: AbortSignal;
  /** Aborts when the waiter's deadline is now. */
  readonly hurry?: AbortSignal | undefined;
}

/** What a load learns of those who wait for it. */
export interface Run<V> {
  /** The latest deadline of the waiters; it moves when waiters join or leave. */
  readonly deadlineMs: number;
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Aborts when the deadline of the last waiter is now: the load must end with what it has. */
  readonly hurry: AbortSignal;
  /**
   * Offers a way to make a value of what the load has so far, for waiters whose deadline comes before
   * the load ends. Without it they get nothing (`LateError`).
   */
  offer(soFar: (waiter: Waiter) => Promise<V>): void;
  /** Only work of our own is left: from now on, waiters whose deadline comes wait for the end. */
  endsSoon(): void;
}

/** Loads a value. It must end soon after `run.hurry` or `run.signal` aborts. */
export type Load<V> = (run: Run<V>) => Promise<V>;

/** What a waiter got. */
export interface Landed<V> {
  readonly value: V;
  /** `own` began the load, `shared` joined it, `late` could not wait for its end. */
  readonly how: 'own' | 'shared' | 'late';
}

/** The deadline of a waiter has passed, and the load has nothing to show. */
export class LateError extends Error {
  override readonly name = 'LateError';

  constructor() {
    super('the deadline passed before the load ended');
  }
}

/** The last waiter has left. */
const NOBODY = new DOMException('nobody waits for the load any more', 'AbortError');

interface Seat<V> {
  readonly waiter: Waiter;
  readonly isOwner: boolean;
  readonly resolve: (landed: Landed<V>) => void;
  readonly reject: (error: unknown) => void;
  /** Removes listeners and timers. */
  leave: () => void;
}

export interface FlightOptions<V> {
  readonly timers: Timers;
  /** Called for each waiter that gets the value, before the waiter's promise resolves. */
  readonly retain?: ((value: V) => void) | undefined;
  /** Called once when no waiter may join any more. */
  readonly onClosed: () => void;
}

export class Flight<V> implements Run<V> {
  readonly #options: FlightOptions<V>;
  readonly #seats = new Set<Seat<V>>();
  readonly #stop = new AbortController();
  readonly #hurry = new AbortController();
  #soFar: ((waiter: Waiter) => Promise<V>) | undefined;
  #isClosed = false;
  #endsSoon = false;
  readonly beganMs: number;

  constructor(options: FlightOptions<V>) {
    this.#options = options;
    this.beganMs = options.timers.nowMs();
  }

  get deadlineMs(): number {
    let latestMs = Number.NEGATIVE_INFINITY;
    for (const { waiter } of this.#seats) latestMs = Math.max(latestMs, waiter.deadlineMs);
    return latestMs;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  offer(soFar: (waiter: Waiter) => Promise<V>): void {
    this.#soFar = soFar;
  }

  endsSoon(): void {
    this.#endsSoon = true;
  }

  /**
   * Waits for the load, or for the waiter's own deadline.
   *
   * @throws {LateError}, the reason of the waiter's signal, or what the load threw
   */
  join(waiter: Waiter): Promise<Landed<V>> {
    return new Promise((resolve, reject) => {
      const seat = { waiter, resolve, reject, isOwner: this.#seats.size === 0, leave: () => {} };
      this.#seats.add(seat);
      const { signal, hurry, deadlineMs } = waiter;
      const left = (): void => this.#left(seat);
      const late = (): void => this.#late(seat);
      const { timers } = this.#options;
      const cancel = timers.after(deadlineMs - timers.nowMs(), late);
      signal.addEventListener('abort', left);
      hurry?.addEventListener('abort', late);
      const leave = (): void => {
        cancel();
        signal.removeEventListener('abort', left);
        hurry?.removeEventListener('abort', late);
        this.#seats.delete(seat);
      };
      seat.leave = leave;
      if (signal.aborted) left();
      else if (hurry?.aborted) late();
    });
  }

  /** Gives the value to all who wait. */
  landed(value: V): void {
    this.#close();
    for (const seat of [...this.#seats]) {
      this.#options.retain?.(value);
      seat.leave();
      seat.resolve({ value, how: seat.isOwner ? 'own' : 'shared' });
    }
    this.#soFar = undefined; // it refers to all of the load
  }

  failed(error: unknown): void {
    this.#close();
    for (const seat of [...this.#seats]) {
      seat.leave();
      seat.reject(error);
    }
    this.#soFar = undefined;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClosed();
  }

  #left(seat: Seat<V>): void {
    seat.leave();
    seat.reject(seat.waiter.signal.reason);
    if (this.#seats.size > 0) return;
    this.#close();
    this.#stop.abort(NOBODY);
  }

  /**
   * Ends the load if nobody else waits; otherwise the waiter gets what the load has so far. Nobody
   * joins the load after that: readers who follow each other would get the same old answers for ever.
   */
  #late(seat: Seat<V>): void {
    this.#close();
    if (this.#seats.size === 1) {
      this.#hurry.abort();
      return;
    }
    if (this.#endsSoon) return;
    seat.leave();
    if (this.#soFar === undefined) {
      seat.reject(new LateError());
      return;
    }
    this.#soFar(seat.waiter).then((value) => seat.resolve({ value, how: 'late' }), seat.reject);
  }
}
