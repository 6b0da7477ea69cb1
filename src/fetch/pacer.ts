/**
 * How much of large pages is taken in at a time, so that small ones get through between.
 *
 * In one turn of the event loop every socket that has something hands over up to 64 KB. With a
 * hundred pages of 16 MiB under way a turn then takes as long as a hundred small scrapes. Pages past
 * `HEAVY_BYTES` share a budget per turn; who exceeds it pauses, and goes on when its turn comes:
 * spaces one after the other, in each the one that waits longest.
 */

/** A page up to here is small. */
export const HEAVY_BYTES = 262_144;
/**
 * What large pages may bring in one turn of the event loop, all together: 0.2 ms of work. A small
 * scrape takes some five turns; with four times as much its reader waited twice as long.
 */
const TURN_BYTES = 131_072;
/** How many go on in each turn: as many as bring that much. */
const RESUMED = 2;

/** A fetch that may have to pause. Must not throw. */
export interface Paced {
  readonly space: string;
  /** It may go on. */
  turnCame(): void;
}

export class Pacer {
  readonly #nextTurn: (turn: () => void) => void;
  /** Who waits, by space; in the order of the spaces' turns. */
  readonly #waiting = new Map<string, Paced[]>();
  #leftBytes = TURN_BYTES;
  #scheduled = false;

  /** @param nextTurn - calls back in the next turn of the event loop */
  constructor(nextTurn: (turn: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.#waiting.values()) count += queue.length;
    return count;
  }

  /**
   * A large page has taken bytes in.
   *
   * @returns whether it may go on; if not, it pauses until `turnCame`
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

  /** The first of the space whose turn it is; the space then goes to the end. */
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
