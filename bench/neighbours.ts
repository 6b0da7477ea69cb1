/**
 * Measures how long the reader of a small app waits while a reader scrapes an app of another space
 * without pause.
 *
 * The floor is measured in the same way. It shows the delay that comes from the other app's
 * instances and reader, which use the same CPU, and not from merging.
 */
import { Agent } from 'undici';
import type { SimulatedApp } from '../test/support/foundation.ts';
import { appGuid, routesJson } from '../test/support/foundation.ts';
import { startScript } from './child.ts';
import type { FloorApp } from './floor.ts';
import { startPromgate } from './promgate.ts';
import type { ReaderOptions } from './reader.ts';
import { megabytes, milliseconds, table } from './report.ts';
import { scrape } from './scrape.ts';
import type { SimulatorOptions } from './simulator.ts';
import { percentile } from './statistics.ts';

export interface NeighbourCase {
  /** The other app, in another space. */
  readonly other: SimulatorOptions;
  /** The number of scrapes of the small app alone, and again while the other app is scraped. */
  readonly scrapes: number;
}

export interface Latencies {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

interface Pair {
  readonly alone: Latencies;
  readonly beside: Latencies;
}

export interface NeighbourResult {
  readonly of: NeighbourCase;
  readonly promgate: Pair;
  /** Undefined if the other app hangs, since the floor has no deadline. */
  readonly floor: Pair | undefined;
}

const SMALL: SimulatorOptions = { instances: 3, sizeBytes: 40_000, delayMs: 0 };

/** Measures one case from a fresh start of all processes. */
export async function measureNeighbours(of: NeighbourCase): Promise<NeighbourResult> {
  await using parts = new AsyncDisposableStack();
  const apps: SimulatedApp[] = [];
  for (const [name, app] of Object.entries({ small: SMALL, other: of.other })) {
    const simulator = await startScript('simulator.ts', { ...app, samePage: true });
    parts.use(simulator.child);
    const addresses = JSON.parse(simulator.firstLine) as string[];
    apps.push({ organization: 'acme', space: name, name, addresses });
  }
  const promgate = parts.use(await startPromgate(routesJson(apps)));
  const urls = apps.map((app) => `${promgate.url}/v1/apps/${appGuid(app)}/metrics`);
  const measured = await measurePair(urls, of.scrapes);
  if (of.other.delayMs > 0) return { of, promgate: measured, floor: undefined };

  const floorApps: FloorApp[] = apps.map(({ addresses }, at) => ({
    addresses,
    answerBytes: measured.answerBytes[at]!,
  }));
  const floor = await startScript('floor.ts', { apps: floorApps });
  parts.use(floor.child);
  const floorUrls = apps.map((_, at) => `http://${floor.firstLine}/${at}`);
  return { of, promgate: measured, floor: await measurePair(floorUrls, of.scrapes) };
}

async function measurePair(
  urls: readonly string[],
  scrapes: number,
): Promise<Pair & { readonly answerBytes: readonly number[] }> {
  const [small = '', other = ''] = urls;
  const smallBytes = await warm(small, scrapes);
  const alone = latencies(await scrapeTimes(small, scrapes));
  const options: ReaderOptions = { url: other };
  await using others = (await startScript('reader.ts', options)).child;
  const beside = latencies(await scrapeTimes(small, scrapes));
  others.closeInput();
  return { alone, beside, answerBytes: [smallBytes, Number(await others.line())] };
}

/** Scrapes until code is compiled and connections are open. Returns the bytes of an answer. */
async function warm(url: string, scrapes: number): Promise<number> {
  await using reader = newReader();
  let answer = 0;
  for (let count = 0; count < scrapes / 4; count++) answer = (await scrape(url, reader)).bytes;
  return answer;
}

async function scrapeTimes(url: string, scrapes: number): Promise<number[]> {
  await using reader = newReader();
  const times: number[] = [];
  for (let count = 0; count < scrapes; count++) times.push((await scrape(url, reader)).tookMs);
  return times;
}

function newReader(): AsyncDisposable & Agent {
  const agent = new Agent({ connections: 1, bodyTimeout: 0, headersTimeout: 0 });
  return Object.assign(agent, { [Symbol.asyncDispose]: () => agent.destroy() });
}

function latencies(times: readonly number[]): Latencies {
  return {
    p50Ms: percentile(times, 0.5),
    p90Ms: percentile(times, 0.9),
    p99Ms: percentile(times, 0.99),
  };
}

export function neighbourTable(results: readonly NeighbourResult[]): string {
  const rows = results.flatMap(({ of, promgate, floor }) => {
    const { instances, sizeBytes, delayMs } = of.other;
    const other = delayMs > 0 ? 'that hang' : `x ${megabytes(sizeBytes)}`;
    return [
      ['promgate, alone', ...cellsOf(promgate.alone)],
      [`promgate, beside ${instances} ${other}`, ...cellsOf(promgate.beside)],
      ...(floor ? [['floor, alone', ...cellsOf(floor.alone)]] : []),
      ...(floor ? [[`floor, beside ${instances} ${other}`, ...cellsOf(floor.beside)]] : []),
    ];
  });
  return `${table([['small app', 'p50', 'p90', 'p99'], ...rows])}\n`;
}

function cellsOf({ p50Ms, p90Ms, p99Ms }: Latencies): string[] {
  return [milliseconds(p50Ms), milliseconds(p90Ms), milliseconds(p99Ms)];
}
