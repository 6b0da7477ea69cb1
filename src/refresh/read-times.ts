/**
 * When the readers of one answer are expected again, from the times of their earlier reads.
 */

/** Reads that follow each other faster are one read: a retry, or two tabs of one browser. */
const SAME_READ_MS = 200;
/** The period is the median of this many last gaps: one read that is missed does not change it. */
const GAPS = 5;
/** Bound on the readers of one answer; the one that read longest ago goes. */
const MAX_READERS = 16;

interface Reader {
  lastMs: number;
  readonly gapsMs: number[];
}

export class ReadTimes {
  readonly #readers = new Map<string, Reader>();
  #lastMs = Number.NEGATIVE_INFINITY;

  /** When anybody last read. */
  get lastMs(): number {
    return this.#lastMs;
  }

  note(reader: string, nowMs: number): void {
    this.#lastMs = nowMs;
    const known = this.#readers.get(reader);
    if (known && nowMs - known.lastMs < SAME_READ_MS) return;
    if (known) {
      known.gapsMs.push(nowMs - known.lastMs);
      if (known.gapsMs.length > GAPS) known.gapsMs.shift();
      known.lastMs = nowMs;
    }
    this.#readers.delete(reader); // the one that read last comes last
    this.#readers.set(reader, known ?? { lastMs: nowMs, gapsMs: [] });
    if (this.#readers.size <= MAX_READERS) return;
    for (const oldest of this.#readers.keys()) {
      this.#readers.delete(oldest);
      return;
    }
  }

  /**
   * The next expected read at or after `fromMs`; undefined while no reader has read twice.
   *
   * @param sinceMs - who has not read since then is not expected any more
   */
  nextMs(
    fromMs: number,
    sinceMs: number,
  ): { readonly atMs: number; readonly periodMs: number } | undefined {
    let next: { readonly atMs: number; readonly periodMs: number } | undefined;
    for (const { lastMs, gapsMs } of this.#readers.values()) {
      const periodMs = median(gapsMs);
      if (periodMs === undefined || lastMs < sinceMs) continue;
      const periods = Math.max(1, Math.ceil((fromMs - lastMs) / periodMs));
      const atMs = lastMs + periods * periodMs;
      if (next === undefined || atMs < next.atMs) next = { atMs, periodMs };
    }
    return next;
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
