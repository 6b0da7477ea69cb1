/**
 * `npm run bench`: measures all figures of `bench/README.md` and prints them as tables.
 *
 * `--quick` measures each figure only a few times; `--only` one group; `--json FILE` also writes the
 * figures to a file.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { bindingTable, measureBindings } from './bindings.ts';
import { type CfApiResult, cfApiTable, measureCfApi } from './cf-api.ts';
import { startScript } from './child.ts';
import { FLOOR_WAYS } from './floor-fetch.ts';
import { type HitsCase, hitsTable, measureHits } from './hits.ts';
import type { KernelCase, KernelFigures } from './kernel.ts';
import { MEMORY_CASES, type MemoryResult, measureMemory, memoryTable } from './memory.ts';
import type { MergeCase, MergeFigures, MergeWay } from './merge.ts';
import type { NeighbourCase, NeighbourResult } from './neighbours.ts';
import { measureNeighbours, neighbourTable } from './neighbours.ts';
import { measurePages, type PagesResult, pagesTable } from './pages.ts';
import { casesNamed } from './pages-cases.ts';
import { measurePair, type PairCase, type PairResult, pairTable } from './pair.ts';
import { profilePages, profileTable } from './profile.ts';
import { measurePromql, promqlTable } from './promql.ts';
import { answerTable, measureAnswers } from './promql-answer.ts';
import { measureProxy, type ProxyCase, type ProxyResult, proxyTable } from './proxy.ts';
import { measureAllPushes } from './push.ts';
import { measureQueries, queryTable } from './query.ts';
import { describeMachine, megabytes, milliseconds, ratio, sizeOf, table } from './report.ts';
import { measureStart, startTable } from './start.ts';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    case: { type: 'string' },
    floor: { type: 'string', default: 'request' },
    profile: { type: 'string' },
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
  { way: 'scanned', ...SMALL },
  { way: 'scanned', ...SMALL, apps: 6 },
  { way: 'parsed', ...SMALL },
  { way: 'strings', ...SMALL },
  { way: 'scanned', ...LARGE },
  { way: 'parsed', ...LARGE },
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

const wanted = (group: string): boolean =>
  flags.profile === undefined && (flags.only === undefined || flags.only === group);
if (flags.profile !== undefined) {
  const pace = flags.quick ? { warmUpMs: 2_000, forMs: 2_000 } : { warmUpMs: 5_000, forMs: 8_000 };
  for (const of of casesNamed(flags.profile)) print(profileTable(await profilePages(of, pace)));
}
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
const pages: PagesResult[] = [];
if (wanted('pages')) {
  const pace = flags.quick
    ? { rounds: 5, turnMs: 300, warmUpMs: 1_500 }
    : { rounds: 7, turnMs: 1_000, warmUpMs: 4_000 };
  const way = FLOOR_WAYS.find((one) => one === flags.floor);
  if (!way) throw new Error(`no floor ${flags.floor}; there are ${FLOOR_WAYS.join(' ')}`);
  for (const of of casesNamed(flags.case)) {
    pages.push(await measurePages(of, pace, way));
    if (flags.quick) print(pagesTable(pages.slice(-1)));
  }
  print(pagesTable(pages));
}
const memory: MemoryResult[] = [];
if (wanted('memory')) {
  const laterMs = flags.quick ? 20_000 : 60_000;
  for (const of of MEMORY_CASES) memory.push(await measureMemory(of, laterMs));
  print(memoryTable(memory));
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
const bindings = wanted('bindings') ? await measureBindings(flags.quick ? 200 : 1_000) : undefined;
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
const answers = wanted('promql') ? measureAnswers(rounds) : [];
if (answers.length > 0) print(answerTable(answers));
const queries = wanted('query') ? await measureQueries(flags.quick ? 2 : 9) : undefined;
if (queries) print(queryTable(queries));
const cfApi: CfApiResult[] = [];
if (wanted('cf-api')) {
  for (const apps of flags.quick ? [200] : [200, 2_000, 5_000])
    cfApi.push(await measureCfApi(apps));
  print(cfApiTable(cfApi));
}
if (flags.json !== undefined) {
  const figures = {
    ...{
      machine,
      quick: flags.quick,
      merges,
      kernels,
      pages,
      memory,
      pairs,
      hits,
      neighbours,
    },
    ...{ bindings, start, proxy, push, promql, answers, queries, cfApi },
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

function mergeTable(results: readonly MergeResult[]): string {
  const ways: Readonly<Record<MergeWay, string>> = {
    scanned: '',
    parsed: ', parsed',
    strings: ', strings',
  };
  const rows = results.map((one) => [
    sizeOf(one.of) + ways[one.of.way] + (one.of.apps > 1 ? `, ${one.of.apps} apps` : ''),
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

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
