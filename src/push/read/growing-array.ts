/**
 * Arrays of numbers that grow while a body is read. The two classes are alike but for their array: one
 * class for both kinds would make each access to a number one of two kinds.
 */

/** Room for the body of a small push. */
const FIRST = 256;

/**
 * The first arrays of many bodies are parts of one buffer, since to allocate each takes longer than
 * to read a small body's numbers into it. They hold what other bodies have left behind.
 */
const SHARED_BYTES = 65_536;
let shared = new ArrayBuffer(SHARED_BYTES);
let used = 0;

/** @returns a buffer with room for these bytes before `used`, a multiple of 8 */
function room(bytes: number): ArrayBuffer {
  if (used + bytes > SHARED_BYTES) {
    shared = new ArrayBuffer(SHARED_BYTES);
    used = 0;
  }
  used += bytes;
  return shared;
}

export class Integers {
  length = 0;
  #items = new Int32Array(room(FIRST * 4), used - FIRST * 4, FIRST);

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
  #items = new Float64Array(room(FIRST * 8), used - FIRST * 8, FIRST);

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
