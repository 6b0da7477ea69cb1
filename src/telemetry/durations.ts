/**
 * A histogram of seconds, for code that runs so often that prom-client's own would be a good part of
 * it: prom-client checks and hashes the labels of each observation.
 */
import type { CountedSample } from './registry.ts';

type Labels = Readonly<Record<string, string>>;

export class Durations {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds - of the buckets, in seconds, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > this.#bounds[bucket]!) bucket++;
    this.#counts[bucket]!++; // one more than bounds
    this.#sum += seconds;
  }

  samples(labels: Labels = {}): CountedSample[] {
    let value = 0;
    const buckets = this.#counts.map((count, i) => {
      value += count;
      const le = String(this.#bounds[i] ?? '+Inf');
      return { suffix: '_bucket', labels: { le, ...labels }, value };
    });
    return [
      ...buckets,
      { suffix: '_sum', labels, value: this.#sum },
      { suffix: '_count', labels, value },
    ];
  }
}
