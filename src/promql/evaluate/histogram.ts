/**
 * Native histograms: plain, immutable data, and the buckets as a list of ranges.
 *
 * Buckets are kept sparse: only those whose count is not zero, in rising order of their index.
 */

/** Whether a histogram continues the one before it in its series. */
export type CounterResetHint = 'unknown' | 'reset' | 'not_reset' | 'gauge';

/** The schema of histograms whose bounds are listed instead of computed. */
export const CUSTOM_SCHEMA = -53;

/** Buckets of one sign: an index and a count each. */
export interface Buckets {
  readonly indices: readonly number[];
  readonly counts: readonly number[];
}

/** A native histogram with floating-point counts. */
export interface Histogram {
  /** -4 to 8: bucket i ends at 2^(i x 2^-schema); {@link CUSTOM_SCHEMA}: at `customValues[i]`. */
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: Buckets;
  /** The same ranges mirrored at zero; always empty with custom bounds. */
  readonly negative: Buckets;
  /** Rising upper bounds; the bucket after the last one is open. */
  readonly customValues: readonly number[];
  readonly hint: CounterResetHint;
}

/** No buckets at all. */
export const NO_BUCKETS: Buckets = { indices: [], counts: [] };

/** A histogram without observations. */
export const EMPTY_HISTOGRAM: Histogram = {
  schema: 0,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 0,
  sum: 0,
  positive: NO_BUCKETS,
  negative: NO_BUCKETS,
  customValues: [],
  hint: 'unknown',
};

/** Whether the bounds of a histogram are listed instead of computed. */
export function isCustom(histogram: Histogram): boolean {
  return histogram.schema === CUSTOM_SCHEMA;
}

/** Buckets from counts that follow each other without gaps. */
export function denseBuckets(offset: number, counts: readonly number[]): Buckets {
  return compactBuckets({ indices: counts.map((_, at) => offset + at), counts });
}

/** The buckets whose count is not zero. */
export function compactBuckets(buckets: Buckets): Buckets {
  if (!buckets.counts.includes(0)) return buckets;
  const indices: number[] = [];
  const counts: number[] = [];
  for (let at = 0; at < buckets.indices.length; at++) {
    const count = buckets.counts[at] ?? 0;
    if (count === 0) continue;
    indices.push(buckets.indices[at] ?? 0);
    counts.push(count);
  }
  return { indices, counts };
}

/** The upper bound of the bucket of an index; the lower bound is that of the index before. */
export function upperBound(
  histogram: Pick<Histogram, 'schema' | 'customValues'>,
  index: number,
): number {
  const { schema, customValues } = histogram;
  if (schema === CUSTOM_SCHEMA) {
    if (index < 0) return -Infinity;
    return customValues[index] ?? Infinity;
  }
  const exponent = schema < 0 ? index * 2 ** -schema : index / 2 ** schema;
  // The last finite bound is the largest double, so that infinities alone fall above it.
  if (exponent === 1024) return Number.MAX_VALUE;
  const whole = Math.floor(exponent);
  const bound = 2 ** (exponent - whole);
  return whole < -1022 ? bound * 2 ** -1022 * 2 ** (whole + 1022) : bound * 2 ** whole;
}

/** One bucket as a range. All but the zero bucket exclude the end that lies nearer to minus infinity. */
export interface BucketRange {
  lower: number;
  upper: number;
  readonly count: number;
}

/** The populated buckets from the lowest to the highest, the zero bucket among them. */
export function bucketRanges(histogram: Histogram): BucketRange[] {
  const { positive, negative, zeroCount, zeroThreshold } = histogram;
  const ranges: BucketRange[] = [];
  for (let at = negative.indices.length - 1; at >= 0; at--) {
    const index = negative.indices[at] ?? 0;
    const lower = -upperBound(histogram, index);
    const upper = -upperBound(histogram, index - 1);
    ranges.push({ lower, upper, count: negative.counts[at] ?? 0 });
  }
  if (zeroCount !== 0)
    ranges.push({ lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount });
  for (let at = 0; at < positive.indices.length; at++) {
    const index = positive.indices[at] ?? 0;
    const lower = upperBound(histogram, index - 1);
    ranges.push({ lower, upper: upperBound(histogram, index), count: positive.counts[at] ?? 0 });
  }
  return ranges;
}

/** Whether two histograms hold the same observations in the same layout; hints do not count. */
export function equalHistograms(a: Histogram, b: Histogram): boolean {
  return (
    a.schema === b.schema &&
    same(a.count, b.count) &&
    same(a.sum, b.sum) &&
    (isCustom(a) || (a.zeroThreshold === b.zeroThreshold && same(a.zeroCount, b.zeroCount))) &&
    sameNumbers(a.customValues, b.customValues) &&
    sameNumbers(a.positive.indices, b.positive.indices) &&
    sameNumbers(a.positive.counts, b.positive.counts) &&
    sameNumbers(a.negative.indices, b.negative.indices) &&
    sameNumbers(a.negative.counts, b.negative.counts)
  );
}

/** Whether two lists hold the same numbers; NaN equals NaN. */
export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((value, at) => same(value, b[at] ?? Number.NaN));
}

function same(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}
