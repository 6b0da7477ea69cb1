/**
 * Classic histograms: series of cumulative counts, one for each upper bound.
 */
import { CUSTOM_SCHEMA, denseBuckets, EMPTY_HISTOGRAM, type Histogram } from './histogram.ts';

/** What had to be changed so that the counts rise with the bounds. */
interface Repair {
  readonly minBound: number;
  readonly maxBound: number;
  readonly maxDifference: number;
}

/** Differences of counts below this part of them are noise of floating-point arithmetic. */
const NOISE = 1e-12;

/** The buckets of one histogram at one step; the arrays serve all steps, one after the other. */
export class ClassicBuckets {
  readonly #uppers: Float64Array;
  readonly #counts: Float64Array;
  #length = 0;

  /** @param capacity - the largest number of buckets */
  constructor(capacity: number) {
    this.#uppers = new Float64Array(capacity);
    this.#counts = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Adds a bucket whose bound is not below those before; buckets of equal bounds are joined. */
  add(upper: number, count: number): void {
    const last = this.#length - 1;
    if (last >= 0 && this.#uppers[last] === upper) {
      this.#counts[last] = (this.#counts[last] ?? 0) + count;
      return;
    }
    this.#uppers[this.#length] = upper;
    this.#counts[this.#length] = count;
    this.#length++;
  }

  /** Whether the highest bound is infinite, without which the buckets say nothing. */
  isComplete(): boolean {
    return this.#length > 0 && this.#uppers[this.#length - 1] === Infinity;
  }

  /** Forces the counts to rise with the bounds. Returns what was changed, noise aside. */
  forceRising(): Repair | undefined {
    const counts = this.#counts;
    let repair: { minBound: number; maxBound: number; maxDifference: number } | undefined;
    let previous = counts[0] ?? 0;
    for (let at = 1; at < this.#length; at++) {
      const count = counts[at] ?? 0;
      if (count === previous) continue;
      if (almostEqual(previous, count)) counts[at] = previous;
      else if (count < previous) {
        const upper = this.#uppers[at] ?? 0;
        repair ??= { minBound: upper, maxBound: upper, maxDifference: 0 };
        repair.minBound = Math.min(repair.minBound, upper);
        repair.maxBound = Math.max(repair.maxBound, upper);
        repair.maxDifference = Math.max(repair.maxDifference, previous - count);
        counts[at] = previous;
      } else previous = count;
    }
    return repair;
  }

  /** The quantile, interpolated evenly within a bucket; the counts must rise. */
  quantile(q: number): number {
    if (Number.isNaN(q)) return Number.NaN;
    if (q < 0) return -Infinity;
    if (q > 1) return Infinity;
    const uppers = this.#uppers;
    const counts = this.#counts;
    const top = this.#length - 1;
    const total = counts[top] ?? 0;
    if (top < 1 || total === 0 || Number.isNaN(total) || !this.isComplete()) return Number.NaN;
    const rank = q * total;
    let found = 0;
    while (found < top && !((counts[found] ?? 0) >= rank)) found++;
    if (found === top) return uppers[top - 1] ?? Number.NaN;
    const upper = uppers[found] ?? 0;
    if (found === 0 && upper <= 0) return upper;
    const below = found === 0 ? 0 : (counts[found - 1] ?? 0);
    const start = found === 0 ? 0 : (uppers[found - 1] ?? 0);
    return start + (upper - start) * ((rank - below) / ((counts[found] ?? 0) - below));
  }

  /** A native histogram with custom bounds, without a sum; the counts must rise. */
  toHistogram(): Histogram {
    if (!this.isComplete()) return EMPTY_HISTOGRAM;
    const counts = Array.from(this.#counts.subarray(0, this.#length));
    return {
      ...EMPTY_HISTOGRAM,
      schema: CUSTOM_SCHEMA,
      customValues: Array.from(this.#uppers.subarray(0, this.#length - 1)),
      positive: denseBuckets(
        0,
        counts.map((count, at) => count - (counts[at - 1] ?? 0)),
      ),
      count: counts.at(-1) ?? 0,
    };
  }
}

function almostEqual(a: number, b: number): boolean {
  const sum = Math.abs(a) + Math.abs(b);
  return a !== 0 && b !== 0 && Math.abs(a - b) / Math.min(sum, Number.MAX_VALUE) < NOISE;
}
