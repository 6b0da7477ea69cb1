/**
 * A histogram of seconds that is counted without prom-client, whose own histogram takes microseconds
 * for each value.
 */
import type { CountedSample } from './registry.ts';

export class Durations {
  readonly #boundsSeconds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param boundsSeconds - ascending, without +Inf */
  constructor(boundsSeconds: readonly number[]) {
    this.#boundsSeconds = boundsSeconds;
    this.#counts = new Float64Array(boundsSeconds.length + 1);
  }

  observe(seconds: number): void {
    const bounds = this.#boundsSeconds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sum += seconds;
  }

  /** @param labels - of all samples */
  samples(labels: CountedSample['labels'] = {}): CountedSample[] {
    let value = 0;
    const buckets = Array.from(this.#counts, (count, i) => {
      value += count;
      const le = String(this.#boundsSeconds[i] ?? '+Inf');
      return { suffix: '_bucket', labels: { ...labels, le }, value };
    });
    return [
      ...buckets,
      { suffix: '_sum', labels, value: this.#sum },
      { suffix: '_count', labels, value },
    ];
  }
}
