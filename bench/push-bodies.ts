/**
 * The bodies of benchmarked pushes: what a batch job's registry prints, in text format 0.0.4.
 *
 * A worker of the job has 20 series: counters, a gauge and a histogram; about 1.1 KB.
 */

export const SERIES_PER_WORKER = 20;

/** Stands for text that each push must have anew: the client writes as many hex digits over it. */
export const FRESH = '@@@@@@@@';

/**
 * How bodies of one job differ. `values`: in values only. `shuffled`: families, and the samples in
 * them, come in random order. `growing`: each body has one series more than the last one. `series`:
 * one series of each body is new. `labels`: all series of each body are new.
 */
export type BodyKind = 'values' | 'shuffled' | 'growing' | 'series' | 'labels';

export interface BodyOptions {
  readonly kind: BodyKind;
  readonly workers: number;
  /** The first series of the body; other bodies have others. */
  readonly firstWorker?: number;
  /** How many bodies the job has pushed before. */
  readonly at: number;
}

/** Of one family: the line with its type, then the samples. */
type FamilyLines = readonly [type: string, ...samples: string[]];

const BOUNDS = ['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10'] as const;

export function pushedBody({ kind, workers, firstWorker = 0, at }: BodyOptions): string {
  const random = randomNumbers(at * 7_919 + workers);
  const names = Array.from({ length: workers }, (_, index) => `w${firstWorker + index}`);
  const labels = (kind === 'labels' ? names.map((name) => `${name}-${FRESH}`) : names).map(
    (name) => `worker="${name}"`,
  );
  const families: FamilyLines[] = [
    ['# TYPE job_items_total counter', ...labels.flatMap((label) => items(label, random))],
    ['# TYPE job_bytes_total counter', ...labels.flatMap((label) => bytes(label, random))],
    ['# TYPE job_queue_length gauge', ...labels.map((label) => queueLength(label, random))],
    ['# TYPE job_seconds histogram', ...labels.flatMap((label) => durations(label, random))],
  ];
  const extra = kind === 'growing' ? at : kind === 'series' ? 1 : 0;
  if (extra > 0) families.push(['# TYPE job_steps_total counter', ...steps(kind, extra, random)]);
  const ordered = kind === 'shuffled' ? shuffle(families, random) : families;
  return ordered
    .flatMap(([type, ...samples]) => [
      type,
      ...(kind === 'shuffled' ? shuffle(samples, random) : samples),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function items(label: string, random: () => number): string[] {
  return ['mail', 'image', 'report'].flatMap((queue) =>
    ['ok', 'failed'].map(
      (result) =>
        `job_items_total{${label},queue="${queue}",result="${result}"} ${whole(random, 1e4)}`,
    ),
  );
}

function bytes(label: string, random: () => number): string[] {
  return ['in', 'out'].map(
    (way) => `job_bytes_total{${label},direction="${way}"} ${whole(random, 1e9)}`,
  );
}

function queueLength(label: string, random: () => number): string {
  return `job_queue_length{${label}} ${(random() * 1e3).toFixed(1)}`;
}

function durations(label: string, random: () => number): string[] {
  let count = 0;
  const buckets = [...BOUNDS, '+Inf'].map((bound) => {
    count += whole(random, 50);
    return `job_seconds_bucket{${label},le="${bound}"} ${count}`;
  });
  const sum = (random() * count).toFixed(3);
  return [...buckets, `job_seconds_sum{${label}} ${sum}`, `job_seconds_count{${label}} ${count}`];
}

function steps(kind: BodyKind, count: number, random: () => number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const name = kind === 'series' ? FRESH : `step-${index}`;
    return `job_steps_total{step="${name}"} ${whole(random, 100)}`;
  });
}

function whole(random: () => number, below: number): number {
  return Math.floor(random() * below);
}

/** The same numbers in each run of the benchmark. */
function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

function shuffle<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => ({ value, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}
