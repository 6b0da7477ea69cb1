/**
 * Compares the answer to an evaluation with what the corpus expects.
 */
import assert from 'node:assert/strict';
import { ABSENT, FLOAT, histogramAt } from '../../../src/promql/evaluate/columns.ts';
import type { QueryResult } from '../../../src/promql/evaluate/engine.ts';
import type { Histogram } from '../../../src/promql/evaluate/histogram.ts';
import { compareLabels, type Labels, LabelTable } from '../../../src/promql/evaluate/labels.ts';
import { printLabels } from '../../../src/promql/evaluate/write-labels.ts';
import { printHistogram } from '../../../src/promql/evaluate/write-values.ts';
import type { Evaluated, ExpectedSeries, TextExpectation } from './corpus-file.ts';

/** A series of an answer: a value for each step, undefined where there is none. */
interface Given {
  readonly labels: Labels;
  readonly values: readonly (number | Histogram | undefined)[];
}

/** Checks the value of an answer. Only the step `at` of a longer range counts, if it is given. */
export function checkValue(expected: Evaluated, result: QueryResult, at?: number): void {
  const { value } = result;
  if (expected.string !== undefined) {
    assert.equal(value.type === 'string' ? value.value : value.type, expected.string);
    return;
  }
  if (expected.scalar !== undefined) {
    assert.ok(value.type === 'scalar', `a scalar was expected, not a ${value.type}`);
    const number = value.values[at ?? 0] ?? Number.NaN;
    assert.ok(sameNumber(number, expected.scalar), `expected ${expected.scalar}, got ${number}`);
    return;
  }
  const given = seriesOf(expected, result, at);
  if (expected.ordered && at === undefined) checkOrder(expected, given);
  const table = new LabelTable();
  const wanted = expected.series.map((series) => ({ ...series, labels: table.of(series.labels) }));
  for (const { labels } of given) {
    assert.ok(
      wanted.some((series) => compareLabels(series.labels, labels) === 0),
      `unexpected series ${printLabels(labels)}`,
    );
  }
  for (const series of wanted) {
    const found = given.filter((one) => compareLabels(one.labels, series.labels) === 0);
    assert.equal(found.length, 1, `${found.length} series ${printLabels(series.labels)}`);
    checkSeries(series, found[0]?.values ?? [], printLabels(series.labels));
  }
}

function seriesOf(expected: Evaluated, { value, grid }: QueryResult, at?: number): Given[] {
  if (value.type === 'vector') {
    const { columns } = value;
    return columns.labels.flatMap((labels, row) => {
      const steps = at === undefined ? [...Array(columns.steps).keys()] : [at];
      const values = steps.map((step) => {
        const cell = row * columns.steps + step;
        const kind = columns.kinds[cell];
        if (kind === ABSENT) return undefined;
        return kind === FLOAT ? columns.values[cell] : histogramAt(columns, cell);
      });
      return values.every((one) => one === undefined) ? [] : [{ labels, values }];
    });
  }
  if (value.type === 'scalar') {
    return [{ labels: new LabelTable().empty, values: Array.from(value.values) }];
  }
  assert.ok(value.type === 'matrix', `unexpected ${value.type}`);
  const { startMs, stepMs } = expected.rangeVector ?? { startMs: grid.startMs, stepMs: 1 };
  return value.series.map(({ labels, timesMs, values }) => {
    const placed: (number | Histogram | undefined)[] = [];
    timesMs.forEach((time, index) => {
      placed[(time - startMs) / stepMs] = values[index];
    });
    return { labels, values: Array.from(placed) };
  });
}

function checkOrder(expected: Evaluated, given: readonly Given[]): void {
  const table = new LabelTable();
  assert.deepEqual(
    given.map(({ labels }) => printLabels(labels)),
    expected.series.map(({ labels }) => printLabels(table.of(labels))),
  );
}

function checkSeries(
  expected: Pick<ExpectedSeries, 'values' | 'hints'>,
  values: readonly (number | Histogram | undefined)[],
  name: string,
): void {
  const length = Math.max(expected.values.length, values.length);
  for (let step = 0; step < length; step++) {
    const wanted = expected.values[step];
    const got = values[step];
    const texts = `${name} at step ${step}: expected ${show(wanted)}, got ${show(got)}`;
    if (typeof wanted === 'number' && typeof got === 'number') {
      assert.ok(sameNumber(got, wanted), texts);
    } else if (typeof wanted === 'object' && typeof got === 'object') {
      assert.ok(sameHistogram(got, wanted, expected.hints), texts);
    } else assert.equal(typeof got, typeof wanted, texts);
  }
}

function show(value: number | Histogram | 'stale' | undefined): string {
  if (typeof value !== 'object') return String(value);
  return `${printHistogram(value)} schema ${value.schema} zero ${value.zeroThreshold} ${value.customValues} ${value.hint}`;
}

const SMALLEST = 2 ** -1022;

/** Whether two numbers are as equal as the corpus asks for. */
function sameNumber(a: number, b: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (a === b) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || sum < SMALLEST) return difference < 1e-6 * SMALLEST;
  return difference / Math.min(sum, Number.MAX_VALUE) < 1e-6;
}

function sameHistogram(a: Histogram, b: Histogram, hints: boolean): boolean {
  const pairs: [readonly number[], readonly number[]][] = [
    [a.positive.counts, b.positive.counts],
    [a.negative.counts, b.negative.counts],
    [
      [a.count, a.sum, a.zeroCount],
      [b.count, b.sum, b.zeroCount],
    ],
  ];
  const exact = (of: Histogram) =>
    JSON.stringify([
      of.schema,
      of.schema === -53 ? 0 : of.zeroThreshold,
      of.positive.indices,
      of.negative.indices,
      of.customValues,
      hints ? of.hint : '',
    ]);
  return (
    exact(a) === exact(b) &&
    pairs.every(([left, right]) => left.every((value, at) => sameNumber(value, right[at] ?? 0)))
  );
}

/** Checks that an error has the expected text. */
export function checkFailure(expected: Evaluated, error: Error): void {
  const texts = expected.texts.filter(({ kind }) => kind === 'fail');
  for (const text of texts) {
    assert.ok(matches(text, error.message), `expected "${text.text}", got "${error.message}"`);
  }
}

/** Checks the warnings and remarks of an answer. */
export function checkTexts(expected: Evaluated, result: QueryResult): void {
  for (const [kind, given] of [
    ['warn', result.warnings],
    ['info', result.infos],
  ] as const) {
    if (expected.none.includes(kind)) assert.deepEqual(given, []);
    const texts = expected.texts.filter((text) => text.kind === kind);
    for (const text of texts) {
      assert.ok(
        given.some((one) => matches(text, one)),
        `expected ${kind} "${text.text}", got ${JSON.stringify(given)}`,
      );
    }
    if (texts.length === 0) continue;
    for (const one of given) {
      assert.ok(
        texts.some((text) => matches(text, one)),
        `unexpected ${kind}: ${one}`,
      );
    }
  }
}

function matches({ text, how }: TextExpectation, given: string): boolean {
  if (how === 'any') return true;
  return how === 'whole' ? given === text : new RegExp(text).test(given);
}
