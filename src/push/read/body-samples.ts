/**
 * The samples of a body in their order, as columns of numbers.
 *
 * The samples of one metric are linked, the last one first.
 */
import { Floats, Integers } from './growing-array.ts';
import type { MetricTable } from './metric-table.ts';

// What a sample is to its metric; see `Role`.
export const VALUE = 0;
export const COUNT = 1;
export const SUM = 2;
/** A bucket or a quantile; `bounds` has its bound. */
export const BOUNDED = 3;
/** The bucket `+Inf`. */
export const INFINITE = 4;
/** The sample says nothing that is kept. */
export const DROPPED = 5;

export class BodySamples {
  length = 0;
  /** Two numbers per sample: its value and its bound. */
  readonly #numbers = new Floats();
  /** Two integers per sample: what it is, and the sample of the same metric before it. */
  readonly #links = new Integers();

  valueOf(sample: number): number {
    return this.#numbers.at(2 * sample);
  }

  /** The bound of a bucket or quantile; else 0. */
  boundOf(sample: number): number {
    return this.#numbers.at(2 * sample + 1);
  }

  kindOf(sample: number): number {
    return this.#links.at(2 * sample);
  }

  /** The sample of the same metric before this one; -1 for none. */
  before(sample: number): number {
    return this.#links.at(2 * sample + 1);
  }

  /** @returns the number of the sample */
  add(metrics: MetricTable, metric: number, kind: number, bound: number, value: number): number {
    const sample = this.length++;
    this.#numbers.push(value);
    this.#numbers.push(bound);
    this.#links.push(kind);
    this.#links.push(metrics.addSample(metric, sample, kind === BOUNDED));
    return sample;
  }
}
