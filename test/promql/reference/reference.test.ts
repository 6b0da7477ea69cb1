/** The columnar evaluation gives what a slow, obvious one gives, on random data and random queries. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ABSENT, FLOAT, histogramAt } from '../../../src/promql/evaluate/columns.ts';
import { evaluate } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import { functionNames } from '../../../src/promql/functions.ts';
import { parse } from '../../../src/promql/parse.ts';
import { ParseError } from '../../../src/promql/parse-error.ts';
import type { Expression } from '../../../src/promql/tree.ts';
import { ALL_ON } from '../switches.ts';
import { keyOf } from './element.ts';
import { everyQuery, UNKNOWN } from './every-query.ts';
import { randomSeries, toBlock } from './random-series.ts';
import { Reference, type Series } from './reference.ts';
import { Ambiguous, fromHistogram, isNumber, Undecided, type Value } from './value.ts';

const START_MS = 600_000;
const STEPS = 7;
/** Among millions of queries, one may hang on the last digit of a sum; these do not. */
const SEED = 7;

/** The values of each label set by step. */
type Answer = Map<string, (Value | undefined)[]> | 'refused' | 'undecided';

/** The tree of a query; undefined if the random parts make none. */
function treeOf(text: string): Expression | undefined {
  try {
    return parse(text, ALL_ON);
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

async function columnar(
  series: readonly Series[],
  text: string,
  tree: Expression,
  stepMs: number,
): Promise<Answer> {
  const times = { startMs: START_MS, endMs: START_MS + (STEPS - 1) * stepMs, stepMs };
  const settings = {
    ...{ ...times, storage: memoryStorage(series.map(toBlock)), lookbackMs: 300_000 },
    ...{ subqueryStepMs: 60_000, delayedNameRemoval: false, typeLabels: false, startTimes: false },
  };
  try {
    const { value: got } = await evaluate({ text, tree }, settings, { maxSamples: 1e6 });
    assert.ok(got.type === 'vector');
    const { columns } = got;
    return new Map(
      columns.labels.map(({ names, values }, row) => [
        keyOf(Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']))),
        Array.from({ length: STEPS }, (_, step) => {
          const cell = row * STEPS + step;
          if (columns.kinds[cell] === ABSENT) return undefined;
          return columns.kinds[cell] === FLOAT
            ? columns.values[cell]
            : fromHistogram(histogramAt(columns, cell));
        }),
      ]),
    );
  } catch (error) {
    if (error instanceof EvaluationError) return 'refused';
    throw error;
  }
}

function obvious(series: readonly Series[], tree: Expression, stepMs: number): Answer {
  const times = { startMs: START_MS, endMs: START_MS + (STEPS - 1) * stepMs, stepMs };
  const reference = new Reference(series, times);
  const answer = new Map<string, (Value | undefined)[]>();
  let isRefused = false;
  for (let step = 0; step < STEPS; step++) {
    try {
      for (const { labels, value } of reference.evaluate(tree, START_MS + step * stepMs)) {
        const key = keyOf(labels);
        const row = answer.get(key) ?? new Array<Value | undefined>(STEPS).fill(undefined);
        answer.set(key, row);
        row[step] = value;
      }
    } catch (error) {
      if (error instanceof Undecided) return 'undecided';
      if (!(error instanceof Ambiguous)) throw error;
      isRefused = true;
    }
  }
  return isRefused ? 'refused' : answer;
}

function assertSame(got: Answer, wanted: Answer, text: string): void {
  if (typeof got === 'string' || typeof wanted === 'string') {
    assert.equal(String(got), String(wanted), text);
    return;
  }
  assert.deepEqual([...got.keys()].toSorted(), [...wanted.keys()].toSorted(), text);
  for (const [key, row] of wanted) {
    row.forEach((one, step) => {
      const other = got.get(key)?.[step];
      const shown = () => `${text}: ${key} at step ${step}: ${show(other)} and ${show(one)}`;
      assert.ok(isSame(one, other), shown());
    });
  }
}

function show(value: Value | undefined): string {
  return value === undefined || isNumber(value)
    ? String(value)
    : JSON.stringify({ ...value, counts: [...value.counts] });
}

function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (isNumber(a) || isNumber(b)) return isNumber(a) && isNumber(b) && isNear(a, b);
  const keys = new Set([...a.counts.keys(), ...b.counts.keys()]);
  return (
    a.schema === b.schema &&
    isNear(a.count, b.count) &&
    isNear(a.sum, b.sum) &&
    isNear(a.zero, b.zero) &&
    [...keys].every((key) => isNear(a.counts.get(key) ?? 0, b.counts.get(key) ?? 0))
  );
}

function isNear(a: number, b: number): boolean {
  return Object.is(a + 0, b + 0) || Math.abs(a - b) <= 1e-8 * (Math.abs(a) + 1);
}

describe('the columnar evaluation', () => {
  it('agrees with a slow, obvious one', async function () {
    this.timeout(60_000);
    let compared = 0;
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        randomSeries,
        everyQuery('700'),
        fc.constantFrom(15_000, 40_000),
        async (series, text, stepMs) => {
          const tree = treeOf(text);
          if (tree === undefined) return;
          const wanted = obvious(series, tree, stepMs);
          runs++;
          if (wanted === 'undecided') return;
          if (typeof wanted !== 'string' && wanted.size > 0) compared++;

          const got = await columnar(series, text, tree, stepMs);

          assertSame(got, wanted, text);
        },
      ),
      { numRuns: 1500, seed: SEED },
    );
    assert.ok(compared > runs / 4, `${compared} of ${runs} queries have values that are compared`);
  });

  it('is compared in all functions but a few', () => {
    const texts = fc.sample(everyQuery('700'), { numRuns: 20_000, seed: 1 }).join('\n');

    const missing = functionNames().filter((name) => !texts.includes(`${name}(`));

    assert.deepEqual(missing.toSorted(), Object.keys(UNKNOWN).toSorted());
  });
});
