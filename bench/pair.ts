/**
 * Measures what a pair of readers costs that scrape the same app at the same time, as two Prometheus
 * servers do: promgate's CPU time for both beside its CPU time for one.
 *
 * The turns of one and two readers alternate. All processes are separate, as in `pages.ts`.
 */
import { Agent, request } from 'undici';
import type { SimulatedApp } from '../test/support/foundation.ts';
import { appGuid, routesJson } from '../test/support/foundation.ts';
import { startScript } from './child.ts';
import { type Promgate, startPromgate } from './promgate.ts';
import { milliseconds, ratio, sizeOf, table } from './report.ts';
import type { SimulatorOptions } from './simulator.ts';
import { median } from './statistics.ts';

export interface PairCase extends SimulatorOptions {
  readonly gzip: boolean;
  readonly rounds: number;
  readonly scrapesPerRound: number;
}

export interface PairResult {
  readonly of: PairCase;
  /** CPU time of one scrape, in seconds; the median over the turns. */
  readonly oneSeconds: number;
  /** CPU time of two scrapes at the same time. */
  readonly pairSeconds: number;
  /** The median over the pairs of turns. */
  readonly ratio: number;
  /** The share of the second readers that got the scrape of the first. */
  readonly shared: number;
}

export async function measurePair(of: PairCase): Promise<PairResult> {
  await using parts = new AsyncDisposableStack();
  const { instances, sizeBytes, delayMs, gzip } = of;
  const simulator = await startScript('simulator.ts', { instances, sizeBytes, delayMs });
  parts.use(simulator.child);
  const addresses = JSON.parse(simulator.firstLine) as string[];
  const app: SimulatedApp = { organization: 'acme', space: 'dev', name: 'shop', addresses };
  const promgate = parts.use(await startPromgate(routesJson([app])));
  const dispatcher = new Agent({ connections: 2, bodyTimeout: 0, headersTimeout: 0 });
  parts.defer(() => dispatcher.destroy());
  const url = `${promgate.url}/v1/apps/${appGuid(app)}/metrics`;
  const encoding = gzip ? 'gzip' : 'identity';
  const scrape = async (): Promise<void> => {
    const headers = { 'accept-encoding': encoding };
    const { statusCode, body } = await request(url, { dispatcher, headers });
    if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${await body.text()}`);
    for await (const _ of body); // a reader that breaks off would spare promgate work
  };
  const turn = async (readers: number): Promise<number> => {
    const before = promgate.child.cpuSeconds();
    for (let count = 0; count < of.scrapesPerRound; count++) {
      await Promise.all(Array.from({ length: readers }, scrape));
    }
    return (promgate.child.cpuSeconds() - before) / of.scrapesPerRound;
  };
  await turn(2);
  const sharedBefore = await sharedPages(promgate);
  const turns: { readonly one: number; readonly pair: number }[] = [];
  for (let round = 0; round < of.rounds; round++) {
    turns.push({ one: await turn(1), pair: await turn(2) });
  }
  const shared = (await sharedPages(promgate)) - sharedBefore;
  return {
    of,
    oneSeconds: median(turns.map(({ one }) => one)),
    pairSeconds: median(turns.map(({ pair }) => pair)),
    ratio: median(turns.map(({ one, pair }) => pair / one)),
    shared: shared / (of.rounds * of.scrapesPerRound),
  };
}

async function sharedPages({ url }: Promgate): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^promgate_cache_requests_total\{system="apps",result="shared"\} (\d+)$/m.exec(
    text,
  );
  return Number(found?.[1] ?? 0);
}

export function pairTable(results: readonly PairResult[]): string {
  const rows = results.map(({ of, oneSeconds, pairSeconds, shared, ...figures }) => [
    sizeOf(of) + (of.gzip ? ', gzip' : ''),
    milliseconds(oneSeconds * 1000),
    milliseconds(pairSeconds * 1000),
    ratio(figures.ratio),
    `${Math.round(shared * 100)} %`,
  ]);
  const columns = ['CPU of one', 'CPU of two', 'two : one', 'shared'];
  return `${table([['two readers at once', ...columns], ...rows])}\n`;
}
