/** Where packed batches wait: in memory, in a file, or in Redis. */

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
  /** Whether batches end with the process, outlive it, or can be sent by another process. */
  readonly kind: 'memory' | 'file' | 'shared';
  readonly level: StoreLevel;
  /** Of the newest batch of an earlier process: its id, its time, and the number of lanes. */
  readonly last: { readonly id: number; readonly atMs: number; readonly lanes: number };
  /** Called whenever this process begins to write, before all other methods. */
  open(): Promise<void>;
  append(batches: readonly StoredBatch[]): Promise<void>;
  /** The oldest batch of a lane. */
  first(lane: number): Promise<StoredBatch | undefined>;
  remove(id: number): Promise<void>;
  /** Removes the oldest of all but these. @returns its samples; undefined if there are no others */
  dropOldest(except: readonly number[]): Promise<number | undefined>;
  /** @returns the samples that are gone */
  clear(): Promise<number>;
}
