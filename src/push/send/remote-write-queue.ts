/**
 * The batches that wait for a receiver, in the order of their time.
 *
 * Series are spread over lanes; the batches of one lane are sent one after the other. While the
 * receiver takes what comes, batches wait as objects, and share their labels with the series that
 * are known anyway. The batches of a round that still wait when the next round begins are packed
 * into a store, which has a bound: the oldest batches make room for new ones.
 */
import { everyTurn } from '../../clock.ts';
import { Bell } from './bell.ts';
import type { Batch } from './remote-write-batch.ts';
import type { BatchStore, StoredBatch } from './remote-write-store.ts';
import { packBatch, unpackBatch } from './remote-write-stored.ts';

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
  /** Another process writes now. */
  leave(rest: Batch): Promise<void>;
}

interface Taken extends FreshBatch {
  readonly old: AbortController;
  /** Whether the store has the batch, too. */
  isStored: boolean;
}

/** What a sample costs while it waits as an object; most share their labels with others. */
const SAMPLE_BYTES = 128;
const TURN_MS = 3;

export class BatchQueue {
  readonly #options: QueueOptions;
  #fresh: FreshBatch[] = [];
  readonly #taken = new Map<number, Taken>();
  readonly #bell = new Bell();
  #lastId = 0;
  #lanes = 1;
  /** Packing, during which nothing is taken, so that the order of batches stays. */
  #packing: Promise<void> | undefined;
  #packs = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** This process begins to write. @returns the time of the newest batch, in ms; 0 for none */
  async begin(): Promise<number> {
    const { store } = this.#options;
    await store.open();
    const { id, atMs, lanes } = store.last;
    this.#lastId = Math.max(this.#lastId, id);
    if (store.level.batches > 0) this.#lanes = lanes;
    return atMs;
  }

  /** Over how many lanes series are spread at present. */
  get lanes(): number {
    return this.#lanes;
  }

  get isEmpty(): boolean {
    return this.#fresh.length + this.#taken.size + this.#options.store.level.batches === 0;
  }

  get bytes(): number {
    return this.#options.store.level.bytes + this.#freshBytes;
  }

  get #freshBytes(): number {
    return this.#fresh.reduce((sum, { batch }) => sum + batch.samples.length * SAMPLE_BYTES, 0);
  }

  /** The time of the oldest batch that waits or is under way, in ms; undefined for none. */
  get oldestMs(): number | undefined {
    const { batches, oldestMs } = this.#options.store.level;
    const times = [...this.#taken.values(), ...this.#fresh.slice(0, 1)].map(
      ({ batch }) => batch.atMs,
    );
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
    this.#bell.ring();
  }

  /** Resolves at the next `push`, `wake` or settled batch, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#bell.rung(signal);
  }

  /** The oldest batch of a lane; the lane must have settled what it took before. */
  async take(lane: number): Promise<TakenBatch | undefined> {
    for (;;) {
      while (this.#packing) await this.#packing;
      const packs = this.#packs;
      if (this.#options.store.level.batches > 0) {
        const { store } = this.#options;
        const stored = await this.#guard(async () => (await store.first(lane)) ?? 'none');
        if (stored && stored !== 'none') return this.#takeStored(stored);
        // Redis will be back, or the lease be lost; a file that cannot be read holds up nothing.
        if (!stored && store.kind === 'shared') return undefined;
      }
      if (packs === this.#packs) return this.#takeFresh(lane);
    }
  }

  #takeFresh(lane: number): TakenBatch | undefined {
    const at = this.#fresh.findIndex((one) => one.lane === lane);
    const [one] = at < 0 ? [] : this.#fresh.splice(at, 1);
    return one && this.#hold({ ...one, isStored: false });
  }

  /** Packs all batches that wait as objects, and drops the oldest of all that are too much. */
  async pack(): Promise<void> {
    while (this.#packing) await this.#packing;
    if (this.#fresh.length === 0 && !this.#mustStoreTaken) return;
    this.#packs += 1;
    const packing = this.#pack().finally(() => {
      this.#packing = undefined;
      this.wake();
    });
    this.#packing = packing;
    await packing;
  }

  /** Drops all that wait, but for what another process can send. */
  async clear(cause: DropCause): Promise<void> {
    while (this.#packing) await this.#packing;
    const { store } = this.#options;
    const fresh = this.#fresh.reduce((sum, { batch }) => sum + batch.samples.length, 0);
    this.#fresh = [];
    const stored = store.kind === 'shared' ? 0 : ((await this.#guard(() => store.clear())) ?? 0);
    if (fresh + stored > 0) this.#options.onDropped(fresh + stored, cause);
  }

  /** Packs what still waits; a store in memory loses all. */
  async end(): Promise<void> {
    await this.pack();
    if (this.#options.store.kind === 'memory') await this.clear('stopped');
    await this.#options.store[Symbol.asyncDispose]();
  }

  get #mustStoreTaken(): boolean {
    const isLasting = this.#options.store.kind !== 'memory';
    return isLasting && [...this.#taken.values()].some((one) => !one.isStored);
  }

  async #pack(): Promise<void> {
    const { store, maxBytes, onDropped } = this.#options;
    if (this.#mustStoreTaken) {
      for (const taken of this.#taken.values()) if (!(await this.#storeTaken(taken))) break;
    }
    const fresh = this.#fresh.toSorted((a, b) => a.id - b.id);
    this.#fresh = [];
    for (const [at, one] of fresh.entries()) {
      if (await this.#store(one)) continue;
      this.#fresh = [...fresh.slice(at), ...this.#fresh]; // until the store is back
      break;
    }
    this.#dropFresh();
    while (store.level.bytes > maxBytes) {
      const dropped = await this.#guard(() => store.dropOldest([...this.#taken.keys()]));
      if (dropped === undefined) break;
      onDropped(dropped, 'queue_full');
      for (const { batch, old } of this.#taken.values()) {
        if (batch.atMs < store.level.oldestMs) old.abort();
      }
    }
  }

  /** Bounds what waits as objects while the store fails. */
  #dropFresh(): void {
    const { maxBytes, onDropped } = this.#options;
    while (this.#fresh.length > 1 && this.#freshBytes > maxBytes) {
      onDropped(this.#fresh.shift()?.batch.samples.length ?? 0, 'queue_error');
    }
  }

  /** Stores a batch that a lane has in its hands, in case that this process ends. */
  async #storeTaken(taken: Taken): Promise<boolean> {
    if (taken.isStored) return true;
    taken.isStored = true; // so that the lane removes the batch at the end
    taken.isStored = await this.#store(taken);
    if (!this.#taken.has(taken.id)) await this.#remove(taken.id);
    return taken.isStored;
  }

  /** @returns whether the store has the batch */
  async #store({ id, lane, batch }: FreshBatch): Promise<boolean> {
    const { atMs, samples } = batch;
    const bytes = await packBatch(batch, everyTurn(TURN_MS));
    const packed = { id, lane, lanes: this.#lanes, atMs, samples: samples.length, bytes };
    const isKept = await this.#guard(async () => {
      await this.#options.store.append([packed]);
      return true;
    });
    return isKept ?? false;
  }

  #remove(id: number): Promise<unknown> {
    return this.#guard(() => this.#options.store.remove(id));
  }

  async #takeStored(stored: StoredBatch): Promise<TakenBatch | undefined> {
    const { id, lane, bytes, samples } = stored;
    try {
      const batch = await unpackBatch(bytes, everyTurn(TURN_MS));
      if (batch.samples.length !== samples) throw new Error('a batch of another size');
      return this.#hold({ id, lane, batch, isStored: true });
    } catch (error) {
      this.#options.onError(error);
      this.#options.onDropped(samples, 'queue_error');
      await this.#remove(id);
      return this.take(lane);
    }
  }

  #hold(one: Omit<Taken, 'old'>): TakenBatch {
    const { id, lane, batch } = one;
    const { store, onDropped } = this.#options;
    const old = new AbortController();
    const taken: Taken = { id, lane, batch, old, isStored: one.isStored };
    this.#taken.set(id, taken);
    const settle = async (isGone: boolean): Promise<void> => {
      if (isGone && taken.isStored) await this.#remove(id);
      this.#taken.delete(id);
      this.wake();
    };
    return {
      batch,
      signal: old.signal,
      done: () => settle(true),
      putBack: async (rest) => {
        if (old.signal.aborted) onDropped(rest.samples.length, 'queue_full');
        const isWhole = rest.samples.length === batch.samples.length;
        if (!old.signal.aborted && !(taken.isStored && isWhole)) {
          this.#fresh.unshift({ id, lane, batch: rest });
        }
        await settle(old.signal.aborted || !isWhole);
      },
      leave: async (rest) => {
        const isLeft = taken.isStored && store.kind === 'shared';
        if (!isLeft) onDropped(rest.samples.length, 'lease_lost');
        await settle(!isLeft);
      },
    };
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
