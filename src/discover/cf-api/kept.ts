/**
 * The records of one list, from sweep to sweep.
 *
 * A page may shift while a list is read, or the API may leave something out: what one sweep misses
 * stays until the next whole sweep misses it as well, or the API says that it is gone.
 */

/** How many whole sweeps in a row may miss a record before it is dropped. */
const MISSES = 2;

interface Entry<R> {
  readonly record: R;
  readonly sweep: number;
  readonly misses: number;
}

export class Kept<R extends { readonly guid: string }> {
  readonly #entries = new Map<string, Entry<R>>();
  #sweep = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(guid: string): R | undefined {
    return this.#entries.get(guid)?.record;
  }

  *all(): Generator<R> {
    for (const { record } of this.#entries.values()) yield record;
  }

  /** A whole list begins. */
  begin(): void {
    this.#sweep += 1;
  }

  /** @returns the record that was known before */
  put(record: R): R | undefined {
    const before = this.#entries.get(record.guid)?.record;
    this.#entries.set(record.guid, { record, sweep: this.#sweep, misses: 0 });
    return before;
  }

  /** The guids that were not put since `begin`. */
  missing(): string[] {
    const guids: string[] = [];
    for (const [guid, { sweep }] of this.#entries) if (sweep !== this.#sweep) guids.push(guid);
    return guids;
  }

  drop(guid: string): void {
    this.#entries.delete(guid);
  }

  /** The list is read: counts what it misses, and drops what two lists in a row have missed. */
  end(): void {
    for (const guid of this.missing()) {
      const entry = this.#entries.get(guid)!; // it is in the map
      if (entry.misses + 1 >= MISSES) this.#entries.delete(guid);
      else this.#entries.set(guid, { ...entry, misses: entry.misses + 1 });
    }
  }
}
