/** Measures the start times of promgate and an empty Node program, and promgate's idle memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { routesJson } from '../test/support/foundation.ts';
import { startPromgate } from './promgate.ts';
import { megabytes, milliseconds, ratio, table } from './report.ts';
import { median } from './statistics.ts';

export interface StartResult {
  /** Median time from the start of the process, as by `npm start`, to its first answer. */
  readonly promgateMs: number;
  /** Median time from the start of the process until promgate is ready. */
  readonly readyMs: number;
  /** Median time of `node -e 0` from its start to its end. */
  readonly nodeMs: number;
  /** `promgateMs` divided by `nodeMs`; the median over the rounds. */
  readonly ratio: number;
  /** Median RSS two seconds after the start, with a small route table and no reader. */
  readonly idleRssBytes: number;
}

const IDLE_MS = 2_000;

/** Starts promgate and `node -e 0` in turn, `rounds` times each. */
export async function measureStart(rounds: number): Promise<StartResult> {
  const routes = routesJson([
    { organization: 'acme', space: 'dev', name: 'shop', addresses: ['127.1.0.1:8080'] },
  ]);
  const promgateMs: number[] = [];
  const readyMs: number[] = [];
  const nodeMs: number[] = [];
  const idleRssBytes: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const bareMs = await bareNode();
    await using promgate = await startPromgate(routes);
    if (round < 0) continue; // the first round brings files into the page cache
    await delay(IDLE_MS);
    nodeMs.push(bareMs);
    promgateMs.push(promgate.startMs);
    readyMs.push(promgate.readyMs);
    idleRssBytes.push(promgate.child.rssBytes());
  }
  return {
    promgateMs: median(promgateMs),
    readyMs: median(readyMs),
    nodeMs: median(nodeMs),
    ratio: median(promgateMs.map((ms, index) => ms / nodeMs[index]!)), // same length
    idleRssBytes: median(idleRssBytes),
  };
}

async function bareNode(): Promise<number> {
  const startedMs = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
  return performance.now() - startedMs;
}

export function startTable({
  promgateMs,
  nodeMs,
  ratio: times,
  idleRssBytes,
}: StartResult): string {
  return `${table([
    ['start', 'promgate', 'node -e 0', 'ratio', 'idle RSS'],
    ['', milliseconds(promgateMs), milliseconds(nodeMs), ratio(times), megabytes(idleRssBytes)],
  ])}\n`;
}
