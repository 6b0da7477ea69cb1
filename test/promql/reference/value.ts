/**
 * Values of the slow, obvious evaluator: numbers, and histograms as counts by bucket.
 */
import { EMPTY_HISTOGRAM, type Histogram } from '../../../src/promql/evaluate/histogram.ts';

/** Where buckets near zero end; the same in all histograms of the reference. */
const ZERO_THRESHOLD = 0.001;

/** A native histogram with exponential buckets. */
export interface Buckets {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zero: number;
  /** Counts by the sign and the index of the bucket: `+3`, `-2`. */
  readonly counts: ReadonlyMap<string, number>;
}

export type Value = number | Buckets;

/** Two series have become one, or have two partners; the message is not compared. */
export class Ambiguous extends Error {}

/** The rules leave the answer open, or the evaluator does not know them: the query is not compared. */
export class Undecided extends Error {}

export function isNumber(value: Value): value is number {
  return typeof value === 'number';
}

/** Halves the resolution until the schema is reached: buckets 2i - 1 and 2i become bucket i. */
function reduced(histogram: Buckets, schema: number): Buckets {
  let { counts } = histogram;
  for (let at = histogram.schema; at > schema; at--) {
    const merged = new Map<string, number>();
    for (const [key, count] of counts) {
      const into = `${key[0]}${Math.ceil(Number(key.slice(1)) / 2)}`;
      merged.set(into, (merged.get(into) ?? 0) + count);
    }
    counts = merged;
  }
  return { ...histogram, schema: Math.min(schema, histogram.schema), counts };
}

/** The first histogram plus the second one times a factor. */
export function added(a: Buckets, b: Buckets, factor = 1): Buckets {
  const schema = Math.min(a.schema, b.schema);
  const [left, right] = [reduced(a, schema), reduced(b, schema)];
  const counts = new Map(left.counts);
  for (const [key, count] of right.counts) counts.set(key, (counts.get(key) ?? 0) + factor * count);
  return {
    schema,
    count: a.count + factor * b.count,
    sum: a.sum + factor * b.sum,
    zero: a.zero + factor * b.zero,
    // A bucket that has become empty is none.
    counts: new Map([...counts].filter(([, count]) => count !== 0)),
  };
}

/** Every count and the sum through a function. */
export function mapped({ schema, ...of }: Buckets, change: (count: number) => number): Buckets {
  return {
    schema,
    count: change(of.count),
    sum: change(of.sum),
    zero: change(of.zero),
    counts: new Map([...of.counts].map(([key, count]) => [key, change(count)])),
  };
}

/** The histograms added up. */
export function total(all: readonly Buckets[]): Buckets {
  return all.reduce((sum, one) => added(sum, one));
}

/** Whether the counter of a histogram began anew after the one before. */
export function isReset(current: Buckets, previous: Buckets): boolean {
  if (current.count < previous.count || current.zero < previous.zero) return true;
  if (current.schema > previous.schema) return true;
  const before = reduced(previous, current.schema);
  return [...before.counts].some(([key, count]) => (current.counts.get(key) ?? 0) < count);
}

/** A text that is equal for equal histograms. */
export function textOf({ schema, count, sum, zero, counts }: Buckets): string {
  const populated = [...counts].filter(([, of]) => of !== 0).sort();
  return JSON.stringify([schema, ...[count, sum, zero].map(String), populated]);
}

export function toHistogram({ schema, count, sum, zero, counts }: Buckets): Histogram {
  const side = (sign: string) => {
    const of = [...counts]
      .filter(([key, one]) => key[0] === sign && one !== 0)
      .map(([key, one]) => [Number(key.slice(1)), one] as const)
      .sort(([a], [b]) => a - b);
    return { indices: of.map(([index]) => index), counts: of.map(([, one]) => one) };
  };
  return {
    ...EMPTY_HISTOGRAM,
    ...{ schema, count, sum, zeroCount: zero, zeroThreshold: ZERO_THRESHOLD },
    positive: side('+'),
    negative: side('-'),
  };
}

export function fromHistogram(of: Histogram): Buckets {
  const side = (sign: string, { indices, counts }: Histogram['positive']) =>
    indices.map((index, at) => [`${sign}${index}`, counts[at] ?? 0] as const);
  return {
    ...{ schema: of.schema, count: of.count, sum: of.sum, zero: of.zeroCount },
    counts: new Map([...side('+', of.positive), ...side('-', of.negative)]),
  };
}

interface Range {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/** The populated buckets from the lowest to the highest; the zero bucket ends at zero where all others lie on one side. */
function rangesOf({ schema, zero, counts }: Buckets): Range[] {
  const bound = (index: number) => 2 ** (index / 2 ** schema);
  const ranges = [...counts]
    .filter(([, count]) => count !== 0)
    .map(([key, count]) => {
      const index = Number(key.slice(1));
      return key[0] === '+'
        ? { lower: bound(index - 1), upper: bound(index), count }
        : { lower: -bound(index), upper: -bound(index - 1), count };
    });
  if (zero !== 0) {
    const [below, above] = [
      ranges.some((one) => one.upper < 0),
      ranges.some((one) => one.lower > 0),
    ];
    ranges.push({
      lower: above && !below ? 0 : -ZERO_THRESHOLD,
      upper: below && !above ? 0 : ZERO_THRESHOLD,
      count: zero,
    });
  }
  return ranges.sort((a, b) => a.lower - b.lower);
}

/** The q-quantile of the observations. */
export function quantile(q: number, histogram: Buckets): number {
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  if (histogram.count === 0 || Number.isNaN(q)) return Number.NaN;
  const ranges = rangesOf(histogram);
  const rank = q * histogram.count;
  let seen = 0;
  for (const { lower, upper, count } of ranges) {
    if (count < 0) throw new Undecided();
    const next = seen + count;
    // From below and from above, a rank on a bucket's end lies in different buckets.
    if (Math.abs(next - rank) < 1e-6 || Math.abs(seen - rank) < 1e-6) throw new Undecided();
    if (next > rank) return pointIn(lower, upper, (rank - seen) / count);
    seen = next;
  }
  throw new Undecided();
}

function pointIn(lower: number, upper: number, part: number): number {
  if (lower <= 0 && upper >= 0) return lower + (upper - lower) * part;
  const [from, to] = [Math.log2(Math.abs(lower)), Math.log2(Math.abs(upper))];
  return Math.sign(lower) * 2 ** (from + (to - from) * part);
}
