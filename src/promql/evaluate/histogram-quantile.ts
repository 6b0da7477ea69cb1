/**
 * What native histograms say of the distribution: quantiles, fractions, variance.
 */
import { addTo } from './compensated.ts';
import { type BucketRange, bucketRanges, type Histogram, isCustom } from './histogram.ts';
import { fitZeroBucket } from './histogram-layout.ts';

/** How observations of NaN, which are in no bucket, have changed a result. */
type NanObservations = 'none' | 'skewed' | 'undefined' | 'excluded';

/** A number computed from a histogram. */
export interface Estimate {
  readonly value: number;
  readonly nan: NanObservations;
}

/**
 * The value below which a fraction of all observations lies.
 *
 * Observations are taken as evenly spread in the zero bucket and between custom bounds, and exponentially elsewhere.
 */
export function histogramQuantile(q: number, histogram: Histogram): Estimate {
  if (q < 0) return { value: -Infinity, nan: 'none' };
  if (q > 1) return { value: Infinity, nan: 'none' };
  if (histogram.count === 0 || Number.isNaN(q)) return { value: Number.NaN, nan: 'none' };
  const hasNan = Number.isNaN(histogram.sum);
  const fromBelow = hasNan || q < 0.5;
  const rank = (fromBelow ? q : 1 - q) * histogram.count;
  const ranges = bucketRanges(histogram);
  if (!fromBelow) ranges.reverse();
  let bucket: BucketRange = { lower: 0, upper: 0, count: 0 };
  let seen = 0;
  for (bucket of ranges) {
    seen += bucket.count;
    if (seen >= rank) break;
  }
  if (isCustom(histogram)) {
    if (bucket.lower === -Infinity) {
      if (bucket.upper <= 0) return { value: bucket.upper, nan: hasNan ? 'skewed' : 'none' };
      bucket.lower = 0;
    } else if (bucket.upper === Infinity) {
      if (seen < rank && hasNan) return { value: Number.NaN, nan: 'undefined' };
      return { value: bucket.lower, nan: hasNan ? 'skewed' : 'none' };
    }
  } else if (bucket.lower < 0 && bucket.upper > 0) fitZeroBucket(histogram, bucket);
  seen = Math.min(seen, histogram.count);
  if (seen < rank && hasNan) return { value: Number.NaN, nan: 'undefined' };
  const nan = hasNan ? 'skewed' : 'none';
  if (seen < rank) return { value: fromBelow ? bucket.upper : bucket.lower, nan };
  const into = fromBelow ? rank - (seen - bucket.count) : seen - rank;
  return { value: pointIn(histogram, bucket, into / bucket.count), nan };
}

function pointIn(histogram: Histogram, { lower, upper }: BucketRange, fraction: number): number {
  if (isCustom(histogram) || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * fraction;
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * fraction);
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)));
}

/** Which part of all observations lies between two values. */
export function histogramFraction(lower: number, upper: number, histogram: Histogram): Estimate {
  const hasNan = Number.isNaN(histogram.sum);
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) {
    return { value: Number.NaN, nan: 'none' };
  }
  const nan = hasNan ? 'excluded' : 'none';
  if (lower >= upper) return { value: 0, nan };
  const below = observationsBelow(upper, histogram) - observationsBelow(lower, histogram);
  return { value: below / histogram.count, nan };
}

/** How many observations are estimated to be at most some value. */
function observationsBelow(value: number, histogram: Histogram): number {
  let rank = 0;
  const zeroIsLinear = !isCustom(histogram);
  for (const bucket of bucketRanges(histogram)) {
    if (zeroIsLinear && bucket.lower <= 0 && bucket.upper >= 0) fitZeroBucket(histogram, bucket);
    if (isCustom(histogram) && bucket.lower === -Infinity && bucket.upper > 0) bucket.lower = 0;
    if (bucket.lower >= value) return Math.min(rank, histogram.count);
    if (bucket.upper > value) {
      return Math.min(
        rank + bucket.count * fractionBelow(histogram, bucket, value),
        histogram.count,
      );
    }
    rank += bucket.count;
  }
  return Number.isNaN(histogram.sum) ? Math.min(rank, histogram.count) : histogram.count;
}

/** Which part of a bucket lies below a value inside of it. */
export function fractionBelow(
  histogram: Histogram,
  { lower, upper }: BucketRange,
  value: number,
): number {
  if (isCustom(histogram) || (lower <= 0 && upper >= 0)) {
    return lower === -Infinity ? 1 : (value - lower) / (upper - lower);
  }
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const logValue = Math.log2(Math.abs(value));
  if (value > 0) return (logValue - logLower) / (logUpper - logLower);
  return 1 - (logValue - logUpper) / (logLower - logUpper);
}

/** The mean of all observations. */
export function histogramAverage(histogram: Histogram): number {
  return histogram.sum / histogram.count;
}

/** The variance, with each bucket's observations at the middle of the bucket. */
export function histogramVariance(histogram: Histogram): number {
  const mean = histogram.sum / histogram.count;
  const total = { sum: 0, lost: 0 };
  for (const { lower, upper, count } of bucketRanges(histogram)) {
    const away = middleOf(histogram, lower, upper) - mean;
    addTo(total, count * away * away);
  }
  return (total.sum + total.lost) / histogram.count;
}

function middleOf(histogram: Histogram, lower: number, upper: number): number {
  if (isCustom(histogram)) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const middle = Math.sqrt(upper * lower);
  return upper < 0 ? -middle : middle;
}
