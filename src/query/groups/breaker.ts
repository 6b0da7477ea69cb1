/**
 * Keeps a server that does not answer out of queries until it answers a probe.
 *
 * The probes run beside the queries, so that no query waits for a server that is known to be away.
 */
import { type Clock, retry } from '../../clock.ts';
import { failureOf } from './server.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** Failures in a row after which a server that does answer is left alone for a while. */
const MAX_FAILURES = 3;

/** These cost time, so one is enough. */
const AT_ONCE: ReadonlySet<string> = new Set(['connect', 'timeout', 'frozen', 'tls']);
/** These are about the request or the reader, not about the server. */
const NEVER: ReadonlySet<string> = new Set(['bad-data', 'too-big', 'canceled', 'unsupported']);

export interface BreakerOptions {
  /** Rejects as long as the server does not answer. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
}

export class Breaker {
  readonly #options: BreakerOptions;
  readonly #closing = new AbortController();
  #probing: AbortController | undefined;
  #done: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #lastError = '';

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Whether queries leave the server out. */
  get isOpen(): boolean {
    return this.#probing !== undefined;
  }

  /** The message of the last failure; '' if the last request succeeded. */
  get lastError(): string {
    return this.#lastError;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#lastError = '';
    this.#probing?.abort();
    this.#probing = undefined;
  }

  failed(error: unknown): void {
    const failure = failureOf(error);
    if (NEVER.has(failure)) return;
    this.#lastError = error instanceof Error ? error.message : String(error);
    this.#failures++;
    if (AT_ONCE.has(failure) || this.#failures >= MAX_FAILURES) this.#open();
  }

  /** Ends the probes. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#probing?.abort();
    await this.#done;
  }

  #open(): void {
    if (this.#probing !== undefined || this.#closing.signal.aborted) return;
    const probing = new AbortController();
    this.#probing = probing;
    const { probe, clock } = this.#options;
    this.#done = retry(() => probe(probing.signal), {
      ...{ signal: probing.signal, clock, failures: 1 },
      ...{ firstPauseMs: FIRST_PAUSE_MS, maxPauseMs: MAX_PAUSE_MS },
      onError: (error) => {
        this.#lastError = error instanceof Error ? error.message : String(error);
      },
    }).then(() => {
      if (this.#probing === probing && !probing.signal.aborted) this.succeeded();
    });
  }
}
