/**
 * The cases of the benchmark of pushes: kind ones, in which a job pushes the same series again with
 * other values, and unkind ones.
 */
import type { BodyKind } from './push-bodies.ts';
import type { PushScrapeCase } from './push-scrapes.ts';
import type { PushMode } from './push-store.ts';
import type { PushTargetName } from './push-targets.ts';

export interface PushCase {
  readonly name: string;
  /** `replace`: by PUT. Pushgateway cannot add: it replaces the families of each body. */
  readonly mode: PushMode;
  readonly targets: readonly PushTargetName[];
  readonly kind: BodyKind;
  /** See `push-bodies.ts`: of each body. */
  readonly workers: number;
  readonly gzip: boolean;
  readonly jobs: number;
  readonly connections: number;
  /** Series that other jobs have pushed before. The checked Pushgateway has at most 10,000. */
  readonly stored: number;
  /** Whether the page of all metrics is read each second. */
  readonly scrapes: boolean;
}

const KIND = {
  ...{ mode: 'aggregate', kind: 'values', workers: 1, gzip: false },
  ...{ jobs: 100, connections: 16, stored: 0, scrapes: false },
  targets: ['floor', 'memory', 'disk', 'shared', 'Pushgateway', 'Pushgateway, unchecked'],
} as const satisfies Omit<PushCase, 'name'>;

const FULL = { ...KIND, stored: 100_000 } as const;

/** With the gateways that take more than a few pushes in these cases. */
const UNKIND = {
  ...KIND,
  targets: ['floor', 'memory', 'disk', 'Pushgateway, unchecked'],
} as const;

export const PUSH_CASES: readonly PushCase[] = [
  { ...KIND, name: 'add, 100 jobs' },
  { ...KIND, name: 'add, 1 job', jobs: 1 },
  { ...FULL, name: 'add, 100 jobs, 100,000 series stored' },
  { ...FULL, name: 'add, 1 job, 100,000 series stored', jobs: 1 },
  { ...KIND, name: 'replace, 100 jobs', mode: 'replace' },
  { ...FULL, name: 'replace, 100 jobs, 100,000 series stored', mode: 'replace' },
  { ...KIND, name: 'add, 100 jobs, 128 connections', connections: 128 },
  { ...FULL, name: 'add, 100 jobs, page of 100,000 read each second', scrapes: true },
  { ...UNKIND, name: 'add, 1,000 jobs', jobs: 1_000 },
  { ...UNKIND, name: 'add, lines in random order', kind: 'shuffled' },
  { ...UNKIND, name: 'add, growing registries', kind: 'growing' },
  { ...UNKIND, name: 'add, a new series in each body', kind: 'series' },
  { ...UNKIND, name: 'replace, all series of each body new', kind: 'labels', mode: 'replace' },
  { ...UNKIND, name: 'add, 2,000 series in each body', workers: 100 },
  { ...UNKIND, name: 'add, gzip', gzip: true },
  {
    ...UNKIND,
    name: 'add, tokens',
    targets: ['floor', 'memory', 'memory, tokens', 'disk', 'disk, tokens'],
  },
];

export const PUSH_SCRAPES: readonly PushScrapeCase[] = [false, true].map((gzip) => ({
  ...{ series: 100_000, gzip },
  targets: ['floor', 'memory', 'Pushgateway, unchecked'],
}));
