/**
 * Bounds how many bytes of large pages promgate reads at a time, so that small pages do not wait.
 *
 * In one turn of the event loop every readable socket hands over up to 64 KB. With a hundred pages
 * of 16 MiB under way a turn takes as long as a hundred small scrapes. Pages larger than
 * `HEAVY_BYTES` share a budget per turn. A page that exceeds the budget pauses until its turn:
 * spaces take turns, and in each space the page that waits longest goes first.
 */

/** A page of this size or less is small. */
export const HEAVY_BYTES = 262_144;
/**
 * Bound on the bytes of all large pages in one turn of the event loop: 0.2 ms of work. A small
 * scrape takes some five turns; with four times this bound its reader waited twice as long.
 */
const TURN_BYTES = 131_072;
/** How many paused pages continue in each turn: two chunks of 64 KB fill TURN_BYTES. */
const RESUMED = 2;

/** A fetch that may have to pause. Must not throw. */
export interface Paced {
  readonly space: string;
  /** The fetch may continue. */
  turnCame(): void;
}

export class Pacer {
  readonly #nextTurn: (turn: () => void) => void;
  /** Paused fetches by space, in the order of the spaces' turns. */
  readonly #waiting = new Map<string, Paced[]>();
  #leftBytes = TURN_BYTES;
  #scheduled = false;

  /** @param nextTurn - calls back in the next turn of the event loop */
  constructor(nextTurn: (turn: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** How many fetches wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.#waiting.values()) count += queue.length;
    return count;
  }

  /**
   * Charges bytes that a large page has read.
   *
   * @returns whether the page may continue; if not, it must pause until `turnCame`
   */
  spend(bytes: number, paced: Paced): boolean {
    this.#leftBytes -= bytes;
    this.#schedule();
    if (this.#leftBytes >= 0) return true;
    const queue = this.#waiting.get(paced.space);
    if (queue) queue.push(paced);
    else this.#waiting.set(paced.space, [paced]);
    return false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#nextTurn(() => {
      this.#scheduled = false;
      this.#leftBytes = TURN_BYTES;
      for (let turn = 0; turn < RESUMED && this.#waiting.size > 0; turn++) this.#next()?.turnCame();
      if (this.#waiting.size > 0) this.#schedule();
    });
  }

  /** Takes the first fetch of the space whose turn it is, and moves that space to the end. */
  #next(): Paced | undefined {
    for (const [space, queue] of this.#waiting) {
      const paced = queue.shift();
      this.#waiting.delete(space);
      if (queue.length > 0) this.#waiting.set(space, queue);
      return paced;
    }
    return undefined;
  }
}
