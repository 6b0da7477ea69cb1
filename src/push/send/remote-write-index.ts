/** What a store of batches knows of its batches without their bytes, in the order of their ids. */
import type { StoredBatch, StoreLevel } from './remote-write-store.ts';

/** A batch without its bytes. */
export interface BatchEntry extends Omit<StoredBatch, 'bytes'> {
  readonly sizeBytes: number;
}

/** What a batch costs beside its bytes. */
const OVERHEAD_BYTES = 200;

export class BatchIndex {
  #entries = new Map<number, BatchEntry>();
  #bytes = 0;
  #newest = 0;

  get level(): StoreLevel {
    const [oldest] = this.#entries.values();
    return { batches: this.#entries.size, bytes: this.#bytes, oldestMs: oldest?.atMs ?? 0 };
  }

  /** The entry with the highest id. */
  get last(): BatchEntry | undefined {
    return this.#entries.get(this.#newest);
  }

  add(entry: BatchEntry): void {
    this.remove(entry.id);
    this.#entries.set(entry.id, entry);
    this.#bytes += entry.sizeBytes + OVERHEAD_BYTES;
    if (entry.id >= this.#newest) this.#newest = entry.id;
    else this.#entries = new Map([...this.#entries].toSorted(([a], [b]) => a - b));
  }

  first(lane: number): BatchEntry | undefined {
    for (const entry of this.#entries.values()) if (entry.lane === lane) return entry;
    return undefined;
  }

  /** The oldest entry but these. */
  oldest(except: readonly number[]): BatchEntry | undefined {
    for (const entry of this.#entries.values()) if (!except.includes(entry.id)) return entry;
    return undefined;
  }

  remove(id: number): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#bytes -= entry.sizeBytes + OVERHEAD_BYTES;
  }

  /** @returns the samples that are gone */
  clear(): number {
    let samples = 0;
    for (const entry of this.#entries.values()) samples += entry.samples;
    this.#entries.clear();
    this.#bytes = 0;
    return samples;
  }
}
