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
  readonly values = new Floats();
  readonly kinds = new Integers();
  readonly bounds = new Floats();
  /** The sample of the same metric before this one; -1 for none. */
  readonly befores = new Integers();

  get length(): number {
    return this.values.length;
  }

  /**
   * @param bound - of a bucket or quantile, else 0
   * @returns the number of the sample
   */
  add(metrics: MetricTable, metric: number, kind: number, bound: number, value: number): number {
    const sample = this.length;
    this.values.push(value);
    this.kinds.push(kind);
    this.bounds.push(bound);
    this.befores.push(metrics.lastSamples.at(metric));
    metrics.lastSamples.set(metric, sample);
    if (kind === BOUNDED) metrics.bounded.set(metric, metrics.bounded.at(metric) + 1);
    return sample;
  }
}
