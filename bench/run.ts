/**
 * `npm run bench`: measures all figures of `bench/README.md` and prints them as tables.
 *
 * `--quick` measures each figure only a few times; `--only` one group; `--json FILE` also writes the
 * figures to a file.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { BindFigures, LookupFigures } from './bindings.ts';
import { measureBinds, measureLookups } from './bindings.ts';
import { startScript } from './child.ts';
import { type HitsCase, hitsTable, measureHits } from './hits.ts';
import type { KernelCase, KernelFigures } from './kernel.ts';
import type { MergeCase, MergeFigures, MergeWay } from './merge.ts';
import type { Latencies, NeighbourCase, NeighbourResult } from './neighbours.ts';
import { measureNeighbours } from './neighbours.ts';
import { measurePair, type PairCase, type PairResult } from './pair.ts';
import { measurePromql, promqlTable } from './promql.ts';
import { measureProxy, type ProxyCase, type ProxyResult, proxyTable } from './proxy.ts';
import { measureAllPushes } from './push.ts';
import { describeMachine, megabytes, milliseconds, ratio, seconds, table } from './report.ts';
import type { ScrapeCase, ScrapeResult } from './scrapes.ts';
import { measureScrapes } from './scrapes.ts';
import type { StartResult } from './start.ts';
import { measureStart } from './start.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});

interface KernelResult extends KernelFigures {
  readonly of: KernelCase;
}

/** The figures of one way of merging one set of pages. */
interface MergeResult extends MergeFigures {
  readonly of: MergeCase;
}

const rounds = flags.quick ? 2 : 7;
const PROCESSES = flags.quick ? 1 : 5;
const SMALL = { instances: 100, sizeBytes: 50_000, apps: 1, rounds: flags.quick ? 20 : 60 };
const LARGE = { instances: 100, sizeBytes: 500_000, apps: 1, rounds: flags.quick ? 4 : 12 };
const MERGES: readonly MergeCase[] = [
  { way: 'memo', ...SMALL },
  { way: 'memo', ...SMALL, apps: 6 },
  { way: 'full', ...SMALL },
  { way: 'strings', ...SMALL },
  { way: 'memo', ...LARGE },
  { way: 'full', ...LARGE },
  { way: 'strings', ...LARGE },
];
const FEW = { instances: 100, sizeBytes: 50_000, rounds: flags.quick ? 20 : 60 };
const KERNELS: readonly KernelCase[] = [
  { kind: 'same', ...FEW },
  { kind: 'same', ...FEW, sizeBytes: 500_000, rounds: flags.quick ? 4 : 12 },
  { kind: 'gauges', ...FEW },
  { kind: 'shuffled', ...FEW },
  { kind: 'own-label', ...FEW },
];
const SCRAPES: readonly ScrapeCase[] = [
  { instances: 10, sizeBytes: 50_000, delayMs: 0, rounds, scrapesPerRound: flags.quick ? 30 : 150 },
  { instances: 100, sizeBytes: 50_000, delayMs: 0, rounds, scrapesPerRound: flags.quick ? 8 : 20 },
  { instances: 1_000, sizeBytes: 50_000, delayMs: 0, rounds, scrapesPerRound: flags.quick ? 1 : 3 },
  {
    instances: 100,
    sizeBytes: 50_000,
    delayMs: 100,
    rounds,
    scrapesPerRound: flags.quick ? 4 : 10,
  },
];

const TWO = { instances: 100, sizeBytes: 50_000, delayMs: 0, rounds };
const PAIRS: readonly PairCase[] = [
  { ...TWO, gzip: false, scrapesPerRound: flags.quick ? 10 : 30 },
  { ...TWO, gzip: true, scrapesPerRound: flags.quick ? 10 : 30 },
  { ...TWO, instances: 3, gzip: true, scrapesPerRound: flags.quick ? 50 : 200 },
];

const HITS: HitsCase = {
  ...{ targets: 1_000, sizeBytes: 50_000, everySeconds: 15 },
  ...{ perSecond: 2_000, seconds: 16, rounds: 3 },
};

const NEIGHBOURS: readonly NeighbourCase[] = [
  { other: { instances: 500, sizeBytes: 1_000, delayMs: 3_600_000 }, scrapes: 2_000 },
  { other: { instances: 100, sizeBytes: 16_000_000, delayMs: 0 }, scrapes: 2_000 },
];

const CACHED: readonly ProxyCase[] = [
  ...[10_000, 100_000, 1_000_000].flatMap((sizeBytes) =>
    [false, true].map((gzip) => ({ sizeBytes, gzip, requests: 'same' as const })),
  ),
  { sizeBytes: 10_000, gzip: true, requests: 'traced' },
  { sizeBytes: 10_000, gzip: true, requests: 'many' },
];

const machine = describeMachine();
print(`${machine.cores} x ${machine.cpu}, ${megabytes(machine.memoryBytes)}, ${machine.system}`);
print(`Node ${machine.node}, load ${machine.load}\n`);

const wanted = (group: string): boolean => flags.only === undefined || flags.only === group;
const merges: MergeResult[] = [];
if (wanted('merge')) {
  for (const mergeCase of MERGES) {
    merges.push(await measureInProcesses('merge-process.ts', mergeCase));
  }
  print(mergeTable(merges));
}
const kernels: KernelResult[] = [];
if (wanted('kernel')) {
  for (const of of KERNELS) kernels.push(await measureInProcesses('kernel-process.ts', of));
  print(kernelTable(kernels));
}
const scrapes: ScrapeResult[] = [];
if (wanted('scrape')) {
  for (const scrapeCase of SCRAPES) scrapes.push(await measureScrapes(scrapeCase));
  print(scrapeTable(scrapes));
}
const pairs: PairResult[] = [];
if (wanted('pair')) {
  for (const pairCase of PAIRS) pairs.push(await measurePair(pairCase));
  print(pairTable(pairs));
}
const hits = wanted('hits') ? await measureHits(flags.quick ? { ...HITS, rounds: 1 } : HITS) : null;
if (hits) print(hitsTable(hits));
const neighbours: NeighbourResult[] = [];
if (wanted('neighbours')) {
  for (const full of NEIGHBOURS) {
    neighbours.push(await measureNeighbours(flags.quick ? { ...full, scrapes: 200 } : full));
  }
  print(neighbourTable(neighbours));
}
const bindings = wanted('bindings') ? await measureBindings() : undefined;
if (bindings) print(bindingTable(bindings));
const start = wanted('start') ? await measureStart(flags.quick ? 3 : 15) : undefined;
if (start) print(startTable(start));
const proxy: ProxyResult[] = [];
if (wanted('proxy')) {
  const turns = flags.quick ? { rounds: 2, secondsPerTurn: 1 } : { rounds: 7, secondsPerTurn: 2 };
  proxy.push(...(await measureProxy({ cases: CACHED, ...turns })));
  print(proxyTable(proxy));
}
const push = wanted('push') ? await measureAllPushes(flags.quick, print) : undefined;
const promql = wanted('promql') ? await measurePromql(rounds) : [];
if (promql.length > 0) print(promqlTable(promql));
if (flags.json !== undefined) {
  const figures = {
    ...{ machine, quick: flags.quick, merges, kernels, scrapes, pairs, hits, neighbours },
    ...{ bindings, start, proxy, push, promql },
  };
  await writeFile(flags.json, `${JSON.stringify(figures, null, 2)}\n`);
}

/** The figures of the process with the median ratio: memory addresses change the copy's speed. */
async function measureInProcesses<Case extends object, Figures extends { readonly ratio: number }>(
  script: string,
  of: Case,
): Promise<Figures & { readonly of: Case }> {
  const results: (Figures & { readonly of: Case })[] = [];
  for (let i = 0; i < PROCESSES; i++) {
    const { child, firstLine } = await startScript(script, of);
    await child[Symbol.asyncDispose]();
    results.push({ of, ...(JSON.parse(firstLine) as Figures) });
  }
  results.sort((a, b) => a.ratio - b.ratio);
  return results[results.length >> 1]!;
}

function pagesOf({ instances, sizeBytes }: MergeCase | ScrapeCase | PairCase): string {
  return `${instances} x ${sizeBytes / 1_000} KB`;
}

function mergeTable(results: readonly MergeResult[]): string {
  const ways: Readonly<Record<MergeWay, string>> = {
    memo: '',
    full: ', no memo',
    strings: ', strings',
  };
  const rows = results.map((one) => [
    pagesOf(one.of) + ways[one.of.way] + (one.of.apps > 1 ? `, ${one.of.apps} apps` : ''),
    megabytes(one.inputBytes),
    megabytes(one.outputBytes),
    milliseconds(one.indexMs),
    one.of.way === 'strings' ? '' : milliseconds(one.spliceMs),
    milliseconds(one.copyMs),
    ratio(one.ratio),
  ]);
  return `${table([['merge', 'input', 'output', 'index', 'splice', 'memcpy', 'ratio'], ...rows])}\n`;
}

function kernelTable(results: readonly KernelResult[]): string {
  const rows = results.map(({ of, kernel, plain, ...ratios }) => [
    `${of.instances} x ${of.sizeBytes / 1_000} KB, ${of.kind}`,
    milliseconds(kernel.indexMs),
    milliseconds(plain.indexMs),
    ratio(ratios.indexRatio),
    milliseconds(kernel.spliceMs),
    milliseconds(plain.spliceMs),
    ratio(ratios.spliceRatio),
    ratio(ratios.ratio),
  ]);
  const columns = ['index', 'plain', 'ratio', 'splice', 'plain', 'ratio', 'plain : kernel'];
  return `${table([['kernel', ...columns], ...rows])}\n`;
}

function scrapeTable(results: readonly ScrapeResult[]): string {
  const rows = results.map(({ of, answerBytes, promgate, floor, cpuRatio, p50Ratio }) => [
    pagesOf(of) + (of.delayMs > 0 ? `, ${of.delayMs} ms late` : ''),
    megabytes(answerBytes),
    seconds(promgate.cpuSeconds),
    seconds(floor.cpuSeconds),
    ratio(cpuRatio),
    milliseconds(promgate.p50Ms),
    milliseconds(floor.p50Ms),
    ratio(p50Ratio),
    milliseconds(promgate.p99Ms),
    milliseconds(floor.p99Ms),
    megabytes(promgate.peakRssBytes),
    megabytes(floor.peakRssBytes),
  ]);
  const columns = ['answer', 'CPU', 'floor', 'ratio', 'p50', 'floor', 'ratio', 'p99', 'floor'];
  return `${table([['whole scrape', ...columns, 'peak RSS', 'floor'], ...rows])}\n`;
}

function pairTable(results: readonly PairResult[]): string {
  const rows = results.map(({ of, oneSeconds, pairSeconds, shared, ...figures }) => [
    pagesOf(of) + (of.gzip ? ', gzip' : ''),
    milliseconds(oneSeconds * 1000),
    milliseconds(pairSeconds * 1000),
    ratio(figures.ratio),
    `${Math.round(shared * 100)} %`,
  ]);
  const columns = ['CPU of one', 'CPU of two', 'two : one', 'shared'];
  return `${table([['two readers at once', ...columns], ...rows])}\n`;
}

function neighbourTable(results: readonly NeighbourResult[]): string {
  const rows = results.flatMap(({ of, promgate, floor }) => {
    const { instances, sizeBytes, delayMs } = of.other;
    const other = delayMs > 0 ? 'that hang' : `x ${megabytes(sizeBytes)}`;
    return [
      ['promgate, alone', ...latencies(promgate.alone)],
      [`promgate, beside ${instances} ${other}`, ...latencies(promgate.beside)],
      ...(floor ? [['floor, alone', ...latencies(floor.alone)]] : []),
      ...(floor ? [[`floor, beside ${instances} ${other}`, ...latencies(floor.beside)]] : []),
    ];
  });
  return `${table([['small app', 'p50', 'p90', 'p99'], ...rows])}\n`;
}

function latencies({ p50Ms, p90Ms, p99Ms }: Latencies): string[] {
  return [milliseconds(p50Ms), milliseconds(p90Ms), milliseconds(p99Ms)];
}

interface BindingFigures {
  readonly lookups: LookupFigures;
  readonly binds: readonly BindFigures[];
}

async function measureBindings(): Promise<BindingFigures> {
  const count = flags.quick ? 200 : 1_000;
  const binds: BindFigures[] = [];
  for (const callers of [1, 8]) binds.push(await measureBinds(callers, count));
  return { lookups: measureLookups(50_000), binds };
}

function bindingTable({ lookups, binds }: BindingFigures): string {
  const microseconds = (value: number): string => `${value.toFixed(2)} us`;
  return `${table([
    ['bindings', 'figure'],
    [`pages of an app, of ${lookups.bindings}`, microseconds(lookups.appMicroseconds)],
    [`scope of a token, of ${lookups.bindings}`, microseconds(lookups.tokenMicroseconds)],
    ...binds.map(({ callers, perSecond }) => [
      `binds on SQLite, ${callers} at once`,
      `${perSecond.toFixed(0)}/s`,
    ]),
  ])}\n`;
}

function startTable({ promgateMs, nodeMs, ratio: times, idleRssBytes }: StartResult): string {
  return `${table([
    ['start', 'promgate', 'node -e 0', 'ratio', 'idle RSS'],
    ['', milliseconds(promgateMs), milliseconds(nodeMs), ratio(times), megabytes(idleRssBytes)],
  ])}\n`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
