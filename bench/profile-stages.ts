/**
 * Tells of a V8 CPU profile how much of the time each stage of promgate took.
 *
 * A function belongs to the stage of its file. What has no file in promgate, such as a function of
 * Node or of V8, belongs to the stage of the function that called it.
 */

/** A node of the call tree, as `Profiler.stop` gives it. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

export interface CpuProfile {
  /** Of the first sample, less its delta, in microseconds of the system's monotonic clock. */
  readonly startTime: number;
  readonly nodes: readonly ProfileNode[];
  /** The node of each sample. */
  readonly samples: readonly number[];
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[];
}

/** What a scrape consists of, in the order of the data's way. */
export const STAGES = [
  'requests',
  'fetching',
  'scanning and indexing',
  'rewriting',
  'duplicates',
  'planning the merge',
  'copying',
  'writing',
  'garbage collection',
  'other JavaScript',
  'reading sockets, event loop',
] as const;

export type Stage = (typeof STAGES)[number];

export const EVENT_LOOP: Stage = 'reading sockets, event loop';

/** Files to whose stage everything belongs that they call: they scan lines once more. */
const OF_CALLERS: readonly (readonly [pattern: RegExp, stage: Stage])[] = [
  [/\/src\/merge\/(rewrite|text|relabel)\.ts$/, 'rewriting'],
  [/\/src\/merge\/(duplicates|page-series)\.ts$/, 'duplicates'],
];
/** The files of promgate and its packages; the first match counts. */
const OF_FILES: readonly (readonly [pattern: RegExp, stage: Stage])[] = [
  [/\/src\/merge\/(splice|label-insertion)\.ts$/, 'copying'],
  [/\/src\/merge\/(merge|plan|preparation|conflict|famil|settled|kept-meta)/, 'planning the merge'],
  [/\/src\/exposition\/negotiate\.ts$/, 'requests'],
  [/\/src\/(merge|exposition)\//, 'scanning and indexing'],
  [/\/src\/serve\/(splice-stream|send-chunks|stream)\.ts$/, 'writing'],
  [/\/src\/fetch\/|\/node_modules\/undici\//, 'fetching'],
  [/\/src\/|\/broker\/|\/node_modules\//, 'requests'],
];
/** Functions of Node without a caller in promgate. */
const OF_NODE: readonly (readonly [pattern: RegExp, stage: Stage])[] = [
  [/^node:_http_/, 'requests'],
  [/^node:(zlib|internal\/stream_base_commons)/, 'writing'],
];
/** Native functions that pass bytes to a socket. */
const SOCKET_WRITE = /^(write(v|Buffer|Latin1String|Utf8String|AsciiString)|shutdown)$/;

export interface FunctionTime {
  readonly stage: Stage;
  readonly name: string;
  /** `src/merge/splice.ts:40`; empty for native functions. */
  readonly place: string;
  readonly microseconds: number;
}

/** Microseconds of the system's monotonic clock. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

export interface StageTimes {
  /** Without the time in which the process waited, or was in the event loop's own code. */
  readonly microseconds: number;
  readonly stages: ReadonlyMap<Stage, number>;
  /** Every file of promgate and its packages, with the functions of Node that it called. */
  readonly files: ReadonlyMap<string, number>;
  /** Every function with its own time, without what it called; the largest first. */
  readonly functions: readonly FunctionTime[];
}

/**
 * @param period - samples outside of the period do not count
 * @param root - the folder of promgate, to be left out of places
 */
export function stageTimes(profile: CpuProfile, period: Period, root: string): StageTimes {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const chainOf = (id: number): CallFrame[] => {
    const chain: CallFrame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      chain.push(nodes.get(at)!.callFrame); // every parent is a node
    }
    return chain;
  };
  const stages = new Map<Stage, number>();
  const files = new Map<string, number>();
  const functions = new Map<string, FunctionTime>();
  let microseconds = 0;
  for (const [id, own] of selfTimes(profile, period)) {
    const chain = chainOf(id);
    const stage = stageOf(chain);
    if (stage === undefined) continue;
    microseconds += own;
    const file = fileOf(chain, root);
    files.set(file, (files.get(file) ?? 0) + own);
    stages.set(stage, (stages.get(stage) ?? 0) + own);
    const { functionName: name, url, lineNumber } = chain[0]!; // the node itself
    const place = placeOf(url, lineNumber, root);
    const key = `${stage} ${name} ${place}`;
    const before = functions.get(key)?.microseconds ?? 0;
    functions.set(key, { stage, name: name || '(anonymous)', place, microseconds: before + own });
  }
  const sorted = [...functions.values()].sort((a, b) => b.microseconds - a.microseconds);
  return { microseconds, stages, files, functions: sorted };
}

/** The time of each node, without what it called. */
function selfTimes(
  { startTime, samples, timeDeltas }: CpuProfile,
  period: Period,
): Map<number, number> {
  const times = new Map<number, number>();
  let atTime = startTime;
  for (const [at, id] of samples.entries()) {
    atTime += timeDeltas[at] ?? 0;
    if (atTime < period.from || atTime > period.until) continue;
    const lasted = timeDeltas[at + 1] ?? 0; // until the next sample
    times.set(id, (times.get(id) ?? 0) + lasted);
  }
  return times;
}

/**
 * The stage of the innermost function.
 *
 * @param chain - from the innermost function to the root
 * @returns undefined if the process waited
 */
export function stageOf(chain: readonly CallFrame[]): Stage | undefined {
  const { functionName, url } = chain[0]!; // never empty
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return EVENT_LOOP;
  const stage =
    firstMatch(chain, OF_CALLERS) ??
    firstMatch(chain, OF_FILES) ??
    firstMatch(chain, OF_NODE) ??
    'other JavaScript';
  const isWrite = url === '' && SOCKET_WRITE.test(functionName);
  return isWrite && stage !== 'fetching' ? 'writing' : stage;
}

function firstMatch(
  chain: readonly CallFrame[],
  rules: readonly (readonly [pattern: RegExp, stage: Stage])[],
): Stage | undefined {
  for (const { url } of chain) {
    const rule = rules.find(([pattern]) => pattern.test(url));
    if (rule) return rule[1];
  }
  return undefined;
}

function placeOf(url: string, line: number, root: string): string {
  if (url === '') return '';
  return url.startsWith('wasm:') ? 'WebAssembly' : `${shortened(url, root)}:${line + 1}`;
}

/** The file of the innermost function that is neither Node's nor V8's. */
function fileOf(chain: readonly CallFrame[], root: string): string {
  const own = chain.find(({ url }) => url.startsWith('file:'));
  return own ? shortened(own.url, root) : 'Node, V8';
}

/** The path of a file below the folder of promgate, or in its packages. */
function shortened(url: string, root: string): string {
  return url.replace(root, '').replace(/^node_modules\//, '');
}
