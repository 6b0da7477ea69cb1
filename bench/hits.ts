/**
 * Measures how long a reader waits for a kept page while promgate refreshes the pages of many other
 * apps in the background, beside the same without refreshes.
 *
 * The turns alternate, each with a promgate of its own that keeps the same pages.
 */
import type { SimulatedApp } from '../test/support/foundation.ts';
import { appGuid, routesJson } from '../test/support/foundation.ts';
import { startScript } from './child.ts';
import { type Promgate, startPromgate } from './promgate.ts';
import { milliseconds, ratio, table } from './report.ts';
import { median, percentile } from './statistics.ts';

export interface HitsCase {
  /** Apps of one instance each. */
  readonly targets: number;
  readonly sizeBytes: number;
  /** How often each page is refreshed. */
  readonly everySeconds: number;
  readonly perSecond: number;
  /** How long one turn lasts. */
  readonly seconds: number;
  readonly rounds: number;
}

export interface HitsFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of a core, over all turns. */
  readonly cpuShare: number;
}

export interface HitsResult {
  readonly of: HitsCase;
  readonly quiet: HitsFigures;
  readonly refreshing: HitsFigures;
  /** The p99 while promgate refreshes divided by the p99 without; the median over pairs of turns. */
  readonly ratio: number;
  readonly refreshesPerSecond: number;
}

export async function measureHits(of: HitsCase): Promise<HitsResult> {
  await using parts = new AsyncDisposableStack();
  const { targets: instances, sizeBytes } = of;
  const simulator = await startScript('simulator.ts', { instances, sizeBytes, delayMs: 0 });
  parts.use(simulator.child);
  const addresses = JSON.parse(simulator.firstLine) as string[];
  const apps = addresses.map((address, at): SimulatedApp => {
    return { organization: 'acme', space: 'dev', name: `app-${at}`, addresses: [address] };
  });
  const turns: { readonly quiet: Turn; readonly refreshing: Turn }[] = [];
  for (let round = 0; round < of.rounds; round++) {
    turns.push({
      quiet: await turn('ttl', apps, of),
      refreshing: await turn('background', apps, of),
    });
  }
  const refreshing = turns.map((one) => one.refreshing);
  return {
    of,
    quiet: figures(turns.map((one) => one.quiet)),
    refreshing: figures(refreshing),
    ratio: median(turns.map((one) => one.refreshing.p99Ms / one.quiet.p99Ms)),
    refreshesPerSecond: median(refreshing.map((one) => one.refreshesPerSecond)),
  };
}

interface Turn extends HitsFigures {
  readonly refreshesPerSecond: number;
}

/** A turn of a new promgate, which keeps the pages of all apps. */
async function turn(
  mode: 'ttl' | 'background',
  apps: readonly SimulatedApp[],
  { everySeconds, perSecond, seconds }: HitsCase,
): Promise<Turn> {
  const pace = { ttl: '1h', refresh: `${everySeconds}s`, max_bytes: '1GB' };
  await using promgate = await startPromgate(routesJson(apps), () => ({
    cache: { mode, ...pace },
  }));
  const { url, child } = promgate;
  await readSpread(promgate, apps, everySeconds);
  const path = `/v1/apps/${appGuid(apps[0]!)}/metrics`;
  const options = { port: Number(new URL(url).port), path, perSecond, seconds };
  const refreshed = await refreshes(promgate);
  const before = child.cpuSeconds();
  const reader = await startScript('steady-reader.ts', options);
  await using _ = reader.child;
  const cpuShare = (child.cpuSeconds() - before) / seconds;
  const refreshesPerSecond = ((await refreshes(promgate)) - refreshed) / seconds;
  const tookMs = (JSON.parse(reader.firstLine) as number[]).slice(perSecond); // not the first second
  return { p50Ms: median(tookMs), p99Ms: percentile(tookMs, 0.99), cpuShare, refreshesPerSecond };
}

/** Reads each app once, spread over one period, as readers do: refreshes follow their reads. */
async function readSpread(
  { url }: Promgate,
  apps: readonly SimulatedApp[],
  seconds: number,
): Promise<void> {
  const startMs = performance.now();
  for (const [at, app] of apps.entries()) {
    const waitMs = startMs + (at * seconds * 1_000) / apps.length - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    for (const _ of [1, 2]) {
      const answer = await fetch(`${url}/v1/apps/${appGuid(app)}/metrics`);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    }
  }
}

async function refreshes({ url }: Promgate): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = /^promgate_cache_refresh_duration_seconds_count\{system="apps"\} (\d+)$/m.exec(
    text,
  );
  return Number(found?.[1] ?? 0);
}

function figures(turns: readonly Turn[]): HitsFigures {
  return {
    p50Ms: median(turns.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(turns.map(({ p99Ms }) => p99Ms)),
    cpuShare: median(turns.map(({ cpuShare }) => cpuShare)),
  };
}

export function hitsTable({ of, quiet, refreshing, ...figures }: HitsResult): string {
  const row = (name: string, { p50Ms, p99Ms, cpuShare }: HitsFigures): string[] => [
    ...[name, milliseconds(p50Ms), milliseconds(p99Ms), `${Math.round(cpuShare * 100)} %`],
  ];
  const perSecond = figures.refreshesPerSecond.toFixed(0);
  return `${table([
    [`${of.perSecond} hits per second`, 'p50', 'p99', 'CPU', 'p99, ratio'],
    [...row('nothing else', quiet), ''],
    [...row(`${perSecond} refreshes per second`, refreshing), ratio(figures.ratio)],
  ])}\n`;
}
