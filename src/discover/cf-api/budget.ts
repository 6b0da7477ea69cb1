/**
 * How many requests promgate may send to the CF API, and when the next one is due.
 *
 * Plain computation. Two bounds hold together: promgate's own, of requests in any 60 seconds, and
 * the API's, which `X-RateLimit-*` and `Retry-After` state. All replicas of promgate share the
 * API's quota, so the API's word may come earlier than promgate's own count says.
 */

export interface BudgetOptions {
  readonly requestsPerMinute: number;
  /** Milliseconds that only go forward. */
  readonly nowMs: () => number;
  /** The wall clock, by which the API states the end of its window. */
  readonly wallMs: () => number;
}

/** Sweeps come first: what they will need in the next minute is not given to stats. */
export type Purpose = 'sweep' | 'stats';

const WINDOW_MS = 60_000;
/** Below this share of the API's quota promgate spreads what is left over the rest of the window. */
const SCARCE = 0.2;
/** A longer wait is believed to be a mistake of the API: promgate asks again after this time. */
const MAX_PAUSE_MS = 3_600_000;
const DEFAULT_PAUSE_MS = 60_000;

/** Values of the headers; undefined if the API did not send one. */
export interface RateHeaders {
  readonly limit: string | undefined;
  readonly remaining: string | undefined;
  readonly reset: string | undefined;
  readonly retryAfter: string | undefined;
}

export class Budget {
  readonly #options: BudgetOptions;
  /** When the requests of the last minute went out, the oldest first. */
  readonly #sent: number[] = [];
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #gapMs = 0;
  #remaining: number | undefined;
  /** How many requests a full sweep takes. */
  sweepCost = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** What the API said is left of its quota; undefined while it limits nothing. */
  get remaining(): number | undefined {
    return this.#remaining;
  }

  /** How long the API wants promgate to wait from now on, 0 if it does not. */
  get pausedMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#options.nowMs());
  }

  /**
   * How long a request must wait.
   *
   * @returns 0 when it may be sent now: then call `take`
   */
  waitMs(purpose: Purpose): number {
    const nowMs = this.#options.nowMs();
    this.#forget(nowMs);
    const { requestsPerMinute } = this.#options;
    const reserved = purpose === 'stats' ? Math.min(this.sweepCost, requestsPerMinute - 1) : 0;
    const over = this.#sent.length - (requestsPerMinute - reserved - 1);
    const freeAtMs = over <= 0 ? nowMs : this.#sent[over - 1]! + WINDOW_MS; // as many as `over` are sent
    const spacedAtMs = (this.#sent.at(-1) ?? Number.NEGATIVE_INFINITY) + this.#gapMs;
    return Math.max(0, freeAtMs - nowMs, spacedAtMs - nowMs, this.#pausedUntilMs - nowMs);
  }

  take(): void {
    this.#sent.push(this.#options.nowMs());
  }

  /**
   * The shortest pause after a sweep that leaves a quarter of the requests for stats.
   *
   * @param requests - how many the sweep took
   */
  pauseAfterMs(requests: number): number {
    return (requests / (0.75 * this.#options.requestsPerMinute)) * WINDOW_MS;
  }

  /** The API answered; the headers tell what is left of its quota. */
  heard({ limit, remaining, reset }: RateHeaders): void {
    const [most, left, resetSeconds] = [limit, remaining, reset].map(wholeNumber);
    this.#remaining = left;
    this.#gapMs = 0;
    if (most === undefined || left === undefined || left >= most * SCARCE) return;
    const windowMs = this.#untilMs(resetSeconds);
    if (left === 0) this.#pause(windowMs);
    else this.#gapMs = Math.min(windowMs / left, DEFAULT_PAUSE_MS);
  }

  /** The API answered 429. */
  refused({ retryAfter, reset }: RateHeaders): void {
    this.#remaining = 0;
    const seconds = wholeNumber(retryAfter);
    this.#pause(seconds === undefined ? this.#untilMs(wholeNumber(reset)) : seconds * 1000);
  }

  #pause(ms: number): void {
    const pauseMs = Math.min(Math.max(ms, 1000), MAX_PAUSE_MS);
    this.#pausedUntilMs = this.#options.nowMs() + pauseMs;
  }

  #untilMs(resetSeconds: number | undefined): number {
    if (resetSeconds === undefined) return DEFAULT_PAUSE_MS;
    return Math.min(Math.max(0, resetSeconds * 1000 - this.#options.wallMs()), MAX_PAUSE_MS);
  }

  #forget(nowMs: number): void {
    const firstKept = this.#sent.findIndex((atMs) => atMs + WINDOW_MS > nowMs);
    this.#sent.splice(0, firstKept < 0 ? this.#sent.length : firstKept);
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
