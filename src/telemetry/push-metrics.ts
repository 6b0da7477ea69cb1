/** Metrics of the push gateway: what was pushed, what it holds, and whether it is kept. */
import { Durations } from './durations.ts';
import type { MetricRegistry } from './registry.ts';

const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5, 30];

/** The words of each label; each series is there from the start: `rate` sees the first failure. */
export interface PushWords {
  readonly interfaces: readonly string[];
  readonly results: readonly string[];
  readonly failures: readonly string[];
}

/** What is known when a push has ended. */
export interface EndedPush {
  readonly of: string;
  readonly result: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly samples: number;
  readonly timestamps: number;
}

/** What the push gateway holds now; undefined while it is not open. */
export interface PushLevels {
  readonly series: () => number | undefined;
  readonly tenants: () => number | undefined;
  readonly conflicts: () => number | undefined;
  readonly mostLayouts: () => number | undefined;
  readonly bodyBytes: () => number;
  readonly keptPageBytes: () => number;
  readonly layouts: () => number;
}

const LEVELS = [
  ['promgate_push_series', 'Series that were pushed; a bucket counts as one.', 'series'],
  ['promgate_push_tenants', 'Tenants that have pushed.', 'tenants'],
  [
    'promgate_push_conflicting_families',
    'Families that tenants give different types, of which a page of all tenants shows one; looked for once a minute.',
    'conflicts',
  ],
  [
    'promgate_push_histogram_layouts',
    'The most sets of buckets that clients push for one histogram; looked for once a minute.',
    'mostLayouts',
  ],
  ['promgate_push_body_bytes', 'Memory of bodies that are being read.', 'bodyBytes'],
  ['promgate_push_page_bytes', 'Memory of parts of pages that are kept.', 'keptPageBytes'],
  ['promgate_push_layouts', 'Layouts of bodies by which equal pushes are read faster.', 'layouts'],
] as const;

const TOTALS = [
  ['promgate_push_bytes_total', 'Bytes of pushed bodies, after decompression.', 'bytes'],
  ['promgate_push_samples_total', 'Samples that were taken.', 'samples'],
  [
    'promgate_push_timestamps_ignored_total',
    'Timestamps of pushed samples that were ignored.',
    'timestamps',
  ],
] as const;

export type PushMetrics = ReturnType<typeof pushMetrics>;

/** The ended pushes of an interface. */
interface Ended {
  readonly durations: Durations;
  /** By result. */
  readonly counts: Map<string, number>;
}

export function pushMetrics(registry: MetricRegistry, words: PushWords, levels: PushLevels) {
  const { interfaces, results } = words;
  const ended = new Map(
    interfaces.map((of): [string, Ended] => [
      of,
      {
        durations: new Durations(BUCKETS_SECONDS),
        counts: new Map(results.map((result) => [result, 0])),
      },
    ]),
  );
  const totals = { bytes: 0, samples: 0, timestamps: 0 };
  registerEnded(registry, ended, totals);
  const commitSeconds = registry.histogram(
    'promgate_push_commit_duration_seconds',
    'Time that it took to keep a batch of pushes on disk or in Redis.',
    BUCKETS_SECONDS,
  );
  const commits = registry.counter(
    'promgate_push_commits_failed_total',
    'Batches of pushes that could not be kept, by reason.',
    ['failure'],
  );
  for (const failure of words.failures) commits.inc({ failure }, 0);
  for (const [name, help, level] of LEVELS) registry.level(name, help, levels[level]);
  return {
    ended: (push: EndedPush): void => {
      const { durations, counts } = ended.get(push.of)!; // a closed set
      counts.set(push.result, (counts.get(push.result) ?? 0) + 1);
      durations.observe(push.seconds);
      totals.bytes += push.bytes;
      totals.timestamps += push.timestamps;
      if (push.result === 'ok') totals.samples += push.samples;
    },
    committed: (tookSeconds: number): void => commitSeconds.observe(tookSeconds),
    commitFailed: (failure: string): void => commits.inc({ failure }),
    unreadable: registry.counter(
      'promgate_push_unreadable_records_total',
      'Kept records of pushes that promgate could not read when it started.',
    ),
  };
}

function registerEnded(
  registry: MetricRegistry,
  ended: ReadonlyMap<string, Ended>,
  totals: Readonly<Record<'bytes' | 'samples' | 'timestamps', number>>,
): void {
  registry.counted(
    'promgate_pushes_total',
    'Pushes, by the interface that the client used and by result: ok, replay, queued, or why it was refused.',
    'counter',
    () =>
      [...ended].flatMap(([of, { counts }]) =>
        [...counts].map(([result, value]) => ({ labels: { interface: of, result }, value })),
      ),
  );
  registry.counted(
    'promgate_push_duration_seconds',
    'Time from the head of a push until it was kept or refused.',
    'histogram',
    () => [...ended].flatMap(([of, { durations }]) => durations.samples({ interface: of })),
  );
  for (const [name, help, total] of TOTALS) {
    registry.counted(name, help, 'counter', () => [{ labels: {}, value: totals[total] }]);
  }
}
