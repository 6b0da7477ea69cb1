/**
 * What a merge of one page allocates, counted in a process of its own whose collector has no reason
 * to run: `node --min-semi-space-size=… allocated-bytes.ts` prints a line of JSON per page on its
 * standard input, which has a page's format and text as JSON in each line.
 */

import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
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

/** Flags under which nothing is collected while a page is merged. */
export const FLAGS = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];

function allocated(): number {
  const { used_heap_size: heap, external_memory: outside } = getHeapStatistics();
  return heap + outside;
}

async function costOf({ format, text }: GivenPage): Promise<Cost> {
  const bytes = Buffer.from(text);
  let turns = 0;
  const merge = new Merge({
    ...{ labelConflict: 'exported', exportJob: true, preferOpenMetrics: false, learn: true },
    escaping: { text: 'underscores', openmetrics: 'underscores' },
    pause: async () => {
      turns += 1;
    },
  });
  const labels = new InsertedLabels([['index', '0']]);
  const of = 'instance';
  globalThis.gc?.();
  await delivered();
  const before = allocated();
  await merge.add({ place: 0, of, bytes, format, labels, rules: undefined, instance: undefined });
  const cost = { bytes: allocated() - before, turns };
  return cost;
}

/** Until memory outside of the heap, which is given back later than it is collected, has been. */
async function delivered(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}

/** The one in the middle: what is given back late may fall into any of them. */
async function medianCost(page: GivenPage): Promise<Cost> {
  const costs = [await costOf(page), await costOf(page), await costOf(page)];
  return costs.toSorted((a, b) => a.bytes - b.bytes)[1]!; // there are three
}

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const page = JSON.parse(line) as GivenPage;
    await costOf(page); // what is compiled and made once is not counted
    process.stdout.write(`${JSON.stringify(await medianCost(page))}\n`);
  }
}
