/** Packed batches in memory: these end with the process. */
import { BatchIndex } from './remote-write-index.ts';
import type { BatchStore, StoredBatch, StoreLevel } from './remote-write-store.ts';

export class MemoryBatches implements BatchStore {
  readonly kind = 'memory';
  readonly last = { id: 0, atMs: 0, lanes: 1 };
  readonly #index = new BatchIndex();
  readonly #bytes = new Map<number, Buffer>();

  get level(): StoreLevel {
    return this.#index.level;
  }

  async open(): Promise<void> {}

  async append(batches: readonly StoredBatch[]): Promise<void> {
    for (const { bytes, ...entry } of batches) {
      this.#index.add({ ...entry, sizeBytes: bytes.length });
      this.#bytes.set(entry.id, bytes);
    }
  }

  async first(lane: number): Promise<StoredBatch | undefined> {
    const entry = this.#index.first(lane);
    if (!entry) return undefined;
    const { sizeBytes: _, ...rest } = entry;
    return { ...rest, bytes: this.#bytes.get(entry.id)! }; // all of the index have bytes
  }

  async remove(id: number): Promise<void> {
    this.#index.remove(id);
    this.#bytes.delete(id);
  }

  async dropOldest(except: readonly number[]): Promise<number | undefined> {
    const oldest = this.#index.oldest(except);
    if (oldest) await this.remove(oldest.id);
    return oldest?.samples;
  }

  async clear(): Promise<number> {
    this.#bytes.clear();
    return this.#index.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
  }
}
