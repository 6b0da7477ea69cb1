/** Servers that scrape the same counters and gauges, each at its own times, and with holes. */

import { writeStale } from '../../src/promql/evaluate/stale.ts';
import type { SeriesBlock } from '../../src/promql/evaluate/storage.ts';
import { randomNumbers, scattered } from './seeded-numbers.ts';

export const START_MS = 1_700_000_000_000;
export const SPAN_MS = 2 * 3_600_000;
const TICK_MS = 1_000;

/** What an application counts, at every second: all servers see the same. */
export interface Truth {
  readonly labels: SeriesBlock['labels'];
  readonly ticks: Float64Array;
}

export interface ScraperOptions {
  /** When in the interval it scrapes. */
  readonly phaseMs: number;
  readonly intervalMs?: number;
  /** Its clock is ahead by this. */
  readonly skewMs?: number;
  /** When it did not run. */
  readonly holes?: readonly (readonly [startMs: number, endMs: number])[];
  /** The share of scrapes that fail; a failed one leaves stale markers. */
  readonly lostShare?: number;
  readonly seed?: number;
}

/** A counter whose increases vary from second to second and over the hours. */
export function countedTruth(
  labels: SeriesBlock['labels'],
  seed: number,
  perSecond: number,
): Truth {
  const random = randomNumbers(seed);
  const ticks = new Float64Array(SPAN_MS / TICK_MS + 1);
  let level = Math.floor(random() * 1e6);
  for (let at = 0; at < ticks.length; at++) {
    const wave = 1 + 0.3 * Math.sin((at / 1800) * Math.PI + seed);
    level += Math.round(perSecond * wave * (0.5 + random()));
    ticks[at] = level;
  }
  return { labels, ticks };
}

/** A gauge that walks. */
export function walkingTruth(labels: SeriesBlock['labels'], seed: number): Truth {
  const random = randomNumbers(seed);
  const ticks = new Float64Array(SPAN_MS / TICK_MS + 1);
  let level = 100 + 50 * random();
  for (let at = 0; at < ticks.length; at++) {
    level += (random() - 0.5) * 0.3;
    ticks[at] = level;
  }
  return { labels, ticks };
}

/** What a server has of the truths; each instance is scraped at its own time, all its series together. */
export function scrape(truths: readonly Truth[], options: ScraperOptions): readonly SeriesBlock[] {
  return truths.map((truth) => scrapeOne(truth, options));
}

function scrapeOne({ labels, ticks }: Truth, options: ScraperOptions): SeriesBlock {
  const { phaseMs, intervalMs = 15_000, skewMs = 0, holes = [], lostShare = 0, seed = 1 } = options;
  const instance = scattered(numberOf(labels), seed);
  const random = randomNumbers(instance);
  const times: { readonly atMs: number; readonly isLost: boolean }[] = [];
  let wasUp = false;
  for (let atMs = (phaseMs + instance) % intervalMs; atMs < SPAN_MS; atMs += intervalMs) {
    const isLost = random() < lostShare;
    if (holes.some(([start, end]) => atMs >= start && atMs < end)) continue;
    // Series that are stale already get no further marker.
    if (!isLost || wasUp) times.push({ atMs, isLost });
    wasUp = !isLost;
  }
  const values = Float64Array.from(times, ({ atMs }) => ticks[Math.floor(atMs / TICK_MS)] ?? 0);
  for (const [at, { isLost }] of times.entries()) if (isLost) writeStale(values, at);
  const timesMs = Float64Array.from(times, ({ atMs }) => START_MS + atMs + skewMs);
  return { labels, timesMs, values };
}

/** A number that the labels `instance` and `dc` decide. */
function numberOf(labels: SeriesBlock['labels']): number {
  const text = labels.filter(([name]) => name === 'instance' || name === 'dc').join();
  return [...text].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 1e9, 7);
}
