/**
 * Queries over two shards, one of them a pair of replicas: promgate beside a Prometheus that is asked
 * directly and has half of the series.
 *
 * The third figure is the CPU time of all Prometheus servers, beside what they need where their
 * results are merged instead of samples: each is asked for what can be evaluated below, compressed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Child, startNode } from './child.ts';
import { type BenchPrometheus, startBenchPrometheus, untilReady } from './prometheus.ts';
import { ENVIRONMENT, ROOT, START } from './promgate.ts';
import { AT, RANGE, replicaSeries, shardSeries } from './query-data.ts';
import { megabytes, milliseconds, ratio, table } from './report.ts';
import { median } from './statistics.ts';

interface QueryCase {
  readonly name: string;
  readonly path: 'query' | 'query_range' | 'series';
  readonly parameters: Readonly<Record<string, string>>;
  /** The query whose results would be merged, if it is another one. */
  readonly pushed?: string;
  /** The answer has at least so many bytes. */
  readonly atLeastBytes: number;
  readonly goal: { readonly ratio?: number; readonly ms?: number };
}

interface QueryResult {
  readonly of: QueryCase;
  readonly directMs: number;
  readonly promgateMs: number;
  readonly promgateCpuMs: number;
  /** CPU time of all Prometheus servers: for promgate, and for answers that would be merged. */
  readonly belowCpuMs: number;
  readonly mergedCpuMs: number;
}

export interface QueryFigures {
  readonly results: readonly QueryResult[];
  readonly peakRssBytes: number;
}

const CASES: readonly QueryCase[] = [
  {
    ...{ name: 'instant, 2,000 series', path: 'query', atLeastBytes: 100_000, goal: {} },
    parameters: { query: '{job=~".+"}', ...AT },
  },
  {
    ...{ name: 'sum by (rate)', path: 'query_range', atLeastBytes: 100_000, goal: {} },
    parameters: { query: 'sum by (job) (rate(http_requests_total[5m]))', ...RANGE },
  },
  {
    ...{ name: 'histogram_quantile', path: 'query_range', atLeastBytes: 5_000, goal: {} },
    parameters: {
      ...RANGE,
      query: 'histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket[5m])))',
    },
    pushed: 'sum by (le) (rate(latency_seconds_bucket[5m]))',
  },
  {
    ...{ name: 'raw, 1,200 x 480', path: 'query_range', atLeastBytes: 1_000_000 },
    ...{ parameters: { query: 'http_requests_total', ...RANGE }, goal: { ratio: 4, ms: 400 } },
  },
  {
    ...{ name: 'quantile(rate)', path: 'query_range', atLeastBytes: 5_000, goal: { ratio: 4 } },
    parameters: { query: 'quantile(0.9, rate(http_requests_total[5m]))', ...RANGE },
    pushed: 'rate(http_requests_total[5m])',
  },
  {
    ...{ name: 'series, 2,000', path: 'series', atLeastBytes: 50_000, goal: { ratio: 4 } },
    parameters: { 'match[]': '{job=~".+"}', start: RANGE.start, end: RANGE.end },
  },
];
const PORTS = [19_391, 19_392, 19_393, 19_394] as const;
const PROMGATE_PORT = 19_395;

/** Measures all cases, each `rounds` times, in turn. */
export async function measureQueries(rounds: number): Promise<QueryFigures> {
  await using parts = new AsyncDisposableStack();
  const [paired, single] = [shardSeries(0), shardSeries(1)];
  const servers: BenchPrometheus[] = [];
  for (const [at, series] of [
    replicaSeries(paired, 0),
    replicaSeries(paired, 1),
    single,
    paired,
  ].entries()) {
    servers.push(parts.use(await startBenchPrometheus(series, PORTS[at]!)));
  }
  const direct = servers.pop()!; // four were started
  const promgate = await startPromgate(parts, servers);
  const results: QueryResult[] = [];
  for (const of of CASES) results.push(await measure(of, rounds, { direct, servers, promgate }));
  return { results, peakRssBytes: promgate.peakRssBytes() };
}

async function startPromgate(
  parts: AsyncDisposableStack,
  servers: readonly BenchPrometheus[],
): Promise<Child> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bench-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const group = (of: readonly BenchPrometheus[], shard: string): object => ({
    static_configs: [{ targets: of.map(({ url }) => new URL(url).host) }],
    ...{ labels: { shard }, anti_affinity: '10s', remote_read: true },
  });
  const groups = [group(servers.slice(0, 2), 'a'), group(servers.slice(2), 'b')];
  const file = path.join(folder, 'promxy.yaml');
  await writeFile(file, JSON.stringify({ promxy: { server_groups: groups } })); // JSON is YAML
  const start = START.map((arg) => (arg === 'serve' ? 'query' : arg));
  const args = [...start, '--config', file, '--bind-addr', `127.0.0.1:${PROMGATE_PORT}`];
  // Once before: an orderly end leaves Node's cache of compiled code, as after any first start.
  for (const isMeasured of [false, true]) {
    const child = parts.use(startNode(args, ROOT, ENVIRONMENT));
    child.discard();
    await untilReady(`http://127.0.0.1:${PROMGATE_PORT}/-/ready`);
    if (isMeasured) return child;
    await child.stop();
  }
  throw new Error('there are two starts');
}

interface Measured {
  readonly direct: BenchPrometheus;
  readonly servers: readonly BenchPrometheus[];
  readonly promgate: Child;
}

async function measure(
  of: QueryCase,
  rounds: number,
  { direct, servers, promgate }: Measured,
): Promise<QueryResult> {
  const url = `http://127.0.0.1:${PROMGATE_PORT}`;
  const below = (): number => servers.reduce((sum, { child }) => sum + child.cpuSeconds(), 0);
  const merged = {
    ...of,
    parameters: { ...of.parameters, ...(of.pushed && { query: of.pushed }) },
  };
  const times = { direct: [] as number[], promgate: [] as number[] };
  const cpu = { promgate: 0, below: 0, merged: 0 };
  for (let round = -1; round < rounds; round++) {
    const directMs = await ask(direct.url, of, 'identity');
    const before = { own: promgate.cpuSeconds(), below: below() };
    const promgateMs = await ask(url, of, 'identity');
    const after = { own: promgate.cpuSeconds(), below: below() };
    for (const server of servers) await ask(server.url, merged, 'gzip');
    if (round < 0) continue; // it compiled, and opened connections
    times.direct.push(directMs);
    times.promgate.push(promgateMs);
    cpu.promgate += after.own - before.own;
    cpu.below += after.below - before.below;
    cpu.merged += below() - after.below;
  }
  return {
    ...{ of, directMs: median(times.direct), promgateMs: median(times.promgate) },
    promgateCpuMs: (cpu.promgate / rounds) * 1000,
    belowCpuMs: (cpu.below / rounds) * 1000,
    mergedCpuMs: (cpu.merged / rounds) * 1000,
  };
}

/** Asks once. @returns how long the whole answer took */
async function ask(url: string, of: QueryCase, encoding: string): Promise<number> {
  const startedMs = performance.now();
  const answer = await fetch(`${url}/api/v1/${of.path}?${new URLSearchParams(of.parameters)}`, {
    headers: { 'Accept-Encoding': encoding },
  });
  const body = Buffer.from(await answer.arrayBuffer());
  const tookMs = performance.now() - startedMs;
  const isWhole = body.length * 2 >= of.atLeastBytes && body.includes('"success"');
  if (!answer.ok || !isWhole) throw new Error(`${url}: ${body.subarray(0, 500).toString()}`);
  return tookMs;
}

export function queryTable({ results, peakRssBytes }: QueryFigures): string {
  const rows = results.map(({ of, ...figures }) => [
    of.name,
    milliseconds(figures.directMs),
    milliseconds(figures.promgateMs),
    of.goal.ms === undefined ? '' : milliseconds(of.goal.ms),
    ratio(figures.promgateMs / figures.directMs),
    of.goal.ratio === undefined ? '' : ratio(of.goal.ratio),
    milliseconds(figures.promgateCpuMs),
    milliseconds(figures.belowCpuMs),
    milliseconds(figures.mergedCpuMs),
    ratio(figures.belowCpuMs / figures.mergedCpuMs),
  ]);
  const heads = ['direct', 'promgate', 'goal', 'ratio', 'goal', 'CPU', 'below', 'merged', 'ratio'];
  const memory = `peak RSS of promgate ${megabytes(peakRssBytes)}, goal 250 MB\n`;
  return `${table([['query', ...heads], ...rows])}\n${memory}`;
}
