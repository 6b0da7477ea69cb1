/**
 * The batches that wait for a receiver, in the order of their time.
 *
 * Series are spread over lanes; the batches of one lane are sent one after the other. While the
 * receiver takes what comes, batches wait as objects, and share their labels with the series that
 * are known anyway. The batches of a round that still wait when the next round begins are packed
 * into a store, which has a bound: the oldest batches make room for new ones.
 */
import { everyTurn } from '../clock.ts';
import type { Batch } from './remote-write-batch.ts';
import { packBatch, unpackBatch } from './remote-write-stored.ts';

export interface StoredBatch {
  /** Rises with the time at which a batch was made. */
  readonly id: number;
  readonly lane: number;
  /** How many lanes there were: a series is in another lane for another number. */
  readonly lanes: number;
  readonly atMs: number;
  readonly samples: number;
  readonly bytes: Buffer;
}

/** What a store has, known without asking it. */
export interface StoreLevel {
  readonly batches: number;
  readonly bytes: number;
  /** 0 for an empty store. */
  readonly oldestMs: number;
}

/** Keeps packed batches. One contract suite tests all stores. */
export interface BatchStore extends AsyncDisposable {
  /** Whether batches outlive the process. */
  readonly isDurable: boolean;
  readonly level: StoreLevel;
  /** Of the batches of an earlier process: the last id and time, and the number of lanes. */
  readonly last: { readonly id: number; readonly atMs: number; readonly lanes: number };
  append(batches: readonly StoredBatch[]): Promise<void>;
  /** The oldest batch of a lane. */
  first(lane: number): Promise<StoredBatch | undefined>;
  remove(id: number): Promise<void>;
  /** Removes the oldest of all but these. @returns its samples; undefined if there are no others */
  dropOldest(except: readonly number[]): Promise<number | undefined>;
  /** @returns the samples that are gone */
  clear(): Promise<number>;
}

/** Why samples leave the queue without being sent. */
export const DROP_CAUSES = ['queue_full', 'queue_error', 'lease_lost', 'stopped'] as const;

export type DropCause = (typeof DROP_CAUSES)[number];

export interface QueueOptions {
  readonly store: BatchStore;
  /** Bound on the bytes of the store. */
  readonly maxBytes: number;
  readonly onDropped: (samples: number, cause: DropCause) => void;
  /** The store has failed. */
  readonly onError: (error: unknown) => void;
}

interface FreshBatch {
  readonly id: number;
  readonly lane: number;
  readonly batch: Batch;
}

/** A batch in the hands of a lane. It counts as waiting until one of the functions is called. */
export interface TakenBatch {
  readonly batch: Batch;
  /** Aborts when newer batches had to go: this one is then dropped by `done` or `putBack`. */
  readonly signal: AbortSignal;
  /** The batch is settled. */
  done(): Promise<void>;
  /** The batch, or this part of it, is not. */
  putBack(rest: Batch): Promise<void>;
}

/** What a sample without labels costs at most while it waits as an object. */
const SAMPLE_BYTES = 48;
const TURN_MS = 3;

export class BatchQueue {
  readonly #options: QueueOptions;
  #fresh: FreshBatch[] = [];
  readonly #taken = new Map<number, { readonly atMs: number; readonly old: AbortController }>();
  readonly #waiting = new Set<() => void>();
  #lastId: number;
  #lanes: number;
  /** Packing, during which nothing is taken, so that the order of batches stays. */
  #packing: Promise<void> | undefined;
  #packs = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#lastId = options.store.last.id;
    this.#lanes = options.store.last.lanes;
  }

  /** Over how many lanes series are spread at present. */
  get lanes(): number {
    return this.#lanes;
  }

  get isEmpty(): boolean {
    return this.#fresh.length + this.#taken.size + this.#options.store.level.batches === 0;
  }

  get bytes(): number {
    const samples = this.#fresh.reduce((sum, { batch }) => sum + batch.samples.length, 0);
    return this.#options.store.level.bytes + samples * SAMPLE_BYTES;
  }

  /** The time of the oldest batch that waits or is under way, in ms; undefined for none. */
  get oldestMs(): number | undefined {
    const { batches, oldestMs } = this.#options.store.level;
    const times = [
      ...this.#taken.values(),
      ...this.#fresh.slice(0, 1).map(({ batch }) => batch),
    ].map(({ atMs }) => atMs);
    if (batches > 0) times.push(oldestMs);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Changes the number of lanes, while nothing waits: each series keeps its place in the order. */
  spread(lanes: number): void {
    if (this.isEmpty) this.#lanes = lanes;
  }

  push(lane: number, batch: Batch): void {
    this.#lastId += 1;
    this.#fresh.push({ id: this.#lastId, lane, batch });
    this.wake();
  }

  wake(): void {
    for (const call of this.#waiting) call();
    this.#waiting.clear();
  }

  /** Resolves at the next `push`, `wake` or settled batch, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#waiting.add(done);
    });
  }

  /** The oldest batch of a lane; the lane must have settled what it took before. */
  async take(lane: number): Promise<TakenBatch | undefined> {
    for (;;) {
      while (this.#packing) await this.#packing;
      const packs = this.#packs;
      if (this.#options.store.level.batches > 0) {
        const stored = await this.#guard(() => this.#options.store.first(lane));
        if (stored) return this.#takeStored(stored);
      }
      if (packs === this.#packs) return this.#takeFresh(lane);
    }
  }

  #takeFresh(lane: number): TakenBatch | undefined {
    const at = this.#fresh.findIndex((one) => one.lane === lane);
    if (at < 0) return undefined;
    const [one] = this.#fresh.splice(at, 1);
    const { id, batch } = one!; // `at` is an index
    const signal = this.#hold(id, batch.atMs);
    return {
      batch,
      signal,
      done: async () => this.#settled(id),
      putBack: async (rest) => {
        if (signal.aborted) this.#options.onDropped(rest.samples.length, 'queue_full');
        else this.#fresh.unshift({ id, lane, batch: rest });
        this.#settled(id);
      },
    };
  }

  /** Packs all batches that wait as objects, and drops the oldest of all that are too much. */
  async pack(): Promise<void> {
    while (this.#packing) await this.#packing;
    if (this.#fresh.length === 0) return;
    this.#packs += 1;
    const packing = this.#pack().finally(() => {
      this.#packing = undefined;
      this.wake();
    });
    this.#packing = packing;
    await packing;
  }

  /** Drops all that wait. */
  async clear(cause: DropCause): Promise<void> {
    while (this.#packing) await this.#packing;
    const fresh = this.#fresh.reduce((sum, { batch }) => sum + batch.samples.length, 0);
    this.#fresh = [];
    const stored = (await this.#guard(() => this.#options.store.clear())) ?? 0;
    if (fresh + stored > 0) this.#options.onDropped(fresh + stored, cause);
  }

  /** Packs what still waits; a store in memory loses all. */
  async end(): Promise<void> {
    await this.pack();
    if (!this.#options.store.isDurable) await this.clear('stopped');
    await this.#options.store[Symbol.asyncDispose]();
  }

  async #pack(): Promise<void> {
    const { store, maxBytes, onDropped } = this.#options;
    const pace = everyTurn(TURN_MS);
    const fresh = this.#fresh.toSorted((a, b) => a.id - b.id);
    this.#fresh = [];
    for (const { id, lane, batch } of fresh) {
      const { atMs, samples } = batch;
      const bytes = await packBatch(batch, pace);
      const packed = { id, lane, lanes: this.#lanes, atMs, samples: samples.length, bytes };
      const isKept = await this.#guard(async () => {
        await store.append([packed]);
        return true;
      });
      if (!isKept) onDropped(samples.length, 'queue_error');
    }
    while (store.level.bytes > maxBytes) {
      const dropped = await this.#guard(() => store.dropOldest([...this.#taken.keys()]));
      if (dropped === undefined) break;
      onDropped(dropped, 'queue_full');
      for (const { atMs, old } of this.#taken.values()) {
        if (atMs < store.level.oldestMs) old.abort();
      }
    }
  }

  #hold(id: number, atMs: number): AbortSignal {
    const old = new AbortController();
    this.#taken.set(id, { atMs, old });
    return old.signal;
  }

  async #takeStored(stored: StoredBatch): Promise<TakenBatch | undefined> {
    const { id, lane, lanes, atMs, bytes, samples } = stored;
    const remove = (): Promise<unknown> => this.#guard(() => this.#options.store.remove(id));
    let batch: Batch;
    try {
      batch = await unpackBatch(bytes, everyTurn(TURN_MS));
    } catch (error) {
      this.#options.onError(error);
      this.#options.onDropped(samples, 'queue_error');
      await remove();
      return this.take(lane);
    }
    const signal = this.#hold(id, atMs);
    return {
      batch,
      signal,
      done: async () => {
        await remove();
        this.#settled(id);
      },
      putBack: async (rest) => {
        if (signal.aborted || rest.samples.length < samples) await remove();
        if (signal.aborted) this.#options.onDropped(rest.samples.length, 'queue_full');
        else if (rest.samples.length < samples) {
          const left = { id, lane, lanes, atMs, samples: rest.samples.length };
          const packed = { ...left, bytes: await packBatch(rest, everyTurn(TURN_MS)) };
          await this.#guard(() => this.#options.store.append([packed]));
        }
        this.#settled(id);
      },
    };
  }

  #settled(id: number): void {
    this.#taken.delete(id);
    this.wake();
  }

  async #guard<T>(task: () => Promise<T>): Promise<T | undefined> {
    try {
      return await task();
    } catch (error) {
      this.#options.onError(error);
      return undefined;
    }
  }
}
