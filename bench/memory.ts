/**
 * Measures the memory of a promgate that has just started: before it scrapes a large app, at the
 * peak, and a while later.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openScene } from './pages.ts';
import type { PagesCase } from './pages-cases.ts';
import { megabytes, ratio, table } from './report.ts';

export interface MemoryCase extends PagesCase {
  /** Whether each reader has a credential of its own, so that readers share nothing. */
  readonly apart: boolean;
  /** The largest RSS at the peak. */
  readonly bytesToReach: number;
}

export interface MemoryResult {
  readonly of: MemoryCase;
  /** RSS two seconds after the start. */
  readonly beforeBytes: number;
  readonly peakBytes: number;
  /** RSS `laterMs` after the last byte of the last answer. */
  readonly laterBytes: number;
  readonly laterMs: number;
  /** RSS later beside RSS before. */
  readonly ratio: number;
}

const IDLE_MS = 2_000;
const DEADLINE_MS = 60_000;

const LARGE = {
  ...{ apps: 1, instances: 1_000, sizeBytes: 50_000, readers: 1, apart: false },
  ...{ traits: {}, toReach: 1.4 },
};
const ONCE = { ...LARGE, bytesToReach: 300_000_000 };
const FOUR = { ...LARGE, readers: 4, bytesToReach: 450_000_000 };

export const MEMORY_CASES: readonly MemoryCase[] = [
  { ...ONCE, name: '1,000 x 50 KB' },
  { ...ONCE, name: '1,000 x 50 KB, random order', traits: { drift: 0.1, order: 'random' } },
  { ...FOUR, name: '1,000 x 50 KB, four readers' },
  { ...FOUR, name: '1,000 x 50 KB, four apart', apart: true },
];

export async function measureMemory(of: MemoryCase, laterMs: number): Promise<MemoryResult> {
  await using scene = await openScene(of);
  const promgate = await scene.startPromgate(of, { isUnread: true });
  const { child } = promgate;
  await delay(IDLE_MS);
  const beforeBytes = child.rssBytes();
  const headers = Array.from({ length: of.readers }, (_, at) => `Authorization: Bearer ${at}`);
  const { bytes } = await scene.turn(promgate, DEADLINE_MS, {
    most: 1,
    ...(of.apart && { headers }),
  });
  if (bytes < of.instances * of.sizeBytes) throw new Error(`${of.name}: only ${bytes} bytes`);
  const peakBytes = child.peakRssBytes();
  await delay(laterMs);
  const laterBytes = child.rssBytes();
  const figures = { beforeBytes, peakBytes, laterBytes, laterMs };
  return { of, ...figures, ratio: laterBytes / beforeBytes };
}

export function memoryTable(results: readonly MemoryResult[]): string {
  const later = `${(results[0]?.laterMs ?? 0) / 1_000} s later`;
  const rows = results.map(({ of, ...figures }) => [
    of.name,
    megabytes(figures.beforeBytes),
    megabytes(figures.peakBytes),
    megabytes(of.bytesToReach),
    megabytes(figures.laterBytes),
    ratio(figures.ratio),
  ]);
  return `${table([['memory', 'before', 'peak', 'to reach', later, 'ratio'], ...rows])}\n`;
}
