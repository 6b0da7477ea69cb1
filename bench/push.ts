/**
 * Measures pushes: how many a gateway takes per second, how long each waits, and what it costs.
 *
 * All gateways of a case run at the same time and are pushed to in turn, so that a busy moment of the
 * machine harms each.
 */
import { startScript } from './child.ts';
import { PUSH_CASES, PUSH_SCRAPES, type PushCase } from './push-cases.ts';
import type { PushClientFigures, PushClientOptions } from './push-client.ts';
import { measurePushScrapes, type PushScrapeResult, pushScrapeTable } from './push-scrapes.ts';
import { pushHeaders, readPage, store } from './push-store.ts';
import {
  PUSH_TARGETS,
  type PushTarget,
  type PushTargetName,
  startPushTarget,
} from './push-targets.ts';
import { megabytes, milliseconds, ratio, table } from './report.ts';
import { median } from './statistics.ts';

export interface PushFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the gateway for each push. */
  readonly microseconds: number;
  /** CPU time of Redis for each push. */
  readonly redisMicroseconds: number;
  readonly clientMicroseconds: number;
}

export interface PushTargetResult extends PushFigures {
  readonly target: PushTargetName;
  /** CPU of the gateway divided by that of the floor; the median over the rounds. */
  readonly ratio: number;
  /** After the last round. */
  readonly rssBytes: number;
}

export interface PushResult {
  readonly of: PushCase;
  readonly targets: readonly PushTargetResult[];
}

export interface PushRun {
  readonly rounds: number;
  readonly countedMs: number;
}

export interface PushGroup {
  readonly pushes: readonly PushResult[];
  readonly scrapes: readonly PushScrapeResult[];
}

/** Measures all cases, and hands over each table as soon as it is there. */
export async function measureAllPushes(
  isQuick: boolean,
  print: (text: string) => void,
): Promise<PushGroup> {
  const run = isQuick ? { rounds: 1, countedMs: 500 } : { rounds: 3, countedMs: 1_500 };
  const scrapeRun = isQuick ? { starts: 1, reads: 3 } : { starts: 3, reads: 10 };
  const pushes: PushResult[] = [];
  for (const of of PUSH_CASES) {
    const result = await measurePushes(of, run);
    pushes.push(result);
    print(pushTable(result));
  }
  const scrapes: PushScrapeResult[] = [];
  for (const of of PUSH_SCRAPES) scrapes.push(...(await measurePushScrapes(of, scrapeRun)));
  print(pushScrapeTable(scrapes));
  return { pushes, scrapes };
}

/** Of each turn, before it counts. */
const WARM_MS = 1_500;
/** Large bodies take long, and a turn must have some of them. */
const MS_PER_WORKER = 20;

async function measurePushes(of: PushCase, run: PushRun): Promise<PushResult> {
  await using parts = new AsyncDisposableStack();
  const targets: PushTarget[] = [];
  for (const name of PUSH_TARGETS.filter((one) => of.targets.includes(one))) {
    const target = parts.use(await startPushTarget(name, 0));
    await store(target, { mode: of.mode, series: storedIn(target, of) });
    targets.push(target);
  }
  const countedMs = Math.max(run.countedMs, of.workers * MS_PER_WORKER);
  const turns: PushFigures[][] = [];
  // The first round is not counted: servers compile their code in it.
  for (let round = -1; round < run.rounds; round++) {
    const figures: PushFigures[] = [];
    for (const target of targets) figures.push(await turn(target, of, countedMs));
    if (round >= 0) turns.push(figures);
  }
  const floorAt = targets.findIndex(({ name }) => name === 'floor');
  return {
    of,
    targets: targets.map(({ name, child }, at) => ({
      target: name,
      ...middle(turns.map((figures) => figures[at]!)), // each turn has all targets
      ratio: median(
        turns.map((figures) => figures[at]!.microseconds / figures[floorAt]!.microseconds),
      ),
      rssBytes: child.rssBytes(),
    })),
  };
}

const MAX_CHECKED = 10_000;

function storedIn({ name }: PushTarget, { stored }: PushCase): number {
  return name === 'Pushgateway' ? Math.min(stored, MAX_CHECKED) : stored;
}

async function turn(target: PushTarget, of: PushCase, countedMs: number): Promise<PushFigures> {
  const { port, page, child, redis } = target;
  const { mode, kind, workers, gzip, jobs, connections } = of;
  const options: PushClientOptions = {
    ...{ port, kind, workers, gzip, jobs, connections, countedMs, warmMs: WARM_MS },
    method: mode === 'replace' ? 'PUT' : 'POST',
    path: `${page}/job/`,
    headers: pushHeaders(target, mode).map((pair) => pair.join(': ')),
  };
  const { child: client } = await startScript('push-client.ts', options);
  await using _ = client;
  const scrapes = of.scrapes && target.name !== 'floor' ? readEachSecond(target) : undefined;
  const before = { own: child.cpuSeconds(), redis: redis?.cpuSeconds() ?? 0 };
  const line = await client.line();
  const own = child.cpuSeconds() - before.own;
  const ofRedis = (redis?.cpuSeconds() ?? 0) - before.redis;
  await scrapes?.end();
  if (line === undefined) throw new Error(`the client of ${target.name} has ended`);
  const { pushes, ...figures } = JSON.parse(line) as PushClientFigures;
  return {
    ...figures,
    microseconds: (own / pushes) * 1_000_000,
    redisMicroseconds: (ofRedis / pushes) * 1_000_000,
  };
}

/** Reads the whole page at once and then each second, until it is told to end. */
function readEachSecond(target: PushTarget): { end(): Promise<void> } {
  let reading: Promise<unknown> = readPage(target, { gzip: false });
  const timer = setInterval(() => {
    reading = reading.then(() => readPage(target, { gzip: false }));
  }, 1_000);
  return {
    async end() {
      clearInterval(timer);
      await reading;
    },
  };
}

function middle(turns: readonly PushFigures[]): PushFigures {
  const of = (key: keyof PushFigures): number => median(turns.map((figures) => figures[key]));
  return {
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    microseconds: of('microseconds'),
    redisMicroseconds: of('redisMicroseconds'),
    clientMicroseconds: of('clientMicroseconds'),
  };
}

function pushTable({ of, targets }: PushResult): string {
  const rows = targets.map((one) => [
    one.target,
    one.perSecond.toFixed(0),
    milliseconds(one.p50Ms),
    milliseconds(one.p99Ms),
    `${one.microseconds.toFixed(0)} us`,
    one.redisMicroseconds > 0 ? `${one.redisMicroseconds.toFixed(0)} us` : '',
    ratio(one.ratio),
    megabytes(one.rssBytes),
    `${one.clientMicroseconds.toFixed(0)} us`,
  ]);
  const columns = ['per second', 'p50', 'p99', 'CPU', 'Redis', 'to floor', 'RSS', 'client'];
  return `${table([[of.name, ...columns], ...rows])}\n`;
}
