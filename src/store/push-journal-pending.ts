/**
 * What the log of the disk's journal has, and the tables do not have yet: of each record the last
 * numbers only. To put the same changes into the tables twice does no harm.
 */
import { type RecordChange, unpackChanges } from './push-journal-changes.ts';
import { PackReader, textOf } from './push-journal-pack.ts';
import { PAGE_RECORDS } from './push-journal-page.ts';

/**
 * What has changed in a page. A view of the numbers of each record would take ten times the memory,
 * and most of the time of a commit for the collection of garbage.
 */
export class PendingPage {
  /** The numbers of the pack that has the last change of each record; undefined: no change. */
  readonly #packs = new Array<Float64Array | undefined>(PAGE_RECORDS).fill(undefined);
  readonly #starts = new Int32Array(PAGE_RECORDS);
  readonly #counts = new Int32Array(PAGE_RECORDS);
  #keys: Map<number, Uint8Array> | undefined;

  note(slot: number, { key, start, count }: RecordChange, numbers: Float64Array): void {
    this.#packs[slot] = numbers;
    this.#starts[slot] = start;
    this.#counts[slot] = count;
    if (!key) return;
    this.#keys ??= new Map();
    this.#keys.set(slot, key);
  }

  *records(): Generator<PendingRecord> {
    for (const [slot, numbers] of this.#packs.entries()) {
      if (!numbers) continue;
      const start = this.#starts[slot]!; // as many as packs, like the counts
      const values = start < 0 ? undefined : numbers.subarray(start, start + this.#counts[slot]!);
      yield { slot, key: this.#keys?.get(slot), values };
    }
  }
}

export interface PendingRecord {
  /** Its place in the page. */
  readonly slot: number;
  /** Undefined for a record whose key is in the tables. */
  readonly key: Uint8Array | undefined;
  /** Undefined for a record that was removed. */
  readonly values: Float64Array | undefined;
}

export interface PendingTenant {
  readonly name: Uint8Array;
  forced: Uint8Array;
  nextId: number;
  /** By number of the page. */
  readonly pages: Map<number, PendingPage>;
}

export class Pending {
  readonly #tenants = new Map<string, PendingTenant>();
  #sizeBytes = 0;

  /** The size of the packs that were added. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get tenants(): Iterable<PendingTenant> {
    return this.#tenants.values();
  }

  /** @param pack - changes in the order of their commits; kept, not copied */
  add(pack: ArrayBuffer, numbers: number): void {
    this.#sizeBytes += pack.byteLength;
    const reader = new PackReader(pack, numbers);
    for (const { tenant, forced, nextId, records } of unpackChanges(reader)) {
      const pending = this.#tenantOf(tenant);
      pending.forced = Buffer.from(forced); // a copy
      pending.nextId = nextId;
      for (const change of records) {
        const page = pageOf(pending, Math.floor(change.id / PAGE_RECORDS));
        page.note(change.id % PAGE_RECORDS, change, reader.numbers);
      }
    }
  }

  #tenantOf(name: Buffer): PendingTenant {
    const text = textOf(name);
    const known = this.#tenants.get(text);
    if (known) return known;
    const bytes = Buffer.from(name); // a copy
    const tenant = { name: bytes, forced: bytes, nextId: 1, pages: new Map() };
    this.#tenants.set(text, tenant);
    return tenant;
  }
}

function pageOf({ pages }: PendingTenant, at: number): PendingPage {
  const known = pages.get(at);
  if (known) return known;
  const page = new PendingPage();
  pages.set(at, page);
  return page;
}
