/**
 * The numbers of all records of a tenant in one typed array: 100,000 records take 3 MB there, and 14 MB as an
 * array each.
 */

/** There may be thousands of tenants that push little. */
const FIRST_SIZE = 64;

export class Cells {
  /** Replaced when it must grow: read it anew after each `take`. */
  values = new Float64Array(FIRST_SIZE);
  #end = 0;
  /** Places that were given back, by their length. */
  readonly #free = new Map<number, number[]>();

  /** How many numbers are in use or were given back. */
  get length(): number {
    return this.#end;
  }

  /** @returns where a run of `length` zeros begins */
  take(length: number): number {
    const again = this.#free.get(length)?.pop();
    if (again !== undefined) {
      this.values.fill(0, again, again + length);
      return again;
    }
    const at = this.#end;
    this.#end += length;
    if (this.#end > this.values.length) {
      const larger = new Float64Array(Math.max(this.values.length * 2, this.#end));
      larger.set(this.values);
      this.values = larger;
    }
    return at;
  }

  give(at: number, length: number): void {
    const places = this.#free.get(length);
    if (places) places.push(at);
    else this.#free.set(length, [at]);
  }
}
