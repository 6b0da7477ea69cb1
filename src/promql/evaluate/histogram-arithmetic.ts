/**
 * Sums, differences and multiples of native histograms, and whether one continues another.
 */
import { addTo, type CompensatedSum } from './compensated.ts';
import {
  type Buckets,
  type CounterResetHint,
  compactBuckets,
  type Histogram,
  isCustom,
  NO_BUCKETS,
} from './histogram.ts';
import {
  alignZeroBuckets,
  commonBounds,
  mergeBuckets,
  mergeCompensated,
  reduceBounds,
  reduceSchema,
  widenZeroBucket,
  widerZeroBucket,
} from './histogram-layout.ts';

/** What adding or subtracting met besides the result. */
export interface Reconciled {
  /** One histogram says that its counter was reset, the other that its counter was not. */
  readonly conflictingResets: boolean;
  /** The custom bounds differed, so only those that both have remain. */
  readonly boundsDiffered: boolean;
}

/** The result of an operation on two histograms. */
export interface Combined extends Reconciled {
  readonly histogram: Histogram;
}

/** Both histograms in one layout, or undefined if one has custom bounds and the other has not. */
function align(a: Histogram, b: Histogram): readonly [Histogram, Histogram] | undefined {
  if (isCustom(a) !== isCustom(b)) return undefined;
  if (isCustom(a)) {
    const bounds = commonBounds(a.customValues, b.customValues);
    return [reduceBounds(a, bounds), reduceBounds(b, bounds)];
  }
  const [left, right] = alignZeroBuckets(a, b);
  const schema = Math.min(left.schema, right.schema);
  return [reduceSchema(left, schema), reduceSchema(right, schema)];
}

/**
 * Adds (sign 1) or subtracts (sign -1) a histogram.
 *
 * @returns undefined if one of both has custom bounds and the other has not
 */
export function combine(a: Histogram, b: Histogram, sign: 1 | -1): Combined | undefined {
  const aligned = align(a, b);
  if (aligned === undefined) return undefined;
  const [left, right] = aligned;
  const { hint, conflictingResets } = joinHints(a.hint, b.hint);
  return {
    histogram: {
      ...left,
      zeroCount: left.zeroCount + sign * right.zeroCount,
      count: left.count + sign * right.count,
      sum: left.sum + sign * right.sum,
      positive: compactBuckets(mergeBuckets(left.positive, right.positive, sign)),
      negative: compactBuckets(mergeBuckets(left.negative, right.negative, sign)),
      hint,
    },
    conflictingResets,
    boundsDiffered:
      left.customValues.length !== Math.max(a.customValues.length, b.customValues.length),
  };
}

/** What the sum of two histograms says of counter resets. */
function joinHints(
  a: CounterResetHint,
  b: CounterResetHint,
): { readonly hint: CounterResetHint; readonly conflictingResets: boolean } {
  if (a === b) return { hint: a, conflictingResets: false };
  if (a === 'gauge' || b === 'gauge') return { hint: 'gauge', conflictingResets: false };
  return { hint: 'unknown', conflictingResets: a !== 'unknown' && b !== 'unknown' };
}

/** Every count and the sum, each changed in the same way; buckets that become empty are gone. */
export function mapCounts(histogram: Histogram, change: (count: number) => number): Histogram {
  const mapped = (buckets: Buckets) =>
    compactBuckets({ indices: buckets.indices, counts: buckets.counts.map(change) });
  return {
    ...histogram,
    zeroCount: change(histogram.zeroCount),
    count: change(histogram.count),
    sum: change(histogram.sum),
    positive: mapped(histogram.positive),
    negative: mapped(histogram.negative),
  };
}

/** The histogram times a factor; a negative factor makes a gauge of it. */
export function scale(histogram: Histogram, factor: number): Histogram {
  const scaled = mapCounts(histogram, (count) => count * factor);
  return factor < 0 ? { ...scaled, hint: 'gauge' } : scaled;
}

/** The histogram divided by a number; without buckets if that number is zero. */
export function divide(histogram: Histogram, divisor: number): Histogram {
  const divided = mapCounts(histogram, (count) => count / divisor);
  if (divisor === 0) return { ...divided, positive: NO_BUCKETS, negative: NO_BUCKETS };
  return divisor < 0 ? { ...divided, hint: 'gauge' } : divided;
}

/** Whether a counter was reset between a histogram and the one before it in the series. */
export function detectsReset(current: Histogram, previous: Histogram): boolean {
  if (current.hint === 'reset') return true;
  if (current.hint === 'not_reset') return false;
  if (current.count < previous.count) return true;
  if (isCustom(current) !== isCustom(previous)) return true;
  if (isCustom(current)) {
    const bounds = commonBounds(current.customValues, previous.customValues);
    return falls(reduceBounds(current, bounds).positive, reduceBounds(previous, bounds).positive);
  }
  if (current.schema > previous.schema) return true;
  if (current.zeroThreshold < previous.zeroThreshold) return true;
  const zero = widerZeroBucket(previous, current.zeroThreshold);
  if (zero.threshold !== current.zeroThreshold || current.zeroCount < zero.count) return true;
  const before = reduceSchema(widenZeroBucket(previous, zero), current.schema);
  return falls(current.positive, before.positive) || falls(current.negative, before.negative);
}

/** Whether a bucket holds less than before. */
function falls(current: Buckets, previous: Buckets): boolean {
  let at = 0;
  for (let before = 0; before < previous.indices.length; before++) {
    const index = previous.indices[before] ?? 0;
    while ((current.indices[at] ?? Infinity) < index) at++;
    const count = current.indices[at] === index ? (current.counts[at] ?? 0) : 0;
    if (count < (previous.counts[before] ?? 0)) return true;
  }
  return false;
}

/** Whether no count is infinite, nor the sum. */
export function isFiniteHistogram({
  zeroCount,
  count,
  sum,
  positive,
  negative,
}: Histogram): boolean {
  const bounded = (value: number) => Math.abs(value) !== Infinity;
  return [zeroCount, count, sum, ...positive.counts, ...negative.counts].every(bounded);
}

/** A sum of histograms that keeps what rounding loses in each count. */
export class HistogramSum {
  #sums: Histogram;
  #lost: Histogram;
  readonly #hints = new Set<CounterResetHint>();

  constructor(first: Histogram) {
    this.#hints.add(first.hint);
    this.#sums = first;
    this.#lost = {
      ...first,
      zeroCount: 0,
      count: 0,
      sum: 0,
      positive: NO_BUCKETS,
      negative: NO_BUCKETS,
    };
  }

  /**
   * Adds a histogram.
   *
   * @returns undefined, and nothing is added, if only one of both has custom bounds
   */
  add(other: Histogram): Reconciled | undefined {
    const before = this.#sums;
    const aligned = align(before, other);
    if (aligned === undefined) return undefined;
    const [sums, added] = aligned;
    const lost = likeLayout(this.#lost, sums);
    const positive = mergeCompensated(sums.positive, lost.positive, added.positive);
    const negative = mergeCompensated(sums.negative, lost.negative, added.negative);
    const zeroCount = { sum: sums.zeroCount, lost: lost.zeroCount };
    const count = { sum: sums.count, lost: lost.count };
    const sum = { sum: sums.sum, lost: lost.sum };
    addTo(zeroCount, added.zeroCount);
    addTo(count, added.count);
    addTo(sum, added.sum);
    // A gauge among the histograms does not hide that two others disagree.
    this.#hints.add(added.hint);
    const conflictingResets = this.#hints.has('reset') && this.#hints.has('not_reset');
    const { hint } = joinHints(sums.hint, added.hint);
    const part = (of: keyof CompensatedSum) => ({
      zeroCount: zeroCount[of],
      count: count[of],
      sum: sum[of],
    });
    this.#sums = {
      ...sums,
      ...part('sum'),
      positive: positive.sums,
      negative: negative.sums,
      hint,
    };
    this.#lost = { ...lost, ...part('lost'), positive: positive.lost, negative: negative.lost };
    const widest = Math.max(before.customValues.length, other.customValues.length);
    return { conflictingResets, boundsDiffered: sums.customValues.length !== widest };
  }

  /** Whether a count or the sum has left the range of finite numbers. */
  overflows(): boolean {
    return !isFiniteHistogram(this.#sums);
  }

  /** The sum, with what was lost given back, after a change of each count. */
  value(change: (count: number) => number = (count) => count): Histogram {
    const { hint } = this.#sums;
    const sums = mapCounts(this.#sums, change);
    const lost = mapCounts(this.#lost, change);
    const total = combine(sums, { ...lost, hint }, 1);
    return total === undefined ? sums : { ...total.histogram, hint };
  }
}

/** The mean of histograms whose sum would leave the finite numbers: the sum of their shares in the mean. */
export function meanOfShares(histograms: readonly Histogram[]): Histogram | undefined {
  let total: HistogramSum | undefined;
  for (const histogram of histograms) {
    const share = mapCounts(histogram, (count) => count / histograms.length);
    if (total === undefined) total = new HistogramSum(share);
    else total.add(share);
  }
  return total?.value();
}

/** Lost counts in the layout of their sums. */
function likeLayout(lost: Histogram, sums: Histogram): Histogram {
  if (isCustom(lost)) return reduceBounds(lost, sums.customValues);
  const { zeroThreshold } = sums;
  const zero = { threshold: zeroThreshold, count: widerZeroBucket(lost, zeroThreshold).count };
  return reduceSchema(widenZeroBucket(lost, zero), sums.schema);
}
