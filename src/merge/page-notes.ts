/** What is out of the ordinary in the lines of the page in work. */

/** Flags of a line: it has a label that stands in the way; a name in quotes; honoured labels. */
export const CLASHES = 1;
export const QUOTED = 2;
export const HONORED = 4;
/** It names one of promgate's own families; it is not wanted. */
export const DROPPED = 8;
export const FILTERED = 16;

export class PageNotes {
  #flags = 0;
  dropped = 0;
  filtered = 0;

  get clashes(): boolean {
    return (this.#flags & CLASHES) !== 0;
  }

  get quoted(): boolean {
    return (this.#flags & QUOTED) !== 0;
  }

  /** Another page begins. */
  clear(): void {
    this.#flags = 0;
    this.dropped = 0;
    this.filtered = 0;
  }

  /** @param flags - of a line */
  add(flags: number): void {
    this.#flags |= flags;
    if ((flags & DROPPED) !== 0) this.dropped += 1;
    if ((flags & FILTERED) !== 0) this.filtered += 1;
  }
}
