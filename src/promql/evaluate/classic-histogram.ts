/**
 * Classic histograms: series of cumulative counts, one for each upper bound.
 */
import { CUSTOM_SCHEMA, denseBuckets, EMPTY_HISTOGRAM, type Histogram } from './histogram.ts';

/** One bucket: how many observations were at most its bound. */
export interface ClassicBucket {
  upper: number;
  count: number;
}

/** What had to be changed so that the counts rise with the bounds. */
interface Repair {
  minBound: number;
  maxBound: number;
  maxDifference: number;
}

/** Differences of counts below this part of them are noise of floating-point arithmetic. */
const NOISE = 1e-12;

/** Buckets in order, equal bounds joined, counts forced to rise. */
export interface RisingBuckets {
  readonly buckets: readonly ClassicBucket[];
  readonly repair: Repair | undefined;
}

/** Puts buckets in order; undefined if the highest bound is not infinite. */
export function risingBuckets(given: readonly ClassicBucket[]): RisingBuckets | undefined {
  const sorted = given.toSorted((a, b) => (a.upper === b.upper ? 0 : a.upper < b.upper ? -1 : 1));
  if (sorted.at(-1)?.upper !== Infinity) return undefined;
  const buckets: ClassicBucket[] = [];
  for (const { upper, count } of sorted) {
    const last = buckets.at(-1);
    if (last?.upper === upper) last.count += count;
    else buckets.push({ upper, count });
  }
  let repair: Repair | undefined;
  let previous = buckets[0]?.count ?? 0;
  for (const bucket of buckets.slice(1)) {
    const { upper, count } = bucket;
    if (almostEqual(previous, count)) bucket.count = previous;
    else if (count < previous) {
      repair ??= { minBound: upper, maxBound: upper, maxDifference: 0 };
      repair.minBound = Math.min(repair.minBound, upper);
      repair.maxBound = Math.max(repair.maxBound, upper);
      repair.maxDifference = Math.max(repair.maxDifference, previous - count);
      bucket.count = previous;
    } else previous = count;
  }
  return { buckets, repair };
}

function almostEqual(a: number, b: number): boolean {
  if (a === b) return true;
  const sum = Math.abs(a) + Math.abs(b);
  return a !== 0 && b !== 0 && Math.abs(a - b) / Math.min(sum, Number.MAX_VALUE) < NOISE;
}

/** The quantile of rising buckets, interpolated evenly within a bucket. */
export function classicQuantile(q: number, buckets: readonly ClassicBucket[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const total = buckets.at(-1)?.count ?? 0;
  if (buckets.length < 2 || total === 0 || Number.isNaN(total)) return Number.NaN;
  let rank = q * total;
  const found = buckets.slice(0, -1).findIndex(({ count }) => count >= rank);
  if (found === -1) return buckets.at(-2)?.upper ?? Number.NaN;
  const { upper, count } = buckets[found] ?? { upper: Number.NaN, count: 0 };
  const below = buckets[found - 1];
  if (below === undefined && upper <= 0) return upper;
  let inBucket = count;
  if (below !== undefined) {
    inBucket -= below.count;
    rank -= below.count;
  }
  const start = below?.upper ?? 0;
  return start + (upper - start) * (rank / inBucket);
}

/** Rising buckets as a native histogram with custom bounds, without a sum. */
export function asHistogram(buckets: readonly ClassicBucket[]): Histogram {
  const counts = buckets.map(({ count }, at) => count - (buckets[at - 1]?.count ?? 0));
  return {
    ...EMPTY_HISTOGRAM,
    schema: CUSTOM_SCHEMA,
    customValues: buckets.slice(0, -1).map(({ upper }) => upper),
    positive: denseBuckets(0, counts),
    count: buckets.at(-1)?.count ?? 0,
  };
}
