/**
 * Equal requests at the same time share one load.
 *
 * After an answer that must not be shared, requests of the same key do not wait for each other for a
 * while: they would queue up behind loads that are of no use to them.
 */
import { LRUCache } from 'lru-cache';
import type { Timers } from '../clock.ts';
import { Flight, type Landed, type Load, type Waiter } from './flight.ts';

export interface SingleFlightOptions<V> {
  readonly timers: Timers;
  /** Called for each waiter that gets a value, before its promise resolves. Must not throw. */
  readonly retain?: ((value: V) => void) | undefined;
  /** Called when a load has ended and all its waiters have the value. Must not throw. */
  readonly release?: ((value: V) => void) | undefined;
}

/** A load that began longer ago takes no further requests: what it has is too old for them. */
const JOINABLE_MS = 5_000;
/** How long requests of a key do not share loads after an answer that must not be shared. */
const APART_MS = 10_000;
const MAX_APART = 10_000;

export class SingleFlight<V> {
  readonly #options: SingleFlightOptions<V>;
  readonly #flights = new Map<string, Flight<V>>();
  /** Key -> until when its requests do not share loads. */
  readonly #apart = new LRUCache<string, number>({ max: MAX_APART });

  constructor(options: SingleFlightOptions<V>) {
    this.#options = options;
  }

  /** How many keys are being loaded. */
  get size(): number {
    return this.#flights.size;
  }

  isFlying(key: string): boolean {
    return this.#flights.has(key);
  }

  /** Lets the requests of a key load apart from each other for a while. */
  keepApart(key: string): void {
    this.#apart.set(key, this.#options.timers.nowMs() + APART_MS);
    this.close(key);
  }

  /** Lets no further request join the load of a key that is under way. */
  close(key: string): void {
    this.#flights.delete(key);
  }

  /**
   * Joins the load of the key that is under way, or begins one.
   *
   * @throws what `Flight.join` throws
   */
  get(key: string, waiter: Waiter, load: Load<V>): Promise<Landed<V>> {
    const { timers, retain } = this.#options;
    const known = this.#flights.get(key);
    if (known && timers.nowMs() - known.beganMs < JOINABLE_MS) return known.join(waiter);
    const flight: Flight<V> = new Flight({
      ...{ timers, retain },
      onClosed: () => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      },
    });
    if (!this.#isApart(key)) this.#flights.set(key, flight);
    const landing = flight.join(waiter);
    void this.#run(flight, load);
    return landing;
  }

  async #run(flight: Flight<V>, load: Load<V>): Promise<void> {
    try {
      const value = await load(flight);
      flight.landed(value);
      this.#options.release?.(value);
    } catch (error) {
      flight.failed(error);
    }
  }

  #isApart(key: string): boolean {
    const untilMs = this.#apart.get(key);
    return untilMs !== undefined && untilMs > this.#options.timers.nowMs();
  }
}
