/** The times at which counters began to count, behind the samples of a chunk. */
import type { BitReader } from './bit-reader.ts';

export class StartTimes {
  #isFirstKnown = false;
  /** The number of the sample at which the start time changes first; 0: it never changes. */
  #changesAt = 0;
  /** The distance from the start to the sample before. */
  #distanceMs = 0;
  #startMs = 0;

  /** @param header - the byte of the chunk that tells which samples have a start time */
  open(header: number): void {
    this.#isFirstKnown = header >= 0x80;
    this.#changesAt = header & 0x7f;
    this.#distanceMs = 0;
    this.#startMs = 0;
  }

  /** Reads what follows a sample. @returns the start of its counter; 0 where that is unknown */
  read(reader: BitReader, at: number, timeMs: number, previousMs: number): number {
    if (at === 0) {
      if (this.#isFirstKnown) this.#startMs = timeMs - reader.varint();
      return this.#startMs;
    }
    if (this.#changesAt === 0 || at < this.#changesAt) return this.#startMs;
    const distanceMs = reader.varbit();
    this.#distanceMs = at === this.#changesAt ? distanceMs : this.#distanceMs + distanceMs;
    this.#startMs = previousMs - this.#distanceMs;
    return this.#startMs;
  }
}
