/** Arrays of numbers that grow while a body is read; a number takes as many bytes as its type. */

const FIRST = 32;

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
}
