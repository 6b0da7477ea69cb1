/** Random series for the reference evaluator: gaps, resets, stale markers, NaN, infinities, and native histograms. */
import fc from 'fast-check';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import type { Labels } from './element.ts';
import type { Sample, Series } from './reference.ts';
import { added, type Buckets, isNumber, toHistogram } from './value.ts';

/** Small whole numbers, so that no sum is rounded, and all that is no number. */
const number = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: -5, max: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
  { weight: 1, arbitrary: fc.constant('stale' as const) },
);
const count = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 1, arbitrary: fc.constant('stale' as const) },
);

const KEYS = ['+1', '+2', '+4', '-1', '-3'];
const histogram = fc
  .record({
    schema: fc.constantFrom(0, 0, 0, 1),
    zero: fc.integer({ min: 0, max: 3 }),
    counts: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 5, maxLength: 5 }),
    sum: fc.integer({ min: -10, max: 50 }),
  })
  .map(({ schema, zero, counts, sum }): Buckets => {
    const byKey = KEYS.map((key, at) => [key, counts[at] ?? 0] as const).filter(
      ([, one]) => one > 0,
    );
    const total = zero + byKey.reduce((all, [, one]) => all + one, 0);
    return { schema, zero, count: total, sum, counts: new Map(byKey) };
  });

function samplesOf<T>(value: fc.Arbitrary<T>): fc.Arbitrary<{ timeMs: number; value: T }[]> {
  return fc
    .array(fc.tuple(fc.integer({ min: 1, max: 100 }), value), { maxLength: 40 })
    .map((steps) => {
      let timeMs = 0;
      return steps.map(([gap, one]) => {
        // Gaps are mostly shorter than a minute, and sometimes longer than the lookback.
        timeMs += gap > 95 ? gap * 4_000 : gap * 500;
        return { timeMs, value: one };
      });
    });
}

const numbers: fc.Arbitrary<Sample[]> = samplesOf(number);
const counts: fc.Arbitrary<Sample[]> = samplesOf(count);
/** Mostly numbers; a histogram now and then. */
const mixed: fc.Arbitrary<Sample[]> = samplesOf(
  fc.oneof({ weight: 9, arbitrary: number }, { weight: 1, arbitrary: histogram }),
);
/** Each histogram is added to the one before, unless the counter begins anew. */
const histograms: fc.Arbitrary<Sample[]> = samplesOf(
  fc.tuple(histogram, fc.constantFrom('adds', 'adds', 'adds', 'anew', 'stale')),
).map((list) => {
  let known: Buckets | undefined;
  return list.map(({ timeMs, value: [next, how] }): Sample => {
    if (how === 'stale') return { timeMs, value: 'stale' };
    known = known === undefined || how === 'anew' ? next : added(known, next);
    return { timeMs, value: known };
  });
});

const SERIES: readonly (readonly [Labels, fc.Arbitrary<Sample[]>])[] = [
  [{ __name__: 'a_total', job: 'x', pod: '1' }, numbers],
  [{ __name__: 'a_total', job: 'x', pod: '2' }, numbers],
  [{ __name__: 'a_total', job: 'y', pod: '1' }, mixed],
  [{ __name__: 'b_total', job: 'x', pod: '1' }, numbers],
  [{ __name__: 'b_total', job: 'y', pod: '2' }, numbers],
  [{ __name__: 'c_bucket', job: 'x', le: '1' }, counts],
  [{ __name__: 'c_bucket', job: 'x', le: '2' }, counts],
  [{ __name__: 'c_bucket', job: 'x', le: '+Inf' }, counts],
  [{ __name__: 'c_bucket', job: 'y', le: '0.5' }, counts],
  [{ __name__: 'c_bucket', job: 'y', le: '+Inf' }, counts],
  [{ __name__: 'h', job: 'x', pod: '1' }, histograms],
  [{ __name__: 'h', job: 'y', pod: '2' }, histograms],
];

/** All series of a random database. */
export const randomSeries: fc.Arbitrary<Series[]> = fc
  .tuple(...SERIES.map(([, samples]) => samples))
  .map((all) => all.map((samples, at) => ({ labels: SERIES[at]?.[0] ?? {}, samples })));

/** The same samples as a storage gives them. */
export function toBlock({ labels, samples }: Series): SeriesBlock {
  const values = Float64Array.from(samples, ({ value }) =>
    value === 'stale' || !isNumber(value) ? 0 : value,
  );
  const found = samples.map(({ value }) =>
    value === 'stale' || isNumber(value) ? undefined : toHistogram(value),
  );
  samples.forEach(({ value }, at) => {
    if (value === 'stale') writeStale(values, at);
  });
  return {
    labels: Object.entries(labels),
    timesMs: Float64Array.from(samples, ({ timeMs }) => timeMs),
    values,
    ...(found.some((one) => one !== undefined) ? { histograms: found } : {}),
  };
}
