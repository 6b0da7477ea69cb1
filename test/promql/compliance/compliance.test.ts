/**
 * The queries of the PromQL compliance tester, beside Debian's Prometheus with the same samples.
 *
 * The answers are compared as they go over the wire, so that the encoder is compared as well.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { answerChunks } from '../../../src/promql/answer/answer.ts';
import { evaluate } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import { memoryStorage } from '../../../src/promql/evaluate/memory-storage.ts';
import type { Storage } from '../../../src/promql/evaluate/storage.ts';
import { parse } from '../../../src/promql/parse.ts';
import { ParseError } from '../../../src/promql/parse-error.ts';
import { type Prometheus, startPrometheus } from '../../support/prometheus.ts';
import { requireProgram } from '../../support/require-program.ts';
import { makeBlocks } from '../prometheus-data.ts';
import { demoSeries, END_MS, START_MS, STEP_MS } from './demo-series.ts';
import { complianceQueries } from './queries.ts';

const folder = process.env['PROMGATE_PROMQL_CORPUS'];
const QUERIES = 539;

/** Since version 3, a label may have any name that is UTF-8. */
const ANY_NAME = 'Prometheus 2.42 refuses the label `~invalid`, which version 3 takes';

/** The queries whose answers differ, and why: each difference is one between Prometheus 3.14 and 2.42. */
const DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ['label_replace(demo_num_cpus, "~invalid", "", "src", "(.*)")', ANY_NAME],
  ['label_join(demo_num_cpus, "~invalid", "-", "instance")', ANY_NAME],
  [
    'avg_over_time(rate(demo_cpu_usage_seconds_total[1m])[2m:10s])',
    'a step of the subquery lies at the start of the window, which version 2.42 takes in and version 3 leaves out',
  ],
]);

interface Answer {
  /** The body, without remarks; undefined if the query was refused. */
  readonly text: string | undefined;
  readonly why: string;
}

async function ours(text: string, storage: Storage): Promise<Answer> {
  const settings = {
    ...{ storage, startMs: START_MS, endMs: END_MS, stepMs: STEP_MS, lookbackMs: 300_000 },
    ...{ subqueryStepMs: 60_000, delayedNameRemoval: false, typeLabels: false, startTimes: false },
  };
  try {
    const result = await evaluate({ text, tree: parse(text) }, settings, { maxSamples: 1e7 });
    const chunks = answerChunks({ ...result, warnings: [], infos: [] });
    return { text: Buffer.concat([...chunks]).toString(), why: '' };
  } catch (error) {
    if (error instanceof EvaluationError || error instanceof ParseError) {
      return { text: undefined, why: error.message };
    }
    throw error;
  }
}

async function theirs(text: string, prometheus: Prometheus): Promise<Answer> {
  const form = new URLSearchParams({
    query: text,
    start: String(START_MS / 1000),
    end: String(END_MS / 1000),
    step: String(STEP_MS / 1000),
  });
  const answer = await fetch(`${prometheus.url}/api/v1/query_range?${form}`);
  const body = await answer.text();
  return answer.ok ? { text: body.trimEnd(), why: '' } : { text: undefined, why: body };
}

interface Matrix {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [number, string])[];
  }[];
}

/** How the answers differ; undefined if they are the same by the rules of the compliance tester. */
function differenceOf(a: Answer, b: Answer): string | undefined {
  if (a.text === undefined || b.text === undefined) {
    return a.text === b.text ? undefined : `one is refused: ${a.why}${b.why}`;
  }
  if (a.text === b.text) return undefined;
  const [left, right] = [seriesOf(a.text), seriesOf(b.text)];
  for (const [key, values] of left) {
    const others = right.get(key);
    if (others === undefined) return `Prometheus has no ${key}`;
    const times = [values, others].map((list) => list.map(([time]) => time).join(' '));
    if (times[0] !== times[1]) return `${key} has other times`;
    for (const [at, [time, value]] of values.entries()) {
      const other = others[at]?.[1] ?? '';
      if (!isNear(numberOf(value), numberOf(other))) {
        return `${key} at ${time}: ${value} here, ${other} by Prometheus`;
      }
    }
  }
  const more = [...right.keys()].find((key) => !left.has(key));
  return more === undefined ? undefined : `Prometheus has ${more}`;
}

function seriesOf(text: string): Map<string, readonly (readonly [number, string])[]> {
  const { result } = (JSON.parse(text) as { readonly data: Matrix }).data;
  return new Map(
    result.map(({ metric, values }) => [JSON.stringify(Object.entries(metric).sort()), values]),
  );
}

function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function isNear(a: number, b: number): boolean {
  if (Object.is(a + 0, b + 0)) return true;
  return Math.abs(a - b) <= 1e-5 * Math.min(Math.abs(a), Math.abs(b));
}

describe('the queries of the PromQL compliance tester', () => {
  it('have the answers of Prometheus', async function () {
    if (folder === undefined) this.skip();
    this.timeout(180_000);
    const program = requireProgram(this, 'prometheus');
    const promtool = requireProgram(this, 'promtool');
    await using parts = new AsyncDisposableStack();
    const temporary = await mkdtemp(path.join(tmpdir(), 'promgate-compliance-'));
    parts.defer(() => rm(temporary, { recursive: true, force: true }));
    const series = demoSeries();
    const data = await makeBlocks(promtool, temporary, series);
    const args = ['--storage.tsdb.retention.time=100y'];
    const prometheus = parts.use(await startPrometheus({ program, config: {}, args, data }));
    const queries = complianceQueries(path.join(folder, 'promql-test-queries.yml'));
    const storage = memoryStorage(series);

    const found = new Map<string, string>();
    let sameBytes = 0;
    for (const { text, shouldFail } of queries) {
      const own = await ours(text, storage);
      const other = await theirs(text, prometheus);
      const difference = differenceOf(own, other);
      if (difference !== undefined) found.set(text, difference);
      else if (shouldFail) assert.equal(own.text, undefined, text);
      if (own.text === other.text) sameBytes++;
    }

    assert.equal(queries.length, QUERIES);
    assert.deepEqual(
      [...found.keys()].sort(),
      [...DIFFERENCES.keys()].sort(),
      [...found].join('\n'),
    );
    // The others differ in the last digits, which depend on the order of additions.
    assert.ok(sameBytes > 480, `${sameBytes} answers are the same to the byte`);
  });
});
