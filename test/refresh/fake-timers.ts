/** Time that a test moves. */
import type { Timers } from '../../src/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly call: () => void;
}

export class FakeTimers implements Timers {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, ms), call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many calls are planned. */
  get planned(): number {
    return this.#timers.size;
  }

  /** Moves the time on; calls what becomes due, and lets promises settle after each call. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs);
      const next = due.sort((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.call();
    }
    this.#nowMs = endMs;
    await settle();
  }
}

/** Resolves when all promises that can settle by themselves have. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
