/**
 * Trimming: the part of a native histogram that lies below (`</`) or above (`>/`) a value.
 */
import { type BucketRange, type Histogram, isCustom, upperBound } from './histogram.ts';
import { fitZeroBucket } from './histogram-layout.ts';
import { fractionBelow } from './histogram-quantile.ts';

/** Which side of the value remains. */
export type TrimSide = 'below' | 'above';

/** What remains of a bucket: a share of its count, and the middle of those observations. */
interface Remainder {
  readonly share: number;
  readonly middle: number;
}

const NOTHING: Remainder = { share: 0, middle: 0 };

/**
 * Keeps one side of a histogram.
 *
 * A bucket that the value cuts keeps the share that interpolation gives; an open bucket cannot be cut, so it is kept or
 * dropped as a whole. The sum is estimated anew from the middles of the buckets, unless nothing was cut away.
 */
export function trim(histogram: Histogram, at: number, side: TrimSide): Histogram {
  if (at === (side === 'below' ? Infinity : -Infinity)) return histogram;
  let sum = 0;
  let count = 0;
  let cut = false;
  const keep = (range: BucketRange): number => {
    const { share, middle } = remainder(histogram, range, at, side);
    const kept = range.count * share;
    if (share !== 1) cut = true;
    if (kept !== 0) sum += kept * middle;
    count += kept;
    return kept;
  };
  const positive = keepBuckets(histogram, 1, keep);
  const negative = keepBuckets(histogram, -1, keep);
  const zero: BucketRange = {
    lower: -histogram.zeroThreshold,
    upper: histogram.zeroThreshold,
    count: histogram.zeroCount,
  };
  fitZeroBucket(histogram, zero);
  const zeroCount = zero.count === 0 ? 0 : keep(zero);
  return cut ? { ...histogram, zeroCount, count, sum, positive, negative } : histogram;
}

function keepBuckets(
  histogram: Histogram,
  sign: 1 | -1,
  keep: (range: BucketRange) => number,
): Histogram['positive'] {
  const { indices, counts } = sign === 1 ? histogram.positive : histogram.negative;
  const kept: { indices: number[]; counts: number[] } = { indices: [], counts: [] };
  indices.forEach((index, at) => {
    const near = sign * upperBound(histogram, index - 1);
    const far = sign * upperBound(histogram, index);
    const count = counts[at] ?? 0;
    const left = keep({ lower: Math.min(near, far), upper: Math.max(near, far), count });
    if (left === 0) return;
    kept.indices.push(index);
    kept.counts.push(left);
  });
  return kept;
}

function remainder(
  histogram: Histogram,
  range: BucketRange,
  at: number,
  side: TrimSide,
): Remainder {
  if (isCustom(histogram)) {
    const open = openRemainder(range, at, side);
    if (open !== undefined) return open;
    if (range.lower === -Infinity) range.lower = 0;
  }
  const { lower, upper } = range;
  if (side === 'below') {
    if (upper <= at) return { share: 1, middle: middleOf(histogram, lower, upper) };
    if (lower >= at) return NOTHING;
    const share = fractionBelow(histogram, range, at);
    return { share, middle: middleOf(histogram, lower, at) };
  }
  if (lower >= at) return { share: 1, middle: middleOf(histogram, lower, upper) };
  if (upper <= at) return NOTHING;
  const share = 1 - fractionBelow(histogram, range, at);
  return { share, middle: middleOf(histogram, at, upper) };
}

/** What remains of a bucket without a lower or an upper end; undefined if the bucket starts at zero instead. */
function openRemainder(
  { lower, upper }: BucketRange,
  at: number,
  side: TrimSide,
): Remainder | undefined {
  if (lower === -Infinity && upper === Infinity) return NOTHING;
  if (upper === Infinity) {
    if (side === 'below' || at === Infinity) return NOTHING;
    return { share: 1, middle: Math.max(lower, at) };
  }
  if (lower !== -Infinity) return undefined;
  if (upper > 0) return side === 'above' && at < 0 ? NOTHING : undefined;
  if (side === 'above' || at === -Infinity) return NOTHING;
  return { share: 1, middle: Math.min(upper, at) };
}

function middleOf(histogram: Histogram, lower: number, upper: number): number {
  const linear = isCustom(histogram) || (lower < 0 && upper > 0) || lower === 0 || upper === 0;
  const zero = Math.max(Math.abs(lower), Math.abs(upper)) <= histogram.zeroThreshold;
  if (linear || zero) return (lower + upper) / 2;
  const middle = Math.sqrt(lower * upper);
  return upper < 0 ? -middle : middle;
}
