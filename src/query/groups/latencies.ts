/**
 * How long a server took lately.
 */

/** How many durations are kept. */
const KEPT = 64;
const SHARE = 0.95;

/** The durations of the last successful requests. */
export class Latencies {
  readonly #durationsMs: number[] = [];
  #next = 0;

  add(durationMs: number): void {
    this.#durationsMs[this.#next] = durationMs;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** The duration that 95 % do not exceed; undefined before the first one. */
  p95(): number | undefined {
    const sorted = this.#durationsMs.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(sorted.length * SHARE) - 1)];
  }
}
