/** Samples for property tests: times and values as they come, and as nobody expects them. */
import fc from 'fast-check';
import type { Buckets, Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { CUSTOM_SCHEMA } from '../../../src/promql/evaluate/histogram.ts';
import { wordsOfNumber } from '../../support/query-server/bit-writer.ts';
import {
  type FloatSample,
  STALE_HIGH,
  STALE_LOW,
} from '../../support/query-server/encode-floats.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const number = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer().map(Number),
  fc.constantFrom(0, -0, 1, 1.5, 1e300, 5e-324, Infinity),
);
/** The high and the low word of a value. */
const bits = fc.oneof(
  { weight: 6, arbitrary: number.map(wordsOfNumber) },
  fc.tuple(word, word),
  fc.constant([STALE_HIGH, STALE_LOW] as const),
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(15_000, 15_001, 60_000) },
  fc.constantFrom(1, 8_191 + 15_000, 15_000 - 8_191, 8_192 + 15_000, 65_536 + 15_000, 2 ** 40),
  fc.integer({ min: 1, max: 2 ** 30 }),
);
const start = fc.constantFrom(0, 0, 1, 1_700_000_000_000, 1_700_000_015_000);
const firstMs = fc.oneof(
  fc.constantFrom(0, -1_000, 1_700_000_000_000),
  fc.integer({ min: -(2 ** 40), max: 2 ** 42 }),
);

/** At least one sample; times rise. */
export function floatSamples(withStarts: boolean): fc.Arbitrary<FloatSample[]> {
  const one = fc.record({ step, bits, startMs: withStarts ? start : fc.constant(0) });
  const repeated = fc.tuple(one, fc.integer({ min: 1, max: 60 }));
  return fc
    .tuple(firstMs, fc.array(repeated, { minLength: 1, maxLength: 12 }))
    .map(([first, runs]) => {
      let timeMs = first;
      return runs.flatMap(([sample, times]) =>
        Array.from({ length: times }, () => {
          timeMs += sample.step;
          const [high, low] = sample.bits;
          return { timeMs, high: high >>> 0, low: low >>> 0, startMs: sample.startMs };
        }),
      );
    });
}

function buckets(indices: readonly number[], count: fc.Arbitrary<number>): fc.Arbitrary<Buckets> {
  return fc
    .array(count, { minLength: indices.length, maxLength: indices.length })
    .map((counts) => ({ indices, counts }));
}

const indices = fc
  .uniqueArray(fc.integer({ min: -40, max: 40 }), { maxLength: 8 })
  .map((all) => all.sort((a, b) => a - b));
const layout = fc.oneof(
  fc.record({
    schema: fc.integer({ min: -4, max: 8 }),
    zeroThreshold: fc.constantFrom(0, 2 ** -128, 0.001, 0.5, 1, 2 ** 300),
    positive: indices,
    negative: indices,
    customValues: fc.constant<number[]>([]),
  }),
  fc
    .uniqueArray(fc.oneof(fc.constantFrom(-1, 0.005, 1, 10, 1e9, 0.1234), number), {
      minLength: 1,
      maxLength: 8,
      comparator: 'SameValueZero',
    })
    .map((bounds) => ({
      schema: CUSTOM_SCHEMA,
      zeroThreshold: 0,
      positive: Array.from({ length: bounds.length + 1 }, (_, at) => at),
      negative: [],
      customValues: bounds.map((bound) => bound + 0).sort((a, b) => a - b), // -0 comes back as 0
    })),
);

/** Histograms of one layout; the buckets may be empty. */
export function histograms(counts: 'integer' | 'float'): fc.Arbitrary<Histogram[]> {
  const count =
    counts === 'integer'
      ? fc.oneof(fc.nat(20), fc.nat(), fc.constantFrom(2 ** 40, 0, 1))
      : fc.oneof(number, fc.nat(20).map(Number));
  return layout.chain(({ positive, negative, ...rest }) =>
    fc.array(
      fc.record({
        ...{ count, zeroCount: count, sum: number },
        positive: buckets(positive, count),
        negative: buckets(negative, count),
        ...Object.fromEntries(
          Object.entries(rest).map(([name, value]) => [name, fc.constant(value)]),
        ),
        hint: fc.constant('unknown'),
      }) as unknown as fc.Arbitrary<Histogram>,
      { minLength: 1, maxLength: 12 },
    ),
  );
}
