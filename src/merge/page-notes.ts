/** Sums up the flags of the lines of the page that is being indexed. */

/** Flag of a line: a label clashes with an inserted label, and is not honoured. */
export const CLASHES = 1;
/** Flag of a line: a name is in quotes. */
export const QUOTED = 2;
/** Flag of a line: a label is honoured. */
export const HONORED = 4;
/** Flag of a line: the sample has the name of one of promgate's own families. */
export const DROPPED = 8;
/** Flag of a line: the name filter drops the sample. */
export const FILTERED = 16;

/** Flag of a line that becomes one of text: it has a timestamp. */
export const TIMESTAMPED = 32;

export class PageNotes {
  #flags = 0;
  /** The number of lines with DROPPED. */
  dropped = 0;
  /** The number of lines with FILTERED. */
  filtered = 0;

  get clashes(): boolean {
    return (this.#flags & CLASHES) !== 0;
  }

  get quoted(): boolean {
    return (this.#flags & QUOTED) !== 0;
  }

  get timestamped(): boolean {
    return (this.#flags & TIMESTAMPED) !== 0;
  }

  /** Begins another page. */
  clear(): void {
    this.#flags = 0;
    this.dropped = 0;
    this.filtered = 0;
  }

  /** @param flags - the flags of each of the lines */
  add(flags: number, lines = 1): void {
    this.#flags |= flags;
    if ((flags & DROPPED) !== 0) this.dropped += lines;
    if ((flags & FILTERED) !== 0) this.filtered += lines;
  }
}
