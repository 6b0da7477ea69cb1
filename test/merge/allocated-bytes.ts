/**
 * What a merge of one page allocates, counted in a process of its own whose collector has no reason
 * to run: `node --min-semi-space-size=… allocated-bytes.ts` prints a line of JSON per page on its
 * standard input, which has a page's format and text as JSON in each line.
 */

import { createInterface } from 'node:readline';
import { getHeapStatistics } from 'node:v8';
import type { FormatName } from '../../src/exposition/grammar.ts';
import { InsertedLabels } from '../../src/merge/labels.ts';
import { Merge } from '../../src/merge/merge.ts';

export interface GivenPage {
  readonly format: FormatName;
  readonly text: string;
}

export interface Cost {
  /** Bytes of objects and strings, and outside of V8's heap. */
  readonly bytes: number;
  /** Turns that others were given. */
  readonly turns: number;
}

/**
 * Flags under which nothing is collected while a page is merged, and nothing is still being given
 * back from before: a collection ends before it returns.
 */
export const FLAGS = [
  '--expose-gc',
  '--single-threaded-gc',
  '--min-semi-space-size=512',
  '--max-semi-space-size=512',
];

function allocated(): number {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return heap + outside;
}

async function costOf({ format, text }: GivenPage): Promise<Cost> {
  const bytes = Buffer.from(text);
  let turns = 0;
  const merge = new Merge({
    ...{ labelConflict: 'exported', exportJob: true, preferOpenMetrics: false, scan: true },
    escaping: { text: 'underscores', openmetrics: 'underscores' },
    pause: async () => {
      turns += 1;
    },
  });
  const labels = new InsertedLabels([['index', '0']]);
  const of = 'instance';
  globalThis.gc?.();
  const before = allocated();
  await merge.add({ place: 0, of, bytes, format, labels, rules: undefined, instance: undefined });
  const cost = { bytes: allocated() - before, turns };
  return cost;
}

/** The lesser of two: the first one may compile, and make what is made once. */
async function leastCost(page: GivenPage): Promise<Cost> {
  const costs = [await costOf(page), await costOf(page)];
  return costs.reduce((least, cost) => (cost.bytes < least.bytes ? cost : least));
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const page = JSON.parse(line) as GivenPage;
    process.stdout.write(`${JSON.stringify(await leastCost(page))}\n`);
  }
}
