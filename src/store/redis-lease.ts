/**
 * A lease in Redis: at most one of the promgates that ask for it holds it at a time.
 *
 * The holder renews the lease in each third of its time. By the holder's own clock the lease ends
 * earlier than in Redis, so that a holder that was stopped, or that Redis does not answer, knows by
 * itself that it may not be the holder any more. A Redis that loses its data gives the lease to whoever
 * asks first, even while another promgate still holds it: whoever needs more must ask the receiver.
 */
import { randomBytes } from 'node:crypto';
import { type Clock, every, systemClock } from '../clock.ts';
import { within } from './redis-links.ts';
import { type RedisSession, script } from './redis-session.ts';

export interface Lease extends AsyncDisposable {
  /** Whether no other promgate has the lease. */
  isHeld(): boolean;
  /** How long the lease is held for certain, in ms; 0: another promgate may have it. */
  heldForMs(): number;
}

export interface LeaseOptions {
  readonly session: RedisSession;
  readonly key: string;
  /** How long others wait when the holder is gone without a word; default 15 s. */
  readonly ttlMs?: number | undefined;
  readonly clock?: Clock | undefined;
  /** The lease was taken, or is held no longer. Must not throw. */
  readonly onChange?: (isHeld: boolean) => void;
  /** Redis did not answer, or refused; the lease asks again. Must not throw. */
  readonly onError?: (error: unknown) => void;
}

const TTL_MS = 15_000;
/** Part of the time that clocks may differ by, of which no clock's speed comes near. */
const MARGIN = 0.1;

/** Renewing and taking are one, as an answer may be lost. */
const TAKE = script(`
  local holder = redis.call('GET', KEYS[1])
  if holder and holder ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
`);
const GIVE_BACK = script(`
  if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
  return 0
`);
/** Bound on each of the two times that the end waits for Redis. */
const GIVE_BACK_MS = 400;

/** Asks for the lease at once, and again and again until it is disposed. */
export function openLease(options: LeaseOptions): Lease {
  return new RedisLease(options);
}

class RedisLease implements Lease {
  readonly #options: LeaseOptions;
  readonly #holder = randomBytes(16).toString('base64url');
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #running: Promise<void>;
  #endMs = 0;
  #wasHeld = false;

  constructor(options: LeaseOptions) {
    const { ttlMs = TTL_MS, clock = systemClock, onError } = options;
    this.#options = options;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#running = every(ttlMs / 3, () => this.#take(), {
      ...{ signal: this.#stop.signal, clock },
      onError: (error) => {
        this.#tell();
        onError?.(error);
      },
    });
  }

  isHeld(): boolean {
    return this.heldForMs() > 0;
  }

  heldForMs(): number {
    return this.#stop.signal.aborted ? 0 : Math.max(0, this.#endMs - this.#clock.nowMs());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const mayHold = this.isHeld();
    this.#stop.abort();
    await within(GIVE_BACK_MS, this.#running, undefined);
    this.#tell();
    if (!mayHold) return;
    const { session, key, onError } = this.#options;
    try {
      await session.run(GIVE_BACK, { keys: [key], values: [this.#holder], answerMs: GIVE_BACK_MS });
    } catch (error) {
      onError?.(error); // the lease ends by itself
    }
  }

  async #take(): Promise<void> {
    const { session, key } = this.#options;
    const askedMs = this.#clock.nowMs();
    const values = [this.#holder, this.#ttlMs];
    const [taken] = await session.run(TAKE, { keys: [key], values, answerMs: this.#ttlMs / 3 });
    this.#endMs = taken === 1 ? askedMs + this.#ttlMs * (1 - MARGIN) : 0;
    this.#tell();
  }

  #tell(): void {
    const isHeld = this.isHeld();
    if (isHeld === this.#wasHeld) return;
    this.#wasHeld = isHeld;
    this.#options.onChange?.(isHeld);
  }
}
