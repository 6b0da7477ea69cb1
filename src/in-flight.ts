/**
 * What is under way: requests, scrapes. A set without an order.
 *
 * A `Set` would hold what has ended: when V8 moves its elements to another table, the old table keeps
 * those of that moment, and points to the next one. Once such a table is in the old generation, all
 * that ever stood in the tables after it waits for a major collection, with all that it refers to.
 */

/** Where an item stands. */
export interface Place<T> {
  readonly item: T;
  at: number;
}

export class InFlight<T> implements Iterable<T> {
  readonly #places: Place<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  /** @returns the item's place, for `remove` */
  add(item: T): Place<T> {
    const place = { item, at: this.#places.length };
    this.#places.push(place);
    return place;
  }

  /** Does nothing the second time. */
  remove(place: Place<T>): void {
    if (this.#places[place.at] !== place) return;
    const last = this.#places.pop()!; // `place` is there
    if (last === place) return;
    this.#places[place.at] = last;
    last.at = place.at;
  }

  /** Those that are under way now, whatever ends meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#places.map(({ item }) => item)[Symbol.iterator]();
  }
}
