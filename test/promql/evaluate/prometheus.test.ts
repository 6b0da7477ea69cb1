/**
 * Debian's Prometheus, with the same samples, gives the same answers where both versions agree.
 *
 * Prometheus 2.42 differs from 3.x in these points, which the queries and samples avoid:
 * - Its windows and its lookback are closed at the start: no sample and no step of a subquery lies at the start of a window,
 *   and no subquery is within another.
 * - It applies the bound "not further back than to zero" before the bound "half the distance of samples": no `rate` and
 *   `increase` here.
 * - It has no `first_over_time`.
 * - It refuses two series of one range that become equal even if they never share a step, and does not count partners that a
 *   comparison filters: queries that one of both refuses are not compared.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ABSENT } from '../../../src/promql/evaluate/columns.ts';
import { evaluate } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import type { SeriesBlock } from '../../../src/promql/evaluate/storage.ts';
import { writeSeries } from '../../../src/promql/evaluate/write-labels.ts';
import { parse } from '../../../src/promql/parse.ts';
import { startPrometheus } from '../../support/prometheus.ts';
import { requireProgram } from '../../support/require-program.ts';
import { makeBlocks } from '../prometheus-data.ts';
import { arbitraryQueries, OVER_TIME } from './arbitrary-queries.ts';

const BASE_MS = 1_700_000_000_000;
/** Steps lie a quarter of a second beside whole seconds, samples an eighth. */
const TIMES = { startMs: BASE_MS + 600_250, endMs: BASE_MS + 840_250, stepMs: 40_000 };
const QUERIES = 150;
const SEED = 42;

/** Numbers that look random and are the same in each run. */
function* numbers(): Generator<number, never> {
  let state = 12_345;
  for (;;) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    yield state / 2 ** 31;
  }
}

function randomSeries(): SeriesBlock[] {
  const random = numbers();
  const next = () => random.next().value;
  return [
    ['a_total', 'x', '1'],
    ['a_total', 'x', '2'],
    ['a_total', 'y', '1'],
    ['b_total', 'x', '1'],
    ['b_total', 'y', '2'],
  ].map(([name = '', job = '', pod = '']) => {
    const times: number[] = [];
    const values: number[] = [];
    for (
      let at = BASE_MS + 125;
      at < BASE_MS + 1_000_000;
      at += 5000 + Math.floor(next() * 40) * 1000
    ) {
      if (next() < 0.05) at += 330_000;
      times.push(at);
      const kind = next();
      const odd = kind < 0.02 ? Number.NaN : kind < 0.04 ? Infinity : undefined;
      values.push(odd ?? Math.floor(next() * 40) - 5);
    }
    const labels = Object.entries({ __name__: name, job, pod });
    return { labels, timesMs: Float64Array.from(times), values: Float64Array.from(values) };
  });
}

type Answer = Map<string, Map<number, number>> | 'refused';

async function ourAnswer(text: string, series: readonly SeriesBlock[]): Promise<Answer> {
  const settings = {
    ...{ ...TIMES, storage: memoryStorage(series), lookbackMs: 300_000, subqueryStepMs: 60_000 },
    ...{ delayedNameRemoval: false, typeLabels: false, startTimes: false },
  };
  try {
    const { value } = await evaluate({ text, tree: parse(text) }, settings, { maxSamples: 1e6 });
    assert.ok(value.type === 'vector');
    const { columns } = value;
    return new Map(
      columns.labels.map((labels, row) => {
        const values = new Map<number, number>();
        for (let step = 0; step < columns.steps; step++) {
          const cell = row * columns.steps + step;
          if (columns.kinds[cell] === ABSENT) continue;
          values.set(TIMES.startMs + step * TIMES.stepMs, columns.values[cell] ?? 0);
        }
        return [writeSeries(labels), values];
      }),
    );
  } catch (error) {
    if (error instanceof EvaluationError) return 'refused';
    throw error;
  }
}

interface Matrix {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [number, string])[];
  }[];
}

function theirAnswer({ result }: Matrix): Answer {
  return new Map(
    result.map(({ metric: { __name__: name = '', ...labels }, values }) => {
      const pairs = Object.entries(labels)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([label, value]) => `${label}="${value}"`);
      const key = pairs.length === 0 && name !== '' ? name : `${name}{${pairs.join(', ')}}`;
      const read = (text: string) => Number(text.replace('Inf', 'Infinity'));
      return [key, new Map(values.map(([at, text]) => [Math.round(at * 1000), read(text)]))];
    }),
  );
}

function assertSame(ours: Answer, theirs: Answer, text: string): void {
  if (ours === 'refused' || theirs === 'refused') return;
  assert.deepEqual([...ours.keys()].toSorted(), [...theirs.keys()].toSorted(), text);
  for (const [key, values] of theirs) {
    const own: Map<number, number> = ours.get(key) ?? new Map();
    assert.deepEqual([...own.keys()], [...values.keys()], `${text}: times of ${key}`);
    for (const [at, value] of values) {
      const other = own.get(at) ?? Number.NaN;
      const same =
        Object.is(value + 0, other + 0) || Math.abs(value - other) <= 1e-9 * (Math.abs(value) + 1);
      assert.ok(same, `${text}: ${key} at ${at}: ${other} here, ${value} by Prometheus`);
    }
  }
}

describe('Prometheus with the same samples', () => {
  it('gives the same answers', async function () {
    this.timeout(60_000);
    const program = requireProgram(this, 'prometheus');
    const promtool = requireProgram(this, 'promtool');
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-promql-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    const series = randomSeries();
    const data = await makeBlocks(promtool, folder, series);
    const args = ['--storage.tsdb.retention.time=100y'];
    const prometheus = parts.use(await startPrometheus({ program, config: {}, args, data }));
    const functions = OVER_TIME.filter(
      (name) => !['rate', 'increase', 'first_over_time'].includes(name),
    );
    const at = String((BASE_MS + 703_250) / 1000);

    let compared = 0;
    const queries = arbitraryQueries({ functions, at }).filter(
      (text) => (text.match(/:20s\]/g) ?? []).length < 2,
    );
    for (const text of fc.sample(queries, { numRuns: QUERIES, seed: SEED })) {
      const form = new URLSearchParams({
        query: text,
        start: String(TIMES.startMs / 1000),
        end: String(TIMES.endMs / 1000),
        step: String(TIMES.stepMs / 1000),
      });
      const theirs = await prometheus.api(`/api/v1/query_range?${form}`).then(
        (answer) => theirAnswer(answer as Matrix),
        () => 'refused' as const,
      );
      const ours = await ourAnswer(text, series);
      if (ours !== 'refused' && theirs !== 'refused') compared++;
      assertSame(ours, theirs, text);
    }

    assert.ok(compared > QUERIES / 2, `${compared} of ${QUERIES} queries have answers`);
  });
});
