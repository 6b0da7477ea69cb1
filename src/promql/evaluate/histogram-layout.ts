/**
 * Brings histograms to a common layout: schema, zero bucket and custom bounds.
 *
 * All columns of counts that share their buckets (sums and what rounding lost of them) change together.
 */
import { addTo } from './compensated.ts';
import {
  type BucketRange,
  type Buckets,
  type Histogram,
  NO_BUCKETS,
  sameNumbers,
  upperBound,
} from './histogram.ts';

/** Puts each bucket where `place` says; buckets that meet are added, those placed nowhere are left out. */
function regroup(buckets: Buckets, place: (index: number) => number | undefined): Buckets {
  const indices: number[] = [];
  const counts: number[] = [];
  for (let at = 0; at < buckets.indices.length; at++) {
    const index = place(buckets.indices[at] ?? 0);
    if (index === undefined) continue;
    const count = buckets.counts[at] ?? 0;
    if (indices.length > 0 && indices.at(-1) === index) {
      counts[counts.length - 1] = (counts.at(-1) ?? 0) + count;
    } else {
      indices.push(index);
      counts.push(count);
    }
  }
  return { indices, counts };
}

/** The same observations with fewer, wider buckets: every step of the schema joins two neighbours. */
export function reduceSchema(histogram: Histogram, schema: number): Histogram {
  if (schema >= histogram.schema) return histogram;
  const width = 2 ** (histogram.schema - schema);
  const place = (index: number) => Math.ceil(index / width);
  return {
    ...histogram,
    schema,
    positive: regroup(histogram.positive, place),
    negative: regroup(histogram.negative, place),
  };
}

/** A zero bucket's threshold, and how many observations it holds. */
interface ZeroBucket {
  readonly threshold: number;
  readonly count: number;
}

/**
 * The zero bucket if it were at least as wide as asked for.
 *
 * A threshold that would cut a populated bucket grows to that bucket's far end.
 */
export function widerZeroBucket(histogram: Histogram, wanted: number): ZeroBucket {
  let threshold = wanted;
  if (threshold === histogram.zeroThreshold) return { threshold, count: histogram.zeroCount };
  for (;;) {
    const positive = swallowed(histogram, histogram.positive, threshold);
    const negative = swallowed(histogram, histogram.negative, positive.threshold);
    if (negative.threshold === threshold) {
      return { threshold, count: histogram.zeroCount + positive.count + negative.count };
    }
    threshold = negative.threshold;
  }
}

function swallowed(histogram: Histogram, buckets: Buckets, wanted: number): ZeroBucket {
  let threshold = wanted;
  let count = 0;
  for (let at = 0; at < buckets.indices.length; at++) {
    const index = buckets.indices[at] ?? 0;
    if (upperBound(histogram, index - 1) >= threshold) break;
    count += buckets.counts[at] ?? 0;
    threshold = Math.max(threshold, upperBound(histogram, index));
  }
  return { threshold, count };
}

/** The histogram with a wider zero bucket; the buckets that it swallows are gone. */
export function widenZeroBucket(histogram: Histogram, { threshold, count }: ZeroBucket): Histogram {
  if (threshold === histogram.zeroThreshold) return histogram;
  const place = (index: number) =>
    upperBound(histogram, index - 1) < threshold ? undefined : index;
  return {
    ...histogram,
    zeroThreshold: threshold,
    zeroCount: count,
    positive: regroup(histogram.positive, place),
    negative: regroup(histogram.negative, place),
  };
}

/** Two histograms whose zero buckets are equally wide. */
export function alignZeroBuckets(a: Histogram, b: Histogram): readonly [Histogram, Histogram] {
  let [left, right] = [a, b];
  while (left.zeroThreshold !== right.zeroThreshold) {
    if (left.zeroThreshold > right.zeroThreshold) {
      right = widenZeroBucket(right, widerZeroBucket(right, left.zeroThreshold));
    } else {
      left = widenZeroBucket(left, widerZeroBucket(left, right.zeroThreshold));
    }
  }
  return [left, right];
}

/** The bounds that two lists of custom bounds have in common. */
export function commonBounds(a: readonly number[], b: readonly number[]): readonly number[] {
  if (sameNumbers(a, b)) return a;
  const other = new Set(b);
  return a.filter((bound) => other.has(bound));
}

/** The histogram with fewer custom bounds, all of which it has. */
export function reduceBounds(histogram: Histogram, bounds: readonly number[]): Histogram {
  if (sameNumbers(histogram.customValues, bounds)) return histogram;
  let target = 0;
  const place = (index: number) => {
    const upper = upperBound(histogram, index);
    while (target < bounds.length && (bounds[target] ?? 0) < upper) target++;
    return target;
  };
  return { ...histogram, customValues: bounds, positive: regroup(histogram.positive, place) };
}

/** Adds two lists of buckets of the same layout. */
export function mergeBuckets(a: Buckets, b: Buckets, sign: 1 | -1): Buckets {
  if (b.indices.length === 0) return a;
  if (a === NO_BUCKETS && sign === 1) return b;
  const indices: number[] = [];
  const counts: number[] = [];
  let left = 0;
  let right = 0;
  while (left < a.indices.length || right < b.indices.length) {
    const leftIndex = a.indices[left] ?? Infinity;
    const rightIndex = b.indices[right] ?? Infinity;
    indices.push(Math.min(leftIndex, rightIndex));
    let count = 0;
    if (leftIndex <= rightIndex) count = a.counts[left++] ?? 0;
    if (rightIndex <= leftIndex) count += sign * (b.counts[right++] ?? 0);
    counts.push(count);
  }
  return { indices, counts };
}

/** Adds buckets to a sum, and to what rounding lost of that sum. */
export function mergeCompensated(
  sums: Buckets,
  lost: Buckets,
  added: Buckets,
): { readonly sums: Buckets; readonly lost: Buckets } {
  const merged = mergeBuckets(sums, { ...added, counts: added.counts.map(() => 0) }, 1);
  const losses = mergeBuckets(
    { indices: merged.indices, counts: merged.indices.map(() => 0) },
    lost,
    1,
  );
  const counts = [...merged.counts];
  const lostCounts = [...losses.counts];
  let at = 0;
  for (let from = 0; from < added.indices.length; from++) {
    const index = added.indices[from] ?? 0;
    while ((merged.indices[at] ?? Infinity) < index) at++;
    const total = { sum: counts[at] ?? 0, lost: lostCounts[at] ?? 0 };
    addTo(total, added.counts[from] ?? 0);
    counts[at] = total.sum;
    lostCounts[at] = total.lost;
  }
  return {
    sums: { indices: merged.indices, counts },
    lost: { indices: merged.indices, counts: lostCounts },
  };
}

/** Narrows the zero bucket to the side on which the histogram has observations, as quantiles expect. */
export function fitZeroBucket(histogram: Histogram, bucket: BucketRange): void {
  const { positive, negative } = histogram;
  if (negative.indices.length === 0 && positive.indices.length > 0) bucket.lower = 0;
  else if (positive.indices.length === 0 && negative.indices.length > 0) bucket.upper = 0;
}
