/**
 * Sends one event per request, without ever making a request wait.
 *
 * `record` only puts an event into a ring. A loop takes batches from the ring: one is under way at a
 * time, and leaves the ring when it has been sent. After a failure the loop pauses, longer with each
 * further failure in a row, and sends the batch again: an event may arrive twice, when the failure
 * was in its acknowledgement.
 */
import { type Clock, systemClock } from '../clock.ts';
import { EventRing } from './event-ring.ts';
import type { RecordRequest, RequestEvent } from './request-event.ts';
import { type SendError, type SendFailure, sendError } from './send-error.ts';

/**
 * Why an event is not sent. `overflow`: the ring was full. `refused`: the brokers do not take the
 * event. `crashed`: the client failed at the event's batch. `stopped`: promgate ended before.
 */
export type DropCause = 'overflow' | 'refused' | 'crashed' | 'stopped';

export const DROP_CAUSES: readonly DropCause[] = ['overflow', 'refused', 'crashed', 'stopped'];

/** The client of Kafka. */
export interface Transport extends AsyncDisposable {
  /** Connects, or checks the connection. @throws {SendError} */
  check(): Promise<void>;
  /** Resolves when the brokers have acknowledged all events. @throws {SendError} */
  send(events: readonly RequestEvent[]): Promise<void>;
}

export interface EventSenderOptions {
  readonly transport: Transport;
  readonly onSent: (count: number) => void;
  readonly onDropped: (cause: DropCause, count: number) => void;
  /** Kafka answers, for the first time or after a failure. */
  readonly onReady: () => void;
  /** Sending, or a check of the connection, failed. */
  readonly onFailure: (error: SendError) => void;
  /** Aborts when promgate stops: the time for what waits begins then, whatever else takes time. */
  readonly stopping?: AbortSignal;
  readonly clock?: Clock;
}

const RING = { maxEvents: 10_000, maxBytes: 4 * 1024 * 1024 };
const MAX_BATCH = 500;
/** Below the 1 MiB that brokers accept by default, also if all events go to one partition. */
const MAX_BATCH_BYTES = 512 * 1024;
const GATHER_MS = 50;
/** Pause between two checks of the connection while there are no events. */
const CHECK_EVERY_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** The brokers work, but refuse an event: promgate looks for it in ever smaller batches. */
const REFUSED_PAUSE_MS = 20;
/** After so many refusals in a row the brokers refuse everything: promgate pauses as after failures. */
const MAX_REFUSALS = 30;
const FLUSH_MS = 2_000;
/** The time for what waits if all else took its time: promgate has to exit. */
const LEAST_FLUSH_MS = 500;

/** A batch that fails in one of these ways is not sent again. */
const FINAL: Partial<Readonly<Record<SendFailure, DropCause>>> = {
  refused: 'refused',
  crashed: 'crashed',
};

export class EventSender implements AsyncDisposable {
  readonly #options: EventSenderOptions;
  readonly #clock: Clock;
  readonly #ring = new EventRing(RING);
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #state: 'ready' | 'away' = 'away';
  /** Halved when the brokers refuse a batch, to find the event that they refuse. */
  #maxBatch = MAX_BATCH;
  #wake: () => void = () => undefined;
  #stoppingSinceMs: number | undefined;
  /** Whether the ring was emptied for good. */
  #closed = false;

  constructor(options: EventSenderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    options.stopping?.addEventListener('abort', () => {
      this.#stoppingSinceMs = this.#clock.nowMs();
    });
    this.#running = this.#run();
  }

  get state(): 'ready' | 'away' {
    return this.#state;
  }

  /** The events that wait, those of the batch under way included. */
  get queued(): { readonly events: number; readonly bytes: number } {
    return { events: this.#ring.length, bytes: this.#ring.bytes };
  }

  /** Takes an event. */
  readonly record: RecordRequest = (event) => {
    if (this.#closed) this.#options.onDropped('stopped', 1);
    else if (!this.#ring.push(event)) this.#options.onDropped('overflow', 1);
    else if (this.#ring.length === 1 || this.#isFull()) this.#wake();
  };

  /** Sends what waits, for at most 2 s from the moment when promgate began to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const ended = new AbortController();
    const flushing = this.#flush(ended.signal);
    await Promise.race([flushing, this.#clock.sleep(this.#flushMs(), ended.signal)]);
    ended.abort();
    this.#closed = true;
    await this.#options.transport[Symbol.asyncDispose](); // fails what is under way
    await flushing;
    const left = this.#ring.length;
    this.#ring.remove(left);
    if (left > 0) this.#options.onDropped('stopped', left);
  }

  async #run(): Promise<void> {
    let failures = 0;
    let refusals = 0;
    while (!this.#stop.signal.aborted) {
      const failure = await this.#turn();
      refusals = failure === undefined ? 0 : refusals + (failure === 'refused' ? 1 : 0);
      const isSearching = failure === 'refused' && refusals <= MAX_REFUSALS;
      failures = failure === undefined || isSearching ? 0 : failures + 1;
      if (failure === undefined) continue;
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), MAX_PAUSE_MS);
      await this.#clock.sleep(failures === 0 ? REFUSED_PAUSE_MS : pauseMs, this.#stop.signal);
    }
  }

  /** Sends a batch, or checks the connection if there is none. @returns why that failed */
  async #turn(): Promise<SendFailure | undefined> {
    if (this.#state === 'away') {
      const failure = await this.#check();
      if (failure !== undefined) return failure;
    }
    await this.#waitUntil(() => this.#ring.length > 0, CHECK_EVERY_MS);
    if (this.#ring.length === 0) return this.#stop.signal.aborted ? undefined : this.#check();
    await this.#waitUntil(() => this.#isFull(), GATHER_MS);
    return this.#sendFirst();
  }

  #check(): Promise<SendFailure | undefined> {
    return this.#try(() => this.#options.transport.check());
  }

  async #sendFirst(): Promise<SendFailure | undefined> {
    const { transport, onSent } = this.#options;
    const batch = this.#ring.first({ maxEvents: this.#maxBatch, maxBytes: MAX_BATCH_BYTES });
    const failure = await this.#try(() => transport.send(batch));
    if (failure !== undefined) {
      this.#dropRefused(failure, batch.length);
      return failure;
    }
    this.#ring.remove(batch.length);
    this.#maxBatch = Math.min(this.#maxBatch * 2, MAX_BATCH);
    onSent(batch.length);
    return undefined;
  }

  async #try(task: () => Promise<void>): Promise<SendFailure | undefined> {
    const { onReady, onFailure } = this.#options;
    try {
      await task();
    } catch (cause) {
      const error = sendError(cause);
      if (error.failure !== 'refused') this.#state = 'away'; // else the brokers are there
      if (this.#closed) return 'timeout'; // promgate has ended the task itself
      onFailure(error);
      return error.failure;
    }
    if (this.#state === 'away') onReady();
    this.#state = 'ready';
    return undefined;
  }

  /** @param count - of the oldest events, whose batch failed */
  #dropRefused(failure: SendFailure, count: number): void {
    const cause = FINAL[failure];
    if (cause === undefined) return;
    if (cause === 'refused' && count > 1) {
      this.#maxBatch = Math.ceil(count / 2);
      return;
    }
    this.#ring.remove(count);
    this.#options.onDropped(cause, count);
  }

  /** Whether the ring holds a whole batch. */
  #isFull(): boolean {
    return this.#ring.length >= MAX_BATCH || this.#ring.bytes >= MAX_BATCH_BYTES;
  }

  /** Waits for what `record` can make true, for at most `ms`. */
  async #waitUntil(holds: () => boolean, ms: number): Promise<void> {
    if (holds() || this.#stop.signal.aborted) return;
    const woken = Promise.withResolvers<void>();
    const ended = new AbortController();
    this.#wake = woken.resolve;
    const signal = AbortSignal.any([ended.signal, this.#stop.signal]);
    await Promise.race([woken.promise, this.#clock.sleep(ms, signal)]);
    ended.abort();
  }

  #flushMs(): number {
    const nowMs = this.#clock.nowMs();
    return Math.max(FLUSH_MS - (nowMs - (this.#stoppingSinceMs ?? nowMs)), LEAST_FLUSH_MS);
  }

  async #flush(signal: AbortSignal): Promise<void> {
    await this.#running;
    while (!signal.aborted && this.#ring.length > 0) {
      const failure = await this.#sendFirst();
      if (failure !== undefined && failure !== 'refused') return;
    }
  }
}
