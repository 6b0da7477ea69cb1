/**
 * Stored records on their way from the thread of the disk's journal to the main thread: chunks of
 * bounded size, so that neither a chunk's memory nor the time to read it grows with what is stored.
 */
import type { Label } from '../push/labels.ts';
import type { StoredRecord, StoredTenant } from '../push/record.ts';
import { PackReader, PackWriter, textOf } from './push-journal-pack.ts';

/** A chunk is full with more bytes than this. The main thread reads one in about 1 ms. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Items in a pack. Each begins with its kind: a tenant with name, forced labels and next id; a record
 * of the tenant before it with id, key, count of numbers, and the numbers.
 */
export interface Chunk {
  readonly pack: ArrayBuffer;
  /** How many numbers the pack begins with. */
  readonly numbers: number;
  readonly isLast: boolean;
}

const ItemKind = { tenant: 0, record: 1 } as const;

/** A tenant as the tables have it. */
export interface TenantRow {
  readonly number: number;
  readonly name: Uint8Array;
  readonly forced: Uint8Array;
  readonly next_id: number;
}

export interface RecordRow {
  readonly id: number;
  readonly key: Uint8Array;
}

/** Gathers what becomes a chunk. */
export class ChunkWriter {
  readonly #write: ((writer: PackWriter) => void)[] = [];
  #numbers = 0;
  #bytes = 0;

  get isFull(): boolean {
    return this.#numbers * 8 + this.#bytes > CHUNK_BYTES;
  }

  tenant({ name, forced, next_id }: Omit<TenantRow, 'number'>): void {
    this.#numbers += 4;
    this.#bytes += name.length + forced.length;
    this.#write.push((writer) => {
      writer.number(ItemKind.tenant);
      writer.bytes(name);
      writer.bytes(forced);
      writer.number(next_id);
    });
  }

  /** @param values - must stay as they are until `end` */
  record({ id, key }: RecordRow, values: Float64Array): void {
    this.#numbers += 4 + values.length;
    this.#bytes += key.length;
    this.#write.push((writer) => {
      writer.number(ItemKind.record);
      writer.number(id);
      writer.bytes(key);
      writer.number(values.length);
      writer.values(values);
    });
  }

  end({ isLast }: Pick<Chunk, 'isLast'>): Chunk {
    const writer = new PackWriter(this.#numbers, this.#bytes);
    for (const write of this.#write) write(writer);
    return { pack: writer.pack, numbers: this.#numbers, isLast };
  }
}

/** A tenant whose records are still being read. */
export interface TenantSoFar extends StoredTenant {
  readonly records: StoredRecord[];
}

/**
 * Adds what a chunk has to the tenants of the chunks before.
 *
 * @throws {SyntaxError} if the labels of a tenant are not what was written
 */
export function readChunk({ pack, numbers }: Chunk, tenants: TenantSoFar[]): void {
  const reader = new PackReader(pack, numbers);
  // One array for all records: an array of its own for each takes twice the memory.
  const all = reader.numbers.slice();
  let records = tenants.at(-1)?.records ?? [];
  while (!reader.isAtEnd) {
    if (reader.number() === ItemKind.tenant) {
      records = [];
      const [tenant, forced] = [textOf(reader.bytes()), JSON.parse(textOf(reader.bytes()))];
      tenants.push({ tenant, forced: forced as Label[], records, nextId: reader.number() });
    } else {
      const [id, key] = [reader.number(), textOf(reader.bytes())];
      const count = reader.number();
      const start = reader.skip(count);
      records.push({ id, key, values: all.subarray(start, start + count) });
    }
  }
}
