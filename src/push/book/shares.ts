/**
 * What a metric is worth, read from its shares: one share in most cases, one per layout of buckets
 * for histograms, and one per source or time slot for gauges that are put together.
 */

import type { MetricRun } from '../page-source.ts';
import { type GaugeMode, isCompound } from '../pushed-page.ts';
import { MetricTimes } from '../record.ts';
import type { Cells } from './cells.ts';
import { ExactSum } from './exact-sum.ts';
import type { Metric, MetricReader, Share } from './family.ts';

/** Begins the source of a gauge's share that pushes without a source have, by time slot. */
export const SLOT = '\nslot ';
/** The source of a summary's share with quantiles that came from a client without a name. */
export const UNNAMED = '\nunnamed';
/** The source of a share that says that a summary has had several sources: it has no quantiles. */
export const SEVERAL = '\nseveral';

/** The run of a gauge's share unless the gauge's mode is `last`. */
export const GaugeShare = { sum: 0, count: 1, min: 2, max: 3, length: 4 } as const;

/** Where in the cells a share keeps what its sum lost by rounding. */
export function lostOf({ at, size }: Share): number {
  return at + size;
}

/** Reads metrics from their shares. */
export class Shares implements MetricReader {
  readonly #cells: Cells;

  constructor(cells: Cells) {
    this.#cells = cells;
  }

  createdMs({ shares }: Metric): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { held } of shares) {
      const createdMs = this.#cells.values[held.at + MetricTimes.created]!;
      if (createdMs > 0) first = Math.min(first, createdMs);
    }
    return first;
  }

  /** When a push has named the metric last. */
  touchedMs({ shares }: Metric): number {
    let last = 0;
    for (const { held } of shares) {
      last = Math.max(last, this.#cells.values[held.at + MetricTimes.touched]!);
    }
    return last;
  }

  run(metric: Metric): MetricRun {
    const { family, group, shares, native } = metric;
    const { type, gaugeMode } = family.traits;
    if (group === undefined && type === 'gauge' && gaugeMode !== 'last') {
      return { bounds: [], values: [this.#gauge(shares, gaugeMode)], native: undefined };
    }
    if (shares.length > 1 && type === 'summary') return this.#summary(shares);
    if (shares.length > 1 && isCompound(type)) return this.#union(shares);
    const { at, size, bounds } = shares[0]!; // no metric is without shares
    const { values } = this.#cells;
    const run = size === 1 ? [values[at]!] : values.subarray(at, at + size);
    return { bounds, values: run, native };
  }

  #gauge(shares: readonly Share[], mode: GaugeMode): number {
    const { values } = this.#cells;
    const exact = new ExactSum();
    let count = 0;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    for (const share of shares) {
      const { at } = share;
      exact.add(values[at + GaugeShare.sum]!);
      exact.add(values[lostOf(share)]!);
      count += values[at + GaugeShare.count]!;
      min = Math.min(min, values[at + GaugeShare.min]!);
      max = Math.max(max, values[at + GaugeShare.max]!);
    }
    const sum = exact.value;
    const results: Record<GaugeMode, number> = {
      sum,
      count,
      min,
      max,
      avg: sum / count,
      last: sum,
    };
    return results[mode];
  }

  #summary(shares: readonly Share[]): MetricRun {
    const { values } = this.#cells;
    const main = shares.find(({ source }) => source === '')!.at; // every summary has one
    const only = shares.find(({ source }) => source !== '' && source !== SEVERAL);
    const head = [values[main]!, values[main + 1]!];
    if (only === undefined) return { bounds: [], values: head, native: undefined };
    const quantiles = values.subarray(only.at + 2, only.at + only.size);
    return { bounds: only.bounds, values: [...head, ...quantiles], native: undefined };
  }

  /**
   * The union of several layouts: at each bound every layout counts what it is sure to have at or
   * below the bound. The union is a lower bound of the true counts, and monotone.
   */
  #union(shares: readonly Share[]): MetricRun {
    const { values } = this.#cells;
    const bounds = [...new Set(shares.flatMap((share) => share.bounds))].sort((a, b) => a - b);
    const run = new Array<number>(2 + bounds.length).fill(0);
    const sum = new ExactSum();
    for (const share of shares) {
      const { at } = share;
      run[0]! += values[at]!;
      sum.add(values[at + 1]!);
      sum.add(values[lostOf(share)]!);
      let next = 0;
      for (let i = 0; i < bounds.length; i++) {
        while (next < share.bounds.length && share.bounds[next]! <= bounds[i]!) next += 1;
        if (next > 0) run[2 + i]! += values[at + 2 + next - 1]!;
      }
    }
    run[1] = sum.value;
    return { bounds, values: run, native: undefined };
  }
}
