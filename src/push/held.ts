/**
 * A record in memory: its numbers lie in the cells, and its state says what the next commit must
 * keep of it.
 */
import { Cells } from './cells.ts';
import type { RecordKey, TenantChanges } from './record.ts';

/** `created` records are not known to the journal yet. */
export type HeldState = 'kept' | 'changed' | 'created' | 'removed';

export class Held {
  readonly id: number;
  readonly at: number;
  readonly length: number;
  state: HeldState = 'kept';
  readonly keyOf: () => RecordKey;

  constructor(
    id: number,
    place: { readonly at: number; readonly length: number },
    keyOf: () => RecordKey,
  ) {
    this.id = id;
    this.at = place.at;
    this.length = place.length;
    this.keyOf = keyOf;
  }
}

/** The records of one tenant, and what of them has changed since the last commit. */
export class HeldRecords {
  readonly cells = new Cells();
  /** Whether changes are noted: without a journal nobody takes them. */
  readonly #notes: boolean;
  #nextId = 1;
  #changed: Held[] = [];
  #removed: number[] = [];

  constructor({ notes }: { readonly notes: boolean }) {
    this.#notes = notes;
  }

  get nextId(): number {
    return this.#nextId;
  }

  get hasChanges(): boolean {
    return this.#changed.length > 0 || this.#removed.length > 0;
  }

  create(length: number, keyOf: () => RecordKey): Held {
    const held = new Held(this.#nextId, { at: this.cells.take(length), length }, keyOf);
    this.#nextId += 1;
    if (this.#notes) {
      held.state = 'created';
      this.#changed.push(held);
    }
    return held;
  }

  /** Takes over a record that the journal has. */
  restore(id: number, values: Float64Array, keyOf: () => RecordKey): Held {
    const { length } = values;
    const held = new Held(id, { at: this.cells.take(length), length }, keyOf);
    this.cells.values.set(values, held.at);
    this.#nextId = Math.max(this.#nextId, id + 1);
    return held;
  }

  reserve(nextId: number): void {
    this.#nextId = Math.max(this.#nextId, nextId);
  }

  /** To be called with every change of a record's numbers. */
  change(held: Held): void {
    if (!this.#notes || held.state !== 'kept') return;
    held.state = 'changed';
    this.#changed.push(held);
  }

  remove(held: Held): void {
    if (held.state === 'removed') return;
    if (this.#notes && held.state !== 'created') this.#removed.push(held.id);
    held.state = 'removed';
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
      if (state === 'created') created.push({ id, key: JSON.stringify(held.keyOf()), values });
      else changed.push({ id, values });
      held.state = 'kept';
    }
    const removed = this.#removed;
    this.#changed = [];
    this.#removed = [];
    return { created, changed, removed };
  }
}
