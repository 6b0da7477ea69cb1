/** Packed batches in memory: these end with the process. */
import type { BatchStore, StoredBatch, StoreLevel } from './remote-write-queue.ts';

/** What a batch costs beside its bytes. */
const OVERHEAD_BYTES = 200;

export class MemoryBatches implements BatchStore {
  readonly isDurable = false;
  readonly last = { id: 0, atMs: 0, lanes: 1 };
  /** By id, rising. */
  readonly #batches = new Map<number, StoredBatch>();
  #bytes = 0;

  get level(): StoreLevel {
    const [oldest] = this.#batches.values();
    return { batches: this.#batches.size, bytes: this.#bytes, oldestMs: oldest?.atMs ?? 0 };
  }

  async append(batches: readonly StoredBatch[]): Promise<void> {
    const newest = [...this.#batches.keys()].at(-1) ?? 0;
    for (const batch of batches) {
      this.#batches.set(batch.id, batch);
      this.#bytes += batch.bytes.length + OVERHEAD_BYTES;
    }
    if (batches.every(({ id }) => id > newest)) return;
    const sorted = [...this.#batches.values()].toSorted((a, b) => a.id - b.id);
    this.#batches.clear();
    for (const batch of sorted) this.#batches.set(batch.id, batch);
  }

  async first(lane: number): Promise<StoredBatch | undefined> {
    for (const batch of this.#batches.values()) if (batch.lane === lane) return batch;
    return undefined;
  }

  async remove(id: number): Promise<void> {
    const batch = this.#batches.get(id);
    if (!batch) return;
    this.#batches.delete(id);
    this.#bytes -= batch.bytes.length + OVERHEAD_BYTES;
  }

  async dropOldest(except: readonly number[]): Promise<number | undefined> {
    for (const { id, samples } of this.#batches.values()) {
      if (except.includes(id)) continue;
      await this.remove(id);
      return samples;
    }
    return undefined;
  }

  async clear(): Promise<number> {
    let samples = 0;
    for (const batch of this.#batches.values()) samples += batch.samples;
    this.#batches.clear();
    this.#bytes = 0;
    return samples;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#batches.clear();
  }
}
