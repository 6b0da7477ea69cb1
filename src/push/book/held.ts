/**
 * The records of a tenant in memory: their numbers lie in the cells, and the next commit must keep
 * what has changed of them.
 */

import type { RecordKey, TenantChanges } from '../record.ts';
import { Cells } from './cells.ts';

/** `created` records are not known to the journal yet. */
export type HeldState = 'kept' | 'changed' | 'created' | 'removed';

/** A record. */
export class Held {
  readonly id: number;
  readonly at: number;
  readonly length: number;
  state: HeldState = 'kept';
  /** Undefined without a journal: the closures would take a fifth of the memory of a metric. */
  readonly #keyOf: (() => RecordKey) | undefined;

  constructor(
    id: number,
    place: { readonly at: number; readonly length: number },
    keyOf: (() => RecordKey) | undefined,
  ) {
    this.id = id;
    this.at = place.at;
    this.length = place.length;
    this.#keyOf = keyOf;
  }

  /** For records of a journal only. */
  key(): RecordKey {
    if (!this.#keyOf) throw new Error('the record belongs to no journal');
    return this.#keyOf();
  }
}

/** The records of one tenant. */
export class HeldRecords {
  readonly cells = new Cells();
  /** Whether a journal keeps the records: else nobody asks what has changed. */
  readonly #notes: boolean;
  /** By number; empty without a journal. */
  readonly #held = new Map<number, Held>();
  #nextId = 1;
  #changed: Held[] = [];
  #removed: number[] = [];
  /** The numbers of what was taken for a commit that has not been kept. */
  #taken: number[] = [];
  /** True while the records follow the journal, so that nothing is noted. */
  #follows = false;

  constructor({ notes }: { readonly notes: boolean }) {
    this.#notes = notes;
  }

  get nextId(): number {
    return this.#nextId;
  }

  /** Whether the records are being made what the journal has: see `catchUp`. */
  get follows(): boolean {
    return this.#follows;
  }

  get hasChanges(): boolean {
    return this.#changed.length > 0 || this.#removed.length > 0;
  }

  /** Whether the journal has everything. */
  get isKept(): boolean {
    return !this.hasChanges && this.#taken.length === 0;
  }

  /** @returns undefined if there is no such record, and always without a journal */
  get(id: number): Held | undefined {
    return this.#held.get(id);
  }

  create(length: number, keyOf: () => RecordKey): Held {
    const held = this.#hold(this.#nextId, length, keyOf);
    this.#nextId += 1;
    if (this.#notes) {
      held.state = 'created';
      this.#changed.push(held);
    }
    return held;
  }

  /** Takes over a record that the journal has. */
  restore(id: number, values: Float64Array, keyOf: () => RecordKey): Held {
    const held = this.#hold(id, values.length, keyOf);
    this.cells.values.set(values, held.at);
    return held;
  }

  #hold(id: number, length: number, keyOf: () => RecordKey): Held {
    const place = { at: this.cells.take(length), length };
    const held = new Held(id, place, this.#notes ? keyOf : undefined);
    if (this.#notes) this.#held.set(id, held);
    return held;
  }

  /** To be called with every change of a record's numbers. */
  change(held: Held): void {
    if (!this.#notes || held.state !== 'kept' || this.#follows) return;
    held.state = 'changed';
    this.#changed.push(held);
  }

  remove(held: Held): void {
    if (held.state === 'removed') return;
    if (this.#notes && !this.#follows && held.state !== 'created') this.#removed.push(held.id);
    held.state = 'removed';
    if (this.#held.get(held.id) === held) this.#held.delete(held.id); // the journal may give it anew
    this.cells.give(held.at, held.length);
  }

  /** What the next commit must keep. Later changes belong to the commit after it. */
  takeChanges(): Pick<TenantChanges, 'created' | 'changed' | 'removed'> {
    const created: TenantChanges['created'][number][] = [];
    const changed: TenantChanges['changed'][number][] = [];
    for (const held of this.#changed) {
      const { id, at, length, state } = held;
      if (state === 'removed' || state === 'kept') continue;
      const values = this.cells.values.slice(at, at + length);
      if (state === 'created') created.push({ id, key: JSON.stringify(held.key()), values });
      else changed.push({ id, values });
      held.state = 'kept';
      this.#taken.push(id);
    }
    const removed = this.#removed;
    for (const id of removed) this.#taken.push(id); // too many for the arguments of one call
    this.#changed = [];
    this.#removed = [];
    return { created, changed, removed };
  }

  /** What was taken is kept. */
  committed(): void {
    this.#taken = [];
  }

  /** The numbers of all records that may differ from what the journal has. */
  unsure(): ReadonlySet<number> {
    const changed = this.#changed.map(({ id }) => id);
    return new Set([...this.#taken, ...changed, ...this.#removed]);
  }

  /** Lets `follow` make the records what the journal has: nothing of that is noted. */
  catchUp(nextId: number, follow: () => void): void {
    for (const held of this.#changed) if (held.state !== 'removed') held.state = 'kept';
    this.#changed = [];
    this.#removed = [];
    this.#taken = [];
    this.#follows = true;
    try {
      follow();
    } finally {
      this.#follows = false;
    }
    this.#nextId = nextId;
  }
}
