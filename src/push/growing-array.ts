/** Arrays of numbers that grow while a body is read; a number takes as many bytes as its type. */

/** Room for the body of a small push. */
const FIRST = 256;

export class Integers {
  length = 0;
  #items = new Int32Array(FIRST);

  push(item: number): void {
    if (this.length === this.#items.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[this.length++] = item;
  }

  /** @param index - below `length` */
  at(index: number): number {
    return this.#items[index]!;
  }

  set(index: number, item: number): void {
    this.#items[index] = item;
  }

  /** The numbers so far, and free room behind them; valid until the next `push`. */
  get items(): Int32Array {
    return this.#items;
  }
}

export class Floats {
  length = 0;
  #items = new Float64Array(FIRST);

  push(item: number): void {
    if (this.length === this.#items.length) {
      const larger = new Float64Array(this.length * 2);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[this.length++] = item;
  }

  /** @param index - below `length` */
  at(index: number): number {
    return this.#items[index]!;
  }

  set(index: number, item: number): void {
    this.#items[index] = item;
  }

  /** The numbers so far, and free room behind them; valid until the next `push`. */
  get items(): Float64Array {
    return this.#items;
  }

  /** All numbers, in an array of their own. */
  take(): Float64Array {
    return this.#items.slice(0, this.length);
  }
}
