/**
 * Numbers by label set, such as the row or the group of a series.
 *
 * The sets of one table are numbered, so an array does what a map would do. A map of a million entries is copied as a whole
 * when it grows, which takes longer than others should wait.
 */
import type { Labels } from './labels.ts';

const FIRST_ENTRIES = 1024;

export class LabelIndex {
  /** The number plus one, by the number of the label set; 0 where there is none. */
  #entries = new Int32Array(FIRST_ENTRIES);
  #size = 0;

  /** How many label sets have a number. */
  get size(): number {
    return this.#size;
  }

  /** The number of a label set, or -1. */
  get({ id }: Labels): number {
    return id < this.#entries.length ? (this.#entries[id] as number) - 1 : -1;
  }

  /** Gives a label set a number, 0 or more. */
  set({ id }: Labels, value: number): void {
    if (id >= this.#entries.length) {
      const entries = new Int32Array(2 * Math.max(id, this.#entries.length));
      entries.set(this.#entries);
      this.#entries = entries;
    }
    if (this.#entries[id] === 0) this.#size++;
    this.#entries[id] = value + 1;
  }
}
