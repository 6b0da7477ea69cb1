/**
 * PromQL: promgate's parser and engine, beside Debian's Prometheus with the same samples.
 *
 * Prometheus is asked by HTTP, so that its figures hold the encoding of the answer too.
 */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { answerChunks } from '../src/promql/answer/answer.ts';
import { evaluate } from '../src/promql/evaluate/engine.ts';
import { memoryStorage } from '../src/promql/evaluate/memory-storage.ts';
import type { Settings } from '../src/promql/evaluate/settings.ts';
import type { SeriesBlock } from '../src/promql/evaluate/storage.ts';
import { parse } from '../src/promql/parse.ts';
import { type Child, startProgram } from './child.ts';
import { benchSeries, END_MS, openMetrics, START_MS, STEP_MS } from './promql-data.ts';
import { milliseconds, ratio, table } from './report.ts';
import { median } from './statistics.ts';

export interface PromqlResult {
  readonly name: string;
  /** Median CPU time of promgate's evaluation. */
  readonly cpuMs: number;
  /** The same with the writing of the answer, as Prometheus' time has it; undefined where nothing is answered. */
  readonly answeredMs: number | undefined;
  /** Mean CPU time of Prometheus; undefined where it is not asked. */
  readonly prometheusMs: number | undefined;
  readonly goalMs: number;
}

const CASES: readonly { readonly name: string; readonly query: string; readonly goalMs: number }[] =
  [
    {
      name: 'rate + sum by, 800 series',
      query: 'sum by (job) (rate(http_requests_total[5m]))',
      goalMs: 25,
    },
    {
      name: 'histogram_quantile, 2,400 series',
      query: 'histogram_quantile(0.9, rate(latency_seconds_bucket[5m]))',
      goalMs: 120,
    },
    {
      name: 'topk(avg by), 400 series',
      query: 'topk(5, avg by (instance) (http_requests_total{zone="a"}))',
      goalMs: 20,
    },
  ];
const PARSED = [
  'up',
  'sum by (job) (rate(http_requests_total[5m]))',
  'histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket{code!~"5.."}[5m] offset 1h)))',
  'a / on (instance) group_left (version) b{x="y",z=~"p|q"} > bool 0.5',
];
const PARSES = 5_000;
const PARSE_GOAL_MS = 0.02;
const PORT = 19_390;

/** Measures all cases, each `rounds` times. */
export async function measurePromql(rounds: number): Promise<readonly PromqlResult[]> {
  const series = benchSeries();
  const results: PromqlResult[] = [measureParse(rounds)];
  await using prometheus = await startPrometheus(series);
  for (const { name, query, goalMs } of CASES) {
    const own: Answered[] = [];
    await answerOnce(query, series); // compiles
    for (let round = 0; round < rounds; round++) own.push(await answerOnce(query, series));
    const prometheusMs = await askPrometheus(prometheus.child, query, rounds);
    const cpuMs = median(own.map(({ evaluatedMs }) => evaluatedMs));
    const answeredMs = median(own.map(({ evaluatedMs, writtenMs }) => evaluatedMs + writtenMs));
    results.push({ name, cpuMs, answeredMs, prometheusMs, goalMs });
  }
  return results;
}

function measureParse(rounds: number): PromqlResult {
  const parseAll = (): number => {
    const before = process.cpuUsage();
    for (let i = 0; i < PARSES; i++) for (const query of PARSED) parse(query);
    return usedMs(before) / (PARSES * PARSED.length);
  };
  parseAll();
  const cpuMs = median(Array.from({ length: rounds }, parseAll));
  return {
    ...{ name: 'parse, 4 queries, each', cpuMs, answeredMs: undefined, prometheusMs: undefined },
    goalMs: PARSE_GOAL_MS,
  };
}

interface Answered {
  readonly evaluatedMs: number;
  readonly writtenMs: number;
}

/** The CPU time of one evaluation over all steps, and of the writing of its answer. */
async function answerOnce(text: string, series: readonly SeriesBlock[]): Promise<Answered> {
  const settings: Settings = {
    storage: memoryStorage(series),
    startMs: START_MS,
    endMs: END_MS,
    stepMs: STEP_MS,
    lookbackMs: 300_000,
    subqueryStepMs: 60_000,
    delayedNameRemoval: false,
    typeLabels: false,
    startTimes: false,
  };
  const before = process.cpuUsage();
  const query = { text, tree: parse(text) };
  const result = await evaluate(query, settings, { maxSamples: 50_000_000 });
  const evaluatedMs = usedMs(before);
  const evaluated = process.cpuUsage();
  for (const chunk of answerChunks(result)) if (chunk.length === 0) throw new Error('no answer');
  return { evaluatedMs, writtenMs: usedMs(evaluated) };
}

function usedMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The mean CPU time of a query; the kernel counts in steps of 10 ms, so many are asked. */
async function askPrometheus(child: Child, query: string, rounds: number): Promise<number> {
  const form = new URLSearchParams({
    query,
    start: String(START_MS / 1000),
    end: String(END_MS / 1000),
    step: String(STEP_MS / 1000),
  });
  const ask = async (): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${PORT}/api/v1/query_range?${form}`);
    const body = await answer.text();
    if (!answer.ok || body.length < 1000) throw new Error(`Prometheus: ${body.slice(0, 500)}`);
  };
  await ask();
  const count = rounds * 4;
  const before = child.cpuSeconds();
  for (let i = 0; i < count; i++) await ask();
  return ((child.cpuSeconds() - before) * 1000) / count;
}

interface Started extends AsyncDisposable {
  readonly child: Child;
}

/** Starts Prometheus with the samples. */
async function startPrometheus(series: readonly SeriesBlock[]): Promise<Started> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bench-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const [page, data, config] = ['page.txt', 'data', 'prometheus.yml'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string];
  await pipeline(Readable.from(openMetrics(series)), createWriteStream(page));
  await promisify(execFile)('promtool', [
    ...['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', page, data],
  ]);
  await writeFile(config, '{}\n');
  const child = parts.use(
    startProgram('prometheus', [
      ...[`--config.file=${config}`, `--storage.tsdb.path=${data}`],
      ...[`--web.listen-address=127.0.0.1:${PORT}`, '--log.level=error'],
      '--storage.tsdb.retention.time=100y',
    ]),
  );
  child.discard();
  await untilReady();
  const owned = parts.move();
  return { child, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function untilReady(): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(`http://127.0.0.1:${PORT}/-/ready`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await delay(100);
  }
  throw new Error('Prometheus did not start within 30 s');
}

export function promqlTable(results: readonly PromqlResult[]): string {
  return table([
    ['PromQL', 'CPU', 'goal', 'with the answer', 'Prometheus', 'promgate : Prometheus'],
    ...results.map(({ name, cpuMs, answeredMs, prometheusMs, goalMs }) => [
      name,
      cpuMs < 1 ? `${(cpuMs * 1000).toFixed(1)} us` : milliseconds(cpuMs),
      goalMs < 1 ? `${goalMs * 1000} us` : milliseconds(goalMs),
      answeredMs === undefined ? '-' : milliseconds(answeredMs),
      prometheusMs === undefined ? '-' : milliseconds(prometheusMs),
      prometheusMs === undefined || answeredMs === undefined
        ? '-'
        : ratio(answeredMs / prometheusMs),
    ]),
  ]);
}
