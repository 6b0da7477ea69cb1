/**
 * A native histogram as the query API prints it: ranges and counts, from which its schema is found.
 *
 * The API leaves out empty buckets, hints, and the zero bucket if it is empty. With custom bounds it
 * also leaves out bounds between empty buckets: the histogram then has the bounds that are left.
 */
import {
  CUSTOM_SCHEMA,
  type Histogram,
  NO_BUCKETS,
  upperBound,
} from '../../promql/evaluate/histogram.ts';
import { JsonSampleError, numberOf } from './json-samples.ts';

interface Range {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

/** The rule of a range that holds both of its ends: the zero bucket. */
const CLOSED = 3;
const MIN_SCHEMA = -4;
const MAX_SCHEMA = 8;
const EXACT = 1e-9;

/** @throws {JsonSampleError} if a value is no histogram */
export function histogramOf(value: unknown): Histogram {
  if (typeof value !== 'object' || value === null) throw new JsonSampleError('no histogram');
  const { count, sum, buckets = [] } = value as Readonly<Record<string, unknown>>;
  if (!Array.isArray(buckets)) throw new JsonSampleError('the buckets of a histogram are no list');
  const positive: Range[] = [];
  const negative: Range[] = [];
  let zero: Range | undefined;
  for (const bucket of buckets as unknown[]) {
    if (!Array.isArray(bucket) || bucket.length !== 4)
      throw new JsonSampleError('a bucket of a histogram is no list of four');
    const [lower, upper, number] = bucket.slice(1).map(numberOf) as [number, number, number];
    const range = { lower, upper, count: number };
    if (bucket[0] === CLOSED && lower === -upper) zero = range;
    else if (upper <= 0 && lower < 0 && lower !== -Infinity) negative.unshift(range);
    else positive.push(range);
  }
  const common = {
    ...({ count: numberOf(count), sum: numberOf(sum), hint: 'unknown' } as const),
    ...{ zeroThreshold: zero?.upper ?? 0, zeroCount: zero?.count ?? 0 },
  };
  const mirrored = negative.map(({ lower, upper, count: number }) => ({
    ...{ lower: -upper, upper: -lower, count: number },
  }));
  const schema = schemaOf([...positive, ...mirrored]);
  if (schema === undefined) return customHistogram(common, [...negative.toReversed(), ...positive]);
  const bucketsOf = (ranges: readonly Range[]): Histogram['positive'] => ({
    indices: ranges.map(({ upper }) => indexOf(upper, schema)),
    counts: ranges.map((range) => range.count),
  });
  return {
    ...common,
    ...{ schema, customValues: [] },
    positive: bucketsOf(positive),
    negative: bucketsOf(mirrored),
  };
}

/** The schema whose buckets the ranges are; undefined if they are none. */
function schemaOf(ranges: readonly Range[]): number | undefined {
  const first = ranges.find(({ lower, upper }) => lower > 0 && upper < Number.MAX_VALUE);
  if (first === undefined) return ranges.length === 0 ? 0 : undefined;
  const schema = Math.round(-Math.log2(Math.log2(first.upper / first.lower)));
  if (!(schema >= MIN_SCHEMA && schema <= MAX_SCHEMA)) return undefined;
  const fits = ranges.every(({ upper }) => {
    const bound = upperBound({ schema, customValues: [] }, indexOf(upper, schema));
    return bound === upper || Math.abs(bound / upper - 1) < EXACT;
  });
  return fits ? schema : undefined;
}

function indexOf(upper: number, schema: number): number {
  if (upper === Infinity) return Math.round(1024 * 2 ** schema) + 1;
  return Math.round(Math.log2(upper) * 2 ** schema);
}

function customHistogram(
  common: Pick<Histogram, 'count' | 'sum' | 'hint' | 'zeroThreshold' | 'zeroCount'>,
  ranges: readonly Range[],
): Histogram {
  const bounds = new Set(ranges.flatMap(({ lower, upper }) => [lower, upper]));
  const customValues = [...bounds].filter(Number.isFinite).sort((a, b) => a - b);
  return {
    ...common,
    ...{ schema: CUSTOM_SCHEMA, customValues, negative: NO_BUCKETS },
    ...{ zeroThreshold: 0, zeroCount: 0 },
    positive: {
      indices: ranges.map(({ upper }) => {
        return upper === Infinity ? customValues.length : customValues.indexOf(upper);
      }),
      counts: ranges.map(({ count }) => count),
    },
  };
}
