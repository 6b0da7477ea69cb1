/**
 * Remote write: sends the series of a source to a receiver, round after round.
 *
 * A round gives all of its samples one time, which rises from round to round. Series are spread over
 * lanes; each lane has one request under way, so that the samples of a series arrive in order. A
 * round never waits for the receiver: what the receiver does not take waits in a queue.
 */
import { type Clock, every, everyTurn, systemClock } from '../../clock.ts';
import type { Relabel } from './relabel.ts';
import type { Batch, BatchSample } from './remote-write-batch.ts';
import { encodeMetadata, type ProtocolVersion } from './remote-write-protobuf.ts';
import { BatchQueue, type DropCause, type TakenBatch } from './remote-write-queue.ts';
import { RoundBatches } from './remote-write-round.ts';
import { type Post, PostError, Sender, type SendObservers } from './remote-write-send.ts';
import { SeriesTracker, type SkipCause } from './remote-write-series.ts';
import type { BatchStore } from './remote-write-store.ts';
import type { Lease, SeriesFamily, SeriesSource } from './series.ts';

export interface RemoteWriteObservers extends SendObservers {
  /** A series is left out of a round. */
  readonly onSkipped: (cause: SkipCause) => void;
  /** Samples will not be sent. */
  readonly onDropped: (samples: number, cause: DropCause) => void;
  /** A round or the queue has failed; both go on. */
  readonly onError: (error: unknown) => void;
}

export interface RemoteWriteOptions {
  readonly source: SeriesSource;
  readonly post: Post;
  readonly userAgent: string;
  /** The protocol to begin with. */
  readonly version: ProtocolVersion;
  /** From round to round. */
  readonly intervalMs: number;
  /** An unchanged series is sent again when its last sample is so old; 0: in each round. */
  readonly resendMs: number;
  /** Bound on the samples of one request. */
  readonly maxSamples: number;
  /** Bound on the requests under way. */
  readonly maxLanes: number;
  readonly relabel: Relabel;
  /** Disposed of at the end. */
  readonly store: BatchStore;
  /** Bound on what waits in the store. */
  readonly maxQueueBytes: number;
  /** Without it this process is always the one that writes. */
  readonly lease?: Lease | undefined;
  /** Aborts when promgate has to end soon. */
  readonly stopping?: AbortSignal | undefined;
  readonly observers: RemoteWriteObservers;
  readonly clock?: Clock | undefined;
  /** The wall clock in ms. */
  readonly wallMs?: (() => number) | undefined;
  /** A number from 0 up to 1, for the jitter of pauses. */
  readonly random?: (() => number) | undefined;
}

const TURN_MS = 3;
/** A store may have batches of a process that used so many lanes. */
const MAX_LANES = 16;
/** Protocol 1.0 describes families so often. */
const METADATA_EVERY_MS = 60_000;
/** How many families one request describes. */
const METADATA_FAMILIES = 1000;
/** How long the last samples may take when promgate ends. */
const FLUSH_MS = 3000;
/** The same where open answers have taken most of the time that promgate has to end. */
const LEAST_FLUSH_MS = 500;
/** How long a store may take after that. */
const LAST_MS = 300;

export class RemoteWrite implements AsyncDisposable {
  readonly #options: RemoteWriteOptions;
  readonly #clock: Clock;
  readonly #queue: BatchQueue;
  readonly #sender: Sender;
  readonly #tracker: SeriesTracker;
  /** Ends the rounds. */
  readonly #ending = new AbortController();
  /** Ends the lanes, with the requests under way. */
  readonly #cut = new AbortController();
  readonly #running: Promise<void>[] = [];
  #rounds: Promise<void> = Promise.resolve();
  #round = 0;
  #lastMs = 0;
  #wasHeld = false;
  #metadata: Promise<void> | undefined;
  #describedMs = Number.NEGATIVE_INFINITY;

  constructor(options: RemoteWriteOptions) {
    const { store, maxQueueBytes: maxBytes, observers, relabel, resendMs } = options;
    const { clock = systemClock, wallMs = Date.now, random = Math.random } = options;
    this.#options = options;
    this.#clock = clock;
    const { onDropped, onError, onSkipped } = observers;
    this.#queue = new BatchQueue({ store, maxBytes, onDropped, onError });
    this.#tracker = new SeriesTracker({ relabel, resendMs, onSkipped });
    const mayWrite = (): boolean => this.#isHeld;
    this.#sender = new Sender({ ...options, ...observers, clock, wallMs, random, mayWrite });
  }

  /** Bytes that wait for the receiver. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** How old the oldest sample is that waits or is under way, in ms; 0 for none. */
  get behindMs(): number {
    const oldestMs = this.#queue.oldestMs;
    return oldestMs === undefined ? 0 : Math.max(0, this.#wallMs() - oldestMs);
  }

  /** The protocol in use. */
  get version(): ProtocolVersion {
    return this.#sender.version;
  }

  /** Whether this process writes, and not another replica. */
  get isWriting(): boolean {
    return this.#isHeld;
  }

  /** How many series the source has. */
  get series(): number {
    return this.#tracker.size;
  }

  /** Starts the rounds; the first one begins at once. */
  start(): void {
    const { intervalMs, maxLanes, observers } = this.#options;
    this.#rounds = every(
      (runMs) => Math.max(0, intervalMs - runMs),
      () => this.#runRound(),
      { signal: this.#ending.signal, onError: observers.onError, clock: this.#clock },
    );
    for (let lane = 0; lane < Math.max(maxLanes, MAX_LANES); lane++)
      this.#running.push(this.#runLane(lane));
  }

  /**
   * Sends what there is for at most 3 s; what is left then waits in the store, if that lasts. A store
   * that does not answer is given up soon after.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { store, stopping } = this.#options;
    this.#ending.abort();
    const flush = new AbortController();
    const flushMs = stopping?.aborted ? LEAST_FLUSH_MS : FLUSH_MS;
    const late = this.#clock.sleep(flushMs, flush.signal).then(() => this.#cut.abort());
    const flushed = this.#flush().finally(() => flush.abort());
    const givenUp = late.then(() => this.#clock.sleep(LAST_MS, flush.signal));
    await Promise.race([flushed, givenUp]);
    if (store.kind === 'shared' && !flush.signal.aborted) await store[Symbol.asyncDispose]();
    await flushed;
  }

  async #flush(): Promise<void> {
    const { observers } = this.#options;
    await this.#rounds;
    if (!this.#cut.signal.aborted) await this.#runRound().catch(observers.onError);
    while (this.#isHeld && !this.#queue.isEmpty && !this.#cut.signal.aborted) {
      await this.#queue.changed(this.#cut.signal);
    }
    this.#cut.abort(); // lanes that are idle
    await Promise.all([...this.#running, this.#metadata]);
    await this.#queue.end();
  }

  get #isHeld(): boolean {
    return this.#options.lease?.isHeld() ?? true;
  }

  #wallMs(): number {
    return (this.#options.wallMs ?? Date.now)();
  }

  async #runRound(): Promise<void> {
    const wasHeld = this.#wasHeld;
    if (!this.#isHeld) {
      this.#wasHeld = false;
      this.#tracker.clear();
      if (wasHeld) await this.#queue.clear('lease_lost');
      return;
    }
    if (!wasHeld) this.#lastMs = Math.max(this.#lastMs, await this.#queue.begin());
    this.#wasHeld = true;
    const hasBacklog = !this.#queue.isEmpty;
    await this.#queue.pack();
    const beganMs = Date.now();
    this.#round += 1;
    const atMs = Math.max(this.#wallMs(), this.#lastMs + 1);
    this.#lastMs = atMs;
    const families = await this.#collect(atMs);
    if (!hasBacklog) this.#options.source.seen?.(beganMs);
    this.#queue.wake(); // batches of an earlier process may wait for the lease
    this.#describe(families);
  }

  /** Puts the samples of a round into the queue. @returns the families of the series */
  async #collect(atMs: number): Promise<ReadonlyMap<string, SeriesFamily>> {
    const { source, maxSamples, maxLanes } = this.#options;
    const pace = everyTurn(TURN_MS);
    const families = new Map<string, SeriesFamily>();
    this.#queue.spread(lanesFor(this.#tracker.size, maxSamples, maxLanes));
    const batches = new RoundBatches(atMs, maxSamples, this.#queue);
    try {
      for (const series of source.read()) {
        const due = this.#tracker.note(series, this.#round, atMs);
        if (due) batches.add(due, due.value);
        if (!families.has(series.family.name)) families.set(series.family.name, series.family);
        await pace();
      }
      for (const gone of this.#tracker.sweep(this.#round, atMs)) {
        if (gone) batches.add(gone, undefined);
        await pace();
      }
    } finally {
      batches.flush(); // what is noted as sent is sent, even if the source fails
    }
    return families;
  }

  /** Describes the families in the way of protocol 1.0, beside the lanes: no sample waits. */
  #describe(families: ReadonlyMap<string, SeriesFamily>): void {
    const nowMs = this.#clock.nowMs();
    if (this.version !== 1 || this.#metadata || this.#cut.signal.aborted) return;
    if (families.size === 0 || nowMs - this.#describedMs < METADATA_EVERY_MS) return;
    this.#describedMs = nowMs;
    this.#metadata = this.#sendMetadata([...families.values()]).finally(() => {
      this.#metadata = undefined;
    });
  }

  async #sendMetadata(families: readonly SeriesFamily[]): Promise<void> {
    try {
      for (let at = 0; at < families.length; at += METADATA_FAMILIES) {
        const message = encodeMetadata(families.slice(at, at + METADATA_FAMILIES));
        await this.#sender.sendMetadata(message, this.#cut.signal);
      }
    } catch (error) {
      // The next try is in a minute; what is wrong with the receiver shows at the samples.
      if (!(error instanceof PostError)) this.#options.observers.onError(error);
    }
  }

  async #runLane(lane: number): Promise<void> {
    const { signal } = this.#cut;
    while (!signal.aborted) {
      try {
        if (await this.#sendNext(lane)) continue;
      } catch (error) {
        this.#options.observers.onError(error);
      }
      await this.#queue.changed(signal);
    }
  }

  /** @returns whether there was something to send */
  async #sendNext(lane: number): Promise<boolean> {
    if (!this.#isHeld) return false;
    const changed = this.#queue.changed(this.#cut.signal);
    const taken = await this.#queue.take(lane);
    if (!taken) {
      await changed;
      return true;
    }
    const rest = await this.#send(taken);
    const isCut = this.#cut.signal.aborted || taken.signal.aborted;
    if (rest === undefined) await taken.done();
    else if (isCut && this.#isHeld) await taken.putBack(rest);
    else await taken.leave(rest);
    return true;
  }

  async #send(taken: TakenBatch): Promise<Batch | undefined> {
    const putAside = (sample: BatchSample): void => this.#tracker.putAside(sample, this.#wallMs());
    try {
      const signal = AbortSignal.any([this.#cut.signal, taken.signal]);
      return await this.#sender.send(taken.batch, signal, putAside);
    } catch (error) {
      this.#options.observers.onDropped(taken.batch.samples.length, 'queue_error');
      await taken.done();
      throw error;
    }
  }
}

/** Few series need no more than one request at a time, and so few requests. */
function lanesFor(series: number, maxSamples: number, maxLanes: number): number {
  return Math.max(1, Math.min(Math.ceil(series / maxSamples), maxLanes));
}
