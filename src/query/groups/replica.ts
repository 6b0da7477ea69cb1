/**
 * One server of a group: how many requests it gets at a time, how long it may take, and whether it is well.
 */
import type { Readable } from 'node:stream';
import type { Clock } from '../../clock.ts';
import type { RequestRecord, ServerState } from '../federation.ts';
import { Breaker } from './breaker.ts';
import { Latencies } from './latencies.ts';
import { Limiter } from './limiter.ts';
import {
  type CallAnswer,
  failureOf,
  type QueryServer,
  type ReadAnswer,
  type ReadRequest,
  type ServerCall,
} from './server.ts';
import type { LabelSet } from './settings.ts';

/** Prometheus takes ten reads at a time; two are left for others. */
const MAX_READS = 8;
const PROBE_TIMEOUT_MS = 2_000;
/** A server that was away is given no more, in case that nobody else can answer. */
const AWAY_TIMEOUT_MS = 2_000;

export interface ReplicaOptions {
  readonly group: string;
  readonly server: QueryServer;
  readonly labels: LabelSet;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly onRequest: (record: RequestRecord) => void;
}

/** A request took too long, or its server sent nothing while another one had finished. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError';
  readonly failure: 'timeout' | 'frozen';

  constructor(failure: 'timeout' | 'frozen', message: string) {
    super(message);
    this.failure = failure;
  }
}

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #limiter = new Limiter(MAX_READS);
  readonly #latencies = new Latencies();
  readonly #breaker: Breaker;
  #requests = 0;
  #failures = 0;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    const { server, clock } = options;
    const probe = async (signal: AbortSignal): Promise<void> => {
      const bound = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
      await server.call({ path: 'status/buildinfo', parameters: [] }, bound);
    };
    this.#breaker = new Breaker({ probe, clock });
  }

  get url(): string {
    return this.#options.server.url;
  }

  /** Whether it is left out while others can answer. */
  get isAway(): boolean {
    return this.#breaker.isOpen;
  }

  get lastError(): string {
    return this.#breaker.lastError;
  }

  /** How long to wait for it before another one is asked as well. */
  get hedgeMs(): number | undefined {
    return this.#latencies.p95();
  }

  get state(): ServerState {
    const { labels } = this.#options;
    const lastError = this.lastError;
    const health = this.#requests === 0 ? 'unknown' : lastError === '' ? 'up' : 'down';
    const counts = { requests: this.#requests, failures: this.#failures };
    return { url: this.url, labels, health, lastError, ...counts };
  }

  read(request: ReadRequest, trace: Trace): Promise<ReadAnswer> {
    const size = ({ series }: ReadAnswer) => ({
      series: series.length,
      samples: series.reduce((sum, { timesMs }) => sum + timesMs.length, 0),
    });
    const read = (signal: AbortSignal) => this.#options.server.read(request, signal);
    return this.#request('read', read, size, trace);
  }

  call(call: ServerCall, trace: Trace): Promise<CallAnswer> {
    const ask = (signal: AbortSignal) => this.#options.server.call(call, signal);
    return this.#request(call.path, ask, () => ({}), trace);
  }

  /** The deadline holds until the head of the answer. */
  stream(call: ServerCall, trace: Trace): Promise<Readable> {
    const ask = (signal: AbortSignal) => this.#options.server.stream(call, signal);
    return this.#request(call.path, ask, () => ({}), trace);
  }

  async close(): Promise<void> {
    await this.#breaker.close();
    await this.#options.server.close();
  }

  async #request<T>(
    call: string,
    ask: (signal: AbortSignal) => Promise<T>,
    size: (answer: T) => { readonly series?: number; readonly samples?: number },
    { signal, onRequest }: Trace,
  ): Promise<T> {
    const { clock, group } = this.#options;
    const startedMs = clock.nowMs();
    const record = (outcome: string, sizes = {}): void => {
      const durationMs = clock.nowMs() - startedMs;
      const one = { group, server: this.url, call, outcome, durationMs, ...sizes };
      this.#options.onRequest(one);
      onRequest(one);
    };
    const leave = await this.#limiter.enter(signal);
    this.#requests++;
    try {
      const answer = await this.#bounded(ask, signal);
      this.#breaker.succeeded();
      this.#latencies.add(clock.nowMs() - startedMs);
      record('success', size(answer));
      return answer;
    } catch (error) {
      // Whoever asked has left; that says nothing about the server, unless it was left as frozen.
      const cause = signal.aborted ? signal.reason : error;
      const isFailure = !signal.aborted || cause instanceof ReplicaError;
      if (isFailure) {
        this.#failures++;
        this.#breaker.failed(cause);
      }
      record(isFailure ? failureOf(cause) : 'canceled');
      throw cause;
    } finally {
      leave();
    }
  }

  async #bounded<T>(ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { deadlineMs } = this.#options;
    const ms = this.isAway ? Math.min(deadlineMs, AWAY_TIMEOUT_MS) : deadlineMs;
    const deadline = new AbortController();
    const late = (): void =>
      deadline.abort(new ReplicaError('timeout', `${this.url} gave no whole answer in ${ms} ms`));
    const timer = setTimeout(late, ms);
    const both = AbortSignal.any([signal, deadline.signal]);
    try {
      return await orAborted(ask(both), both);
    } catch (error) {
      throw deadline.signal.aborted && !signal.aborted ? deadline.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Who asks. */
export interface Trace {
  readonly signal: AbortSignal;
  readonly onRequest: (record: RequestRecord) => void;
}

/** The promise's result, or a rejection as soon as the signal aborts. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
