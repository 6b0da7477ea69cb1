/**
 * Measures whole scrapes through HTTP: promgate and the floor take turns over the same instances.
 *
 * This process is the reader; the instances, promgate and the floor are one process each. So the
 * CPU time of promgate or the floor does not include the work of the reader and the instances.
 */
import { Agent, request } from 'undici';
import type { SimulatedApp } from '../test/support/foundation.ts';
import { appGuid, routesJson } from '../test/support/foundation.ts';
import type { Child } from './child.ts';
import { startScript } from './child.ts';
import type { FloorOptions } from './floor.ts';
import { startPromgate } from './promgate.ts';
import { megabytes, milliseconds, ratio, seconds, sizeOf, table } from './report.ts';
import type { SimulatorOptions } from './simulator.ts';
import { median, percentile } from './statistics.ts';

export interface ScrapeCase extends SimulatorOptions {
  /** The number of counted turns of each server. */
  readonly rounds: number;
  /** Scrapes in one turn: enough to make the kernel's steps of 10 ms negligible. */
  readonly scrapesPerRound: number;
}

/** The figures of one server. */
export interface ScrapeFigures {
  /** CPU time per scrape; the median over the turns. */
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
  /** promgate's CPU time divided by the floor's; the median over the pairs of turns. */
  readonly cpuRatio: number;
  /** promgate's median latency divided by the floor's; the median over the pairs of turns. */
  readonly p50Ratio: number;
}

/** A server to measure. */
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

/** Runs an uncounted turn of each server, then the counted turns: promgate, floor, promgate … */
async function inTurn(
  of: ScrapeCase,
  [promgate, floor]: readonly [Subject, Subject],
  reader: Agent,
): Promise<Omit<ScrapeResult, 'of' | 'answerBytes'>> {
  const turns = { promgate: [] as Turn[], floor: [] as Turn[] };
  for (let round = -1; round < of.rounds; round++) {
    const promgateTurn = await turn(promgate, of.scrapesPerRound, reader);
    const floorTurn = await turn(floor, of.scrapesPerRound, reader);
    if (round < 0) continue;
    turns.promgate.push(promgateTurn);
    turns.floor.push(floorTurn);
  }
  const ratio = (figure: (turn: Turn) => number): number =>
    median(turns.promgate.map((one, at) => figure(one) / figure(turns.floor[at]!))); // same length
  return {
    promgate: figures(turns.promgate, promgate.child),
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

/** Scrapes once; reads the page to its end and discards it. */
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

/** Throws if the answer lacks instances, since its figures would be worthless. */
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

export function scrapeTable(results: readonly ScrapeResult[]): string {
  const rows = results.map(({ of, answerBytes, promgate, floor, cpuRatio, p50Ratio }) => [
    sizeOf(of) + (of.delayMs > 0 ? `, ${of.delayMs} ms late` : ''),
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
