/** The columnar evaluation gives what a slow, obvious one gives, on random data and random queries. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ABSENT } from '../../../src/promql/evaluate/columns.ts';
import { evaluate } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import { writeStale } from '../../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { parse } from '../../../src/promql/parse.ts';
import { arbitraryQueries, OVER_TIME } from './arbitrary-queries.ts';
import {
  Ambiguous,
  type Element,
  keyOf,
  Reference,
  type Sample,
  type Series,
} from './reference.ts';

const START_MS = 600_000;
const STEPS = 7;

/** Small whole numbers, so that no sum is rounded, and all that is no number. */
const value = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: -5, max: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
  { weight: 1, arbitrary: fc.constant('stale' as const) },
);

const samples = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 100 }), value), { maxLength: 40 })
  .map((steps) => {
    let timeMs = 0;
    return steps.map(([gap, one]): Sample => {
      // Gaps are mostly shorter than a minute, and sometimes longer than the lookback.
      timeMs += gap > 95 ? gap * 4_000 : gap * 500;
      return { timeMs, value: one };
    });
  });

const database = fc.record({
  a1: samples,
  a2: samples,
  a3: samples,
  b1: samples,
  b2: samples,
});

const LABELS: Readonly<Record<string, Series['labels']>> = {
  a1: { __name__: 'a_total', job: 'x', pod: '1' },
  a2: { __name__: 'a_total', job: 'x', pod: '2' },
  a3: { __name__: 'a_total', job: 'y', pod: '1' },
  b1: { __name__: 'b_total', job: 'x', pod: '1' },
  b2: { __name__: 'b_total', job: 'y', pod: '2' },
};

const vector = arbitraryQueries({ functions: OVER_TIME, at: '700' });

function toBlock({ labels, samples: list }: Series): SeriesBlock {
  const values = Float64Array.from(list, (one) => (one.value === 'stale' ? 0 : one.value));
  list.forEach((one, at) => {
    if (one.value === 'stale') writeStale(values, at);
  });
  const timesMs = Float64Array.from(list, ({ timeMs }) => timeMs);
  return { labels: Object.entries(labels), timesMs, values };
}

/** All values by label set and step, or why there are none. */
type Answer = Map<string, number[]> | 'ambiguous';

async function columnar(series: readonly Series[], text: string, stepMs: number): Promise<Answer> {
  const times = { startMs: START_MS, endMs: START_MS + (STEPS - 1) * stepMs, stepMs };
  const settings = {
    ...{ ...times, storage: memoryStorage(series.map(toBlock)), lookbackMs: 300_000 },
    ...{ subqueryStepMs: 60_000, delayedNameRemoval: false, typeLabels: false, startTimes: false },
  };
  try {
    const { value: got } = await evaluate({ text, tree: parse(text) }, settings, {
      maxSamples: 1e6,
    });
    assert.ok(got.type === 'vector');
    const { columns } = got;
    return new Map(
      columns.labels.map(({ names, values }, row) => [
        keyOf(Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']))),
        Array.from({ length: STEPS }, (_, step) => {
          const cell = row * STEPS + step;
          return columns.kinds[cell] === ABSENT ? -0.125 : (columns.values[cell] ?? 0);
        }),
      ]),
    );
  } catch (error) {
    if (error instanceof EvaluationError) return 'ambiguous';
    throw error;
  }
}

/** A step without a value is written as -0.125, which no query of this test gives by chance. */
function obvious(series: readonly Series[], text: string, stepMs: number): Answer {
  const endMs = START_MS + (STEPS - 1) * stepMs;
  const reference = new Reference(series, START_MS, endMs);
  const tree = parse(text);
  const answer = new Map<string, number[]>();
  try {
    for (let step = 0; step < STEPS; step++) {
      for (const { labels, value: one } of reference.evaluate(tree, START_MS + step * stepMs)) {
        const key = keyOf(labels as Element['labels']);
        const row = answer.get(key) ?? new Array<number>(STEPS).fill(-0.125);
        answer.set(key, row);
        row[step] = one;
      }
    }
  } catch (error) {
    if (error instanceof Ambiguous) return 'ambiguous';
    throw error;
  }
  return answer;
}

function assertSame(got: Answer, wanted: Answer, text: string): void {
  if (got === 'ambiguous' || wanted === 'ambiguous') {
    assert.equal(got === 'ambiguous', wanted === 'ambiguous', text);
    return;
  }
  assert.deepEqual([...got.keys()].toSorted(), [...wanted.keys()].toSorted(), text);
  for (const [key, row] of wanted) {
    row.forEach((one, step) => {
      const other = got.get(key)?.[step] ?? Number.NaN;
      const same =
        Object.is(one + 0, other + 0) || Math.abs(one - other) <= 1e-9 * (Math.abs(one) + 1);
      assert.ok(same, `${text}: ${key} at step ${step}: ${one} and ${other}`);
    });
  }
}

describe('the columnar evaluation', () => {
  it('agrees with a slow, obvious one', async () => {
    await fc.assert(
      fc.asyncProperty(
        database,
        vector,
        fc.constantFrom(15_000, 40_000),
        async (data, text, stepMs) => {
          const series = Object.entries(data).map(([key, list]) => ({
            labels: LABELS[key] ?? {},
            samples: list,
          }));

          const got = await columnar(series, text, stepMs);

          assertSame(got, obvious(series, text, stepMs), text);
        },
      ),
      { numRuns: 400 },
    );
  });
});
