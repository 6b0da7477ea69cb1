/**
 * Measures the reads of a page with all pushed metrics: the first, and those after some, all or none
 * of these have changed.
 */

import { pushedBody } from './push-bodies.ts';
import { pushOnce, readPage, type Stored, storedPush } from './push-store.ts';
import { type PushTarget, type PushTargetName, startPushTarget } from './push-targets.ts';
import { megabytes, milliseconds, table } from './report.ts';
import { median } from './statistics.ts';

export interface PushScrapeCase {
  readonly series: number;
  readonly gzip: boolean;
  readonly targets: readonly PushTargetName[];
}

/** What has been pushed since the page was read last. `spread`: a gauge, in many jobs. */
const CHANGES = ['first', 'nothing', 'one percent', 'spread', 'all'] as const;

type Change = (typeof CHANGES)[number];

export interface ScrapeFigures {
  readonly ms: number;
  /** CPU time of the gateway. */
  readonly cpuMs: number;
}

export interface PushScrapeResult {
  readonly target: PushTargetName;
  readonly gzip: boolean;
  readonly pageBytes: number;
  readonly scrapes: Readonly<Record<Change, ScrapeFigures>>;
  /** Before the first read, after all of them, and at most. */
  readonly rssBytes: { readonly before: number; readonly after: number; readonly peak: number };
}

export interface PushScrapeRun {
  readonly starts: number;
  readonly reads: number;
}

const SERIES_PER_JOB = 100;
/** The length of a page of 100,000 series, about: what the floor sends. */
const PAGE_BYTES_PER_SERIES = 75;
const GAUGE_SERIES = SERIES_PER_JOB / 20;

export async function measurePushScrapes(
  of: PushScrapeCase,
  run: PushScrapeRun,
): Promise<PushScrapeResult[]> {
  const results = new Map<PushTargetName, PushScrapeResult[]>();
  for (let start = 0; start < run.starts; start++) {
    for (const name of of.targets) {
      const known = results.get(name) ?? [];
      results.set(name, [...known, await measureOne(name, of, run)]);
    }
  }
  return [...results.values()].map(middle);
}

async function measureOne(
  name: PushTargetName,
  { series, gzip }: PushScrapeCase,
  { reads }: PushScrapeRun,
): Promise<PushScrapeResult> {
  await using target = await startPushTarget(name, series * PAGE_BYTES_PER_SERIES);
  const stored: Stored = { mode: 'aggregate', series, seriesPerJob: SERIES_PER_JOB };
  const jobs = series / SERIES_PER_JOB;
  for (let job = 0; job < jobs; job++) await pushOnce(target, storedPush(job, stored));
  const before = target.child.rssBytes();
  const first = await scrape(target, gzip);
  const of = async (change: () => Promise<void>): Promise<ScrapeFigures> => {
    const figures: ScrapeFigures[] = [];
    for (let read = 0; read < reads; read++) {
      await change();
      figures.push(await scrape(target, gzip));
    }
    return average(figures);
  };
  let at = 0;
  const pushAll = async (count: number): Promise<void> => {
    at++;
    for (let job = 0; job < count; job++) await pushOnce(target, storedPush(job, stored, at));
  };
  const pushGauges = async (): Promise<void> => {
    at++;
    const lines = pushedBody({ kind: 'values', workers: GAUGE_SERIES, at }).split('\n');
    const body = `${lines.filter((line) => line.includes('job_queue_length')).join('\n')}\n`;
    const count = series / 100 / GAUGE_SERIES;
    for (let job = 0; job < count; job++) {
      await pushOnce(target, { mode: 'aggregate', job: `stored-${job * 5}`, body });
    }
  };
  const scrapes: Record<Change, ScrapeFigures> = {
    first,
    nothing: await of(async () => undefined),
    'one percent': await of(() => pushAll(jobs / 100)),
    spread: await of(pushGauges),
    all: await of(() => pushAll(jobs)),
  };
  const { bytes: pageBytes } = await readPage(target, { gzip });
  const rssBytes = { before, after: target.child.rssBytes(), peak: target.child.peakRssBytes() };
  return { target: name, gzip, pageBytes, scrapes, rssBytes };
}

async function scrape(target: PushTarget, gzip: boolean): Promise<ScrapeFigures> {
  const before = target.child.cpuSeconds();
  const { ms } = await readPage(target, { gzip });
  return { ms, cpuMs: (target.child.cpuSeconds() - before) * 1_000 };
}

/** The median time, and the mean CPU time, which the kernel counts in steps of 10 ms. */
function average(figures: readonly ScrapeFigures[]): ScrapeFigures {
  const cpuMs = figures.reduce((sum, one) => sum + one.cpuMs, 0) / figures.length;
  return { ms: median(figures.map(({ ms }) => ms)), cpuMs };
}

function middle(all: readonly PushScrapeResult[]): PushScrapeResult {
  const of = (key: (one: PushScrapeResult) => number): number => median(all.map(key));
  const scrapes = Object.fromEntries(
    CHANGES.map((change): [Change, ScrapeFigures] => [
      change,
      {
        ms: of((one) => one.scrapes[change].ms),
        cpuMs: of((one) => one.scrapes[change].cpuMs),
      },
    ]),
  ) as Record<Change, ScrapeFigures>; // CHANGES has all
  const rssBytes = {
    before: of((one) => one.rssBytes.before),
    after: of((one) => one.rssBytes.after),
    peak: of((one) => one.rssBytes.peak),
  };
  return { ...all[0]!, scrapes, rssBytes }; // every target was started
}

export function pushScrapeTable(results: readonly PushScrapeResult[]): string {
  const rows = results.map(({ target, gzip, pageBytes, scrapes, rssBytes }) => [
    target + (gzip ? ', gzip' : ''),
    megabytes(pageBytes),
    ...CHANGES.map((change) => {
      const { ms, cpuMs } = scrapes[change];
      return `${milliseconds(ms)} / ${cpuMs.toFixed(0)}`;
    }),
    ...[rssBytes.before, rssBytes.after, rssBytes.peak].map(megabytes),
  ]);
  const columns = ['page', ...CHANGES, 'RSS before', 'after', 'peak'];
  return `${table([['read of a page: time / CPU ms', ...columns], ...rows])}\n`;
}
