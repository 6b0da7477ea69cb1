/**
 * A list whose items carry the links: adding and removing anywhere take constant time, no memory.
 *
 * An item is in one list at most; `list` names that list. `pool.ts` and `lease.ts` keep waiting
 * fetches in such lists, since each may leave at any time.
 */
export interface Linked<T extends Linked<T>> {
  list: LinkedList<T> | undefined;
  before: T | undefined;
  after: T | undefined;
}

export class LinkedList<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get first(): T | undefined {
    return this.#first;
  }

  get last(): T | undefined {
    return this.#last;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds `item` at the end; it must be in no list. */
  push(item: T): void {
    item.list = this;
    item.before = this.#last;
    if (this.#last) this.#last.after = item;
    else this.#first = item;
    this.#last = item;
    this.#size++;
  }

  /** Adds `item` at the front; it must be in no list. */
  unshift(item: T): void {
    item.list = this;
    item.after = this.#first;
    if (this.#first) this.#first.before = item;
    else this.#last = item;
    this.#first = item;
    this.#size++;
  }

  /** Takes `item` out; it must be in this list. */
  remove(item: T): void {
    if (item.before) item.before.after = item.after;
    else this.#first = item.after;
    if (item.after) item.after.before = item.before;
    else this.#last = item.before;
    item.list = item.before = item.after = undefined;
    this.#size--;
  }

  /** Takes the first item out. */
  shift(): T | undefined {
    const item = this.#first;
    if (item) this.remove(item);
    return item;
  }

  /** Moves the first item to the end, and returns it. */
  rotate(): T | undefined {
    const item = this.shift();
    if (item) this.push(item);
    return item;
  }
}
