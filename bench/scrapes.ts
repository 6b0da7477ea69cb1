/**
 * Whole scrapes through HTTP: promgate beside the floor, in turn, over the same instances.
 *
 * The reader is this process, the instances, promgate and the floor are one process each. CPU is
 * what the kernel counts for the process, so the reader's and the instances' work is not in it.
 */
import { Agent, request } from 'undici';
import type { SimulatedApp } from '../test/support/foundation.ts';
import { appGuid, routesJson } from '../test/support/foundation.ts';
import type { Child } from './child.ts';
import { startScript } from './child.ts';
import type { FloorOptions } from './floor.ts';
import { startPromgate } from './promgate.ts';
import type { SimulatorOptions } from './simulator.ts';
import { median, percentile } from './statistics.ts';

export interface ScrapeCase extends SimulatorOptions {
  /** Turns of each server. */
  readonly rounds: number;
  /** Scrapes in one turn: enough for the kernel's 10 ms steps not to matter. */
  readonly scrapesPerRound: number;
}

/** What one server spent. */
export interface ScrapeFigures {
  /** Median over the turns, per scrape. */
  readonly cpuSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly peakRssBytes: number;
}

export interface ScrapeResult {
  readonly of: ScrapeCase;
  readonly answerBytes: number;
  readonly promgate: ScrapeFigures;
  readonly floor: ScrapeFigures;
  /** Median over the pairs of turns. */
  readonly cpuRatio: number;
  readonly p50Ratio: number;
}

/** Something that answers scrapes. */
interface Subject {
  readonly url: string;
  readonly child: Child;
}

/** Measures one case from a fresh start of all processes. */
export async function measureScrapes(of: ScrapeCase): Promise<ScrapeResult> {
  await using parts = new AsyncDisposableStack();
  const { instances, sizeBytes, delayMs } = of;
  const simulatorOptions: SimulatorOptions = { instances, sizeBytes, delayMs };
  const simulator = await startScript('simulator.ts', simulatorOptions);
  parts.use(simulator.child);
  const addresses = JSON.parse(simulator.firstLine) as string[];

  const app: SimulatedApp = { organization: 'acme', space: 'dev', name: 'shop', addresses };
  const promgate = parts.use(await startPromgate(routesJson([app])));
  const subject: Subject = {
    child: promgate.child,
    url: `${promgate.url}/v1/apps/${appGuid(app)}/metrics`,
  };
  const reader = new Agent({ connections: 1, bodyTimeout: 0, headersTimeout: 0 });
  parts.defer(() => reader.destroy());
  await assertComplete(subject.url, instances, reader);
  const { bytes: answerBytes } = await scrape(subject.url, reader);

  const floorOptions: FloorOptions = { apps: [{ addresses, answerBytes }] };
  const floorProcess = await startScript('floor.ts', floorOptions);
  parts.use(floorProcess.child);
  const floor: Subject = {
    child: floorProcess.child,
    url: `http://${floorProcess.firstLine}/0`,
  };
  return { of, answerBytes, ...(await inTurn(of, [subject, floor], reader)) };
}

/** A warm-up turn of each, then the counted turns: A B A B … */
async function inTurn(
  of: ScrapeCase,
  [subject, floor]: readonly [Subject, Subject],
  reader: Agent,
): Promise<Omit<ScrapeResult, 'of' | 'answerBytes'>> {
  const turns = { subject: [] as Turn[], floor: [] as Turn[] };
  for (let round = -1; round < of.rounds; round++) {
    const mine = await turn(subject, of.scrapesPerRound, reader);
    const its = await turn(floor, of.scrapesPerRound, reader);
    if (round < 0) continue;
    turns.subject.push(mine);
    turns.floor.push(its);
  }
  const ratio = (of: (turn: Turn) => number): number =>
    median(turns.subject.map((mine, index) => of(mine) / of(turns.floor[index]!))); // same length
  return {
    promgate: figures(turns.subject, subject.child),
    floor: figures(turns.floor, floor.child),
    cpuRatio: ratio(({ cpuSeconds }) => cpuSeconds),
    p50Ratio: ratio(({ latenciesMs }) => median(latenciesMs)),
  };
}

interface Turn {
  readonly cpuSeconds: number;
  readonly latenciesMs: readonly number[];
}

async function turn({ url, child }: Subject, scrapes: number, reader: Agent): Promise<Turn> {
  const before = child.cpuSeconds();
  const latenciesMs: number[] = [];
  for (let count = 0; count < scrapes; count++)
    latenciesMs.push((await scrape(url, reader)).tookMs);
  return { cpuSeconds: (child.cpuSeconds() - before) / scrapes, latenciesMs };
}

function figures(turns: readonly Turn[], child: Child): ScrapeFigures {
  const latenciesMs = turns.flatMap((one) => one.latenciesMs);
  return {
    cpuSeconds: median(turns.map(({ cpuSeconds }) => cpuSeconds)),
    p50Ms: median(latenciesMs),
    p99Ms: percentile(latenciesMs, 0.99),
    peakRssBytes: child.peakRssBytes(),
  };
}

/** One scrape, read to its end and thrown away. */
export async function scrape(
  url: string,
  dispatcher: Agent,
): Promise<{ readonly tookMs: number; readonly bytes: number }> {
  const startedMs = performance.now();
  const { statusCode, body } = await request(url, { dispatcher });
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${await body.text()}`);
  let bytes = 0;
  for await (const part of body) bytes += (part as Buffer).length;
  return { tookMs: performance.now() - startedMs, bytes };
}

/** No figure counts for an answer that lacks instances. */
async function assertComplete(url: string, instances: number, dispatcher: Agent): Promise<void> {
  const { body } = await request(url, { dispatcher });
  let up = 0;
  let rest = '';
  for await (const part of body) {
    const lines = (rest + (part as Buffer).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    up += lines.filter((line) => /^promgate_instance_up\{.*\} 1$/.test(line)).length;
  }
  if (up !== instances) throw new Error(`${url}: ${up} of ${instances} instances are up`);
}
