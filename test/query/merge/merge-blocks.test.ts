import assert from 'node:assert/strict';
import fc from 'fast-check';
import { EMPTY_HISTOGRAM } from '../../../src/promql/evaluate/histogram.ts';
import { isStale, wordsOf } from '../../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import type { MergeRules } from '../../../src/query/merge/fill-holes.ts';
import { mergeBlocks } from '../../../src/query/merge/merge-blocks.ts';
import { notedValues, seriesOf, timedSeries } from '../../support/sample-series.ts';

const RULES: MergeRules = { antiAffinityMs: 10_000, dynamic: false, preferMax: false };
const AT_MS = 1_700_000_000_000;
const STEP_MS = 15_000;

/** Samples of which each may be a number, a marker, or missing; at least one is there. */
const samples = (length: number) =>
  fc
    .array(
      fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 0, max: 50 }) },
        fc.constant('stale' as const),
        fc.constant(undefined),
      ),
      {
        minLength: length,
        maxLength: length,
      },
    )
    .filter((all) => all.some((one) => one !== undefined));

const replica = fc
  .record({ noted: samples(60), phaseMs: fc.integer({ min: 0, max: STEP_MS - 1 }) })
  .map(({ noted, phaseMs }) => seriesOf('up', AT_MS + phaseMs, noted));

const rules = fc.record({
  antiAffinityMs: fc.integer({ min: 1, max: 30 }).map((seconds) => seconds * 1000),
  dynamic: fc.boolean(),
  preferMax: fc.constant(false),
});

function merged(blocks: readonly SeriesBlock[], by: MergeRules = RULES): SeriesBlock {
  return mergeBlocks(blocks, by);
}

/** Times and values as texts; markers by name. */
function noted(block: SeriesBlock): readonly string[] {
  return notedValues(block).map((value, at) => `${block.timesMs[at]} ${value}`);
}

function live(block: SeriesBlock): readonly string[] {
  return noted(block).filter((text) => !text.endsWith('stale'));
}

describe('the merge of replicas', () => {
  it('gives samples of the replicas only, in the order of their times, each time once', () => {
    fc.assert(
      fc.property(fc.array(replica, { minLength: 1, maxLength: 4 }), rules, (blocks, by) => {
        const result = merged(blocks, by);

        const known = new Set(blocks.flatMap(noted));
        for (const text of noted(result)) assert.ok(known.has(text), text);
        for (let at = 1; at < result.timesMs.length; at++) {
          assert.ok(result.timesMs[at - 1]! < result.timesMs[at]!);
        }
      }),
    );
  });

  it('keeps every number of the series that has most', () => {
    fc.assert(
      fc.property(fc.array(replica, { minLength: 1, maxLength: 4 }), rules, (blocks, by) => {
        const result = new Set(noted(merged(blocks, by)));

        const most = Math.max(...blocks.map((block) => live(block).length));
        const bases = blocks.filter((block) => live(block).length === most);
        assert.ok(bases.some((base) => live(base).every((text) => result.has(text))));
      }),
    );
  });

  it('makes nothing of a series and itself, and nothing of a series and an empty one', () => {
    fc.assert(
      fc.property(replica, rules, (block, by) => {
        const empty = { ...block, timesMs: new Float64Array(0), values: new Float64Array(0) };

        assert.deepEqual(noted(merged([block, block], by)), noted(block));
        assert.deepEqual(noted(merged([empty, block], by)), noted(block));
      }),
    );
  });

  it('does not depend on the order of two replicas of different length', () => {
    fc.assert(
      fc.property(replica, replica, rules, (one, two, by) => {
        fc.pre(live(one).length !== live(two).length);

        assert.deepEqual(noted(merged([one, two], by)), noted(merged([two, one], by)));
      }),
    );
  });

  it('takes no sample that is as near to one of the base as a sample of the same scrape', () => {
    const regular = fc.record({
      missing: fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { maxLength: 20 }),
      phaseMs: fc.integer({ min: 0, max: STEP_MS - 1 }),
    });
    const make = ({ missing, phaseMs }: { missing: number[]; phaseMs: number }, value: number) =>
      seriesOf(
        'up',
        AT_MS + phaseMs,
        Array.from({ length: 60 }, (_, at) => (missing.includes(at) ? undefined : value)),
      );
    fc.assert(
      fc.property(regular, regular, (one, two) => {
        fc.pre(one.phaseMs !== two.phaseMs);
        const { timesMs, values } = merged([make(one, 1), make(two, 2)]);

        for (let at = 1; at < timesMs.length; at++) {
          if (values[at] === values[at - 1]) continue;
          assert.ok(timesMs[at]! - timesMs[at - 1]! >= STEP_MS / 2);
        }
      }),
    );
  });

  it('is whole again if copies of one series have different holes', () => {
    const cut = fc.array(fc.constantFrom('both', 'both', 'first', 'second'), {
      minLength: 30,
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        cut,
        fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 30, maxLength: 30 }),
        (owners, gaps) => {
          let timeMs = AT_MS;
          const all = owners.map((owner, at) => {
            timeMs += (gaps[at] ?? 1) * 1000;
            return { owner, timeMs, value: at };
          });
          const of = (other: string) =>
            timedSeries(
              'up',
              all.filter(({ owner }) => owner !== other),
            );
          const one = of('second');
          const two = of('first');
          const common = all.filter(({ owner }) => owner === 'both').length;
          fc.pre(common * 2 >= Math.min(one.timesMs.length, two.timesMs.length));

          assert.deepEqual(noted(merged([one, two])), noted(timedSeries('up', all)));
        },
      ),
    );
  });

  it('never lets a counter fall, though clocks differ by 5 s', () => {
    const hole = fc.tuple(fc.integer({ min: 0, max: 220 }), fc.integer({ min: 1, max: 40 }));
    const scraper = fc.record({
      phaseMs: fc.integer({ min: 0, max: STEP_MS - 1 }),
      skewMs: fc.integer({ min: -2_500, max: 2_500 }),
      holes: fc.array(hole, { maxLength: 3 }),
    });
    const counter = (trueMs: number) => Math.floor((trueMs - AT_MS) / 10);
    const make = ({
      phaseMs,
      skewMs,
      holes,
    }: {
      phaseMs: number;
      skewMs: number;
      holes: [number, number][];
    }) => {
      const steps = Array.from({ length: 240 }, (_, at) => at);
      const kept = steps.filter((at) =>
        holes.every(([from, length]) => at < from || at >= from + length),
      );
      return timedSeries(
        'requests_total',
        kept.map((at) => {
          const trueMs = AT_MS + phaseMs + at * STEP_MS;
          return { timeMs: trueMs + skewMs, value: counter(trueMs) };
        }),
      );
    };
    fc.assert(
      fc.property(scraper, scraper, (one, two) => {
        const a = make(one);
        const b = make(two);
        fc.pre(a.timesMs.length > 4 && b.timesMs.length > 4);
        const { values } = merged([a, b]);

        for (let at = 1; at < values.length; at++) assert.ok(values[at]! >= values[at - 1]!);
      }),
      { numRuns: 500 },
    );
  });

  it('fills a hole from the other replica', () => {
    const one = seriesOf('up', AT_MS, [1, 2, 3, undefined, undefined, undefined, 7, 8, 9]);
    const two = seriesOf('up', AT_MS + 5_000, [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]);

    assert.deepEqual(notedValues(merged([one, two])), [1, 2, 3, 4.5, 5.5, 6.5, 7, 8, 9]);
  });

  it('does not double the samples of a slow series whose replica is fast', () => {
    const slow = seriesOf('up', AT_MS, Array(100).fill(1), 60_000);
    const fast = seriesOf('up', AT_MS + 5_000, Array(90).fill(2));

    assert.deepEqual(merged([slow, fast]), slow);
  });

  it('keeps a series ended that has ended in both', () => {
    const one = seriesOf('up', AT_MS, [1, 2, 3, 4, 5, 'stale']);
    const two = seriesOf('up', AT_MS + 5_000, [1, 2, 3, 4, 5, 'stale']);

    assert.deepEqual(notedValues(merged([one, two])).at(-1), 'stale');
  });

  it('drops the marker of a scrape that failed while the other replica went on', () => {
    const one = seriesOf('up', AT_MS, [1, 2, 3, 'stale', 5, 6, 7, 8]);
    const two = seriesOf('up', AT_MS + 7_500, [1, 2, 3, 4, 5, 6, 7]);

    assert.ok(!notedValues(merged([one, two])).includes('stale'));
  });

  it('takes the greatest value of a scrape if asked to', () => {
    const one = seriesOf('up', AT_MS, [1, 9, 3, 4, 5]);
    const two = seriesOf('up', AT_MS + 2_000, [2, 2, 2, 8]);

    assert.deepEqual(
      notedValues(merged([one, two], { ...RULES, preferMax: true })),
      [2, 9, 3, 8, 5],
    );
  });

  it('carries histograms and start times along', () => {
    const histogram = { ...EMPTY_HISTOGRAM, count: 3 };
    const one = {
      ...seriesOf('up', AT_MS, [1, 2, 3]),
      startTimesMs: Float64Array.of(5, 5, 5),
    };
    const later = seriesOf('up', AT_MS + 300_000, [0]);
    const two = { ...later, histograms: [histogram], startTimesMs: Float64Array.of(7) };

    const { histograms, startTimesMs } = merged([one, two]);

    assert.deepEqual(histograms, [undefined, undefined, undefined, histogram]);
    assert.deepEqual([...(startTimesMs ?? [])], [5, 5, 5, 7]);
  });

  it('keeps the bits of stale markers', () => {
    const one = seriesOf('up', AT_MS, [1, 2, 3, 'stale']);
    const two = seriesOf('up', AT_MS + 400_000, [7, 'stale']);

    const { values } = merged([one, two]);

    const words = wordsOf(values);
    assert.deepEqual(
      Array.from(values, (_, at) => isStale(words, at)),
      [...[false, false, false, true, false, true]],
    );
  });
});
