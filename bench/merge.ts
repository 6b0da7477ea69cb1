/**
 * Measures the merge without network, and a plain copy of the merged page into the same reused
 * chunk for comparison.
 *
 * `merge-process.ts` runs a measurement in a process of its own.
 */
import { toBody } from '../src/exposition/body.ts';
import { TEXT } from '../src/exposition/grammar.ts';
import { LabelNames } from '../src/exposition/label-names.ts';
import { FamilyTable } from '../src/merge/families.ts';
import { Indexer, type IndexerOptions } from '../src/merge/indexer.ts';
import type { suitsKernel } from '../src/merge/label-insertion.ts';
import { InsertedLabels } from '../src/merge/labels.ts';
import { planSplice } from '../src/merge/plan.ts';
import { INSTANCE_LABELS } from '../src/merge/relabel.ts';
import { type Chunk, createChunk, Splicer } from '../src/merge/splice.ts';
import { expositionPage } from '../test/support/exposition-pages.ts';
import { endpointsOf } from '../test/support/foundation.ts';
import { mergeNaively } from './naive-merge.ts';
import { median } from './statistics.ts';

/**
 * `scanned` indexes pages with the kernel, then splices. `parsed` parses every line, then splices.
 * `strings` is the naive merge.
 */
export type MergeWay = 'scanned' | 'parsed' | 'strings';

export interface MergeCase {
  readonly way: MergeWay;
  readonly instances: number;
  readonly sizeBytes: number;
  /** The number of apps that take turns. The pages of one app stay in the CPU's caches. */
  readonly apps: number;
  /** Counted rounds. Half as many uncounted rounds come first, so that the code is compiled. */
  readonly rounds: number;
}

/** Medians over the rounds. */
export interface MergeFigures {
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly copyMs: number;
  /** For `strings` the time of the whole merge. */
  readonly indexMs: number;
  readonly spliceMs: number;
  /** The time of the merge divided by the time of the copy in the same round. */
  readonly ratio: number;
}

export const CHUNK_BYTES = 65_536;

type LabelPair = readonly [name: string, value: string];

/**
 * Measures one way of merging; merge and copy take turns.
 *
 * Use a new process for each way, so that no way pays for collecting the garbage of another.
 */
export function measureMerge({ way, instances, sizeBytes, apps, rounds }: MergeCase): MergeFigures {
  const pairs = labelPairs(instances);
  const chunk = createChunk(CHUNK_BYTES);
  const all = Array.from({ length: apps }, (_, app) => {
    const page = (seed: number): Buffer => expositionPage({ sizeBytes, seed });
    const pages = Array.from({ length: instances }, (_, at) => page(app * instances + at));
    const expected = mergeNaively(pages, pairs.map(printed));
    const merge =
      way === 'strings'
        ? naiveMerge(pages, pairs)
        : indexedMerge(pages, pairs, { scan: way === 'scanned' });
    assertPrints(merge, expected);
    return { inputBytes: pages.reduce((sum, { length }) => sum + length, 0), expected, merge };
  });

  const took = { copy: [] as number[], index: [] as number[], splice: [] as number[] };
  for (let round = -Math.ceil(rounds / 2); round < rounds; round++) {
    const { expected, merge } = all[(round + rounds) % apps]!;
    const [copyMs] = timed(() => copyThrough(expected, chunk.bytes));
    const [indexMs, fill] = timed(merge);
    const [spliceMs] = timed(() => {
      while (fill(chunk) > 0);
    });
    if (round < 0) continue;
    took.copy.push(copyMs);
    took.index.push(indexMs);
    took.splice.push(spliceMs);
  }
  return {
    inputBytes: all[0]!.inputBytes,
    outputBytes: all[0]!.expected.length,
    copyMs: median(took.copy),
    indexMs: median(took.index),
    spliceMs: median(took.splice),
    // The three lists have the same length.
    ratio: median(took.copy.map((ms, at) => (took.index[at]! + took.splice[at]!) / ms)),
  };
}

/** How an indexed merge goes about its pages. */
interface IndexedMergeOptions extends Pick<IndexerOptions, 'scan'> {
  readonly suits?: typeof suitsKernel;
}

/** Fills a chunk with the next piece of a merged page. Returns the bytes written; 0 at the end. */
export type Fill = (chunk: Chunk) => number;

/** Indexes the pages in each call; the returned `Fill` splices. */
export function indexedMerge(
  pages: readonly Buffer[],
  pairs: readonly LabelPair[][],
  { suits, ...options }: IndexedMergeOptions,
): () => Fill {
  const bodies = pages.map((page) => toBody(page));
  const labels = pairs.map((own) => new InsertedLabels(own));
  return () => {
    const families = new FamilyTable();
    const reserved = new LabelNames(INSTANCE_LABELS);
    const indexer = new Indexer({ families, grammar: TEXT, reserved, ...options });
    const sources = bodies.map((body, at) => ({
      page: result(indexer.index(body)),
      labels: labels[at]!,
    }));
    const plan = result(planSplice(sources, families, { format: 'text' }));
    const splicer = new Splicer(plan, suits);
    return (chunk) => splicer.fill(chunk);
  };
}

/** Runs sliced work to its end. */
function result<T>(slices: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = slices.next();
    if (done) return value;
  }
}

/** Merges in each call; the returned `Fill` only copies, and the table does not print its time. */
function naiveMerge(pages: readonly Buffer[], pairs: readonly LabelPair[][]): () => Fill {
  const labels = pairs.map(printed);
  return () => {
    const merged = mergeNaively(pages, labels);
    let at = 0;
    return ({ bytes, capacity }) => {
      const length = merged.copy(bytes, 0, at, Math.min(merged.length, at + capacity));
      at += length;
      return length;
    };
  };
}

function printed(pairs: readonly LabelPair[]): string {
  return pairs.map(([name, value]) => `${name}="${value}"`).join(',');
}

/** The nine labels of each instance, with values as long as in Cloud Foundry. */
export function labelPairs(instances: number): LabelPair[][] {
  const addresses = Array.from({ length: instances }, (_, at) => `10.0.12.${at}:61${at}`);
  const app = { organization: 'my-organization', space: 'production', name: 'shop', addresses };
  return endpointsOf(app).map(({ address, tags }) => {
    const values: Record<string, string | undefined> = {
      ...tags,
      index: tags['instance_id'],
      instance: address,
    };
    return INSTANCE_LABELS.map((name) => [name, values[name] ?? '']);
  });
}

function copyThrough(output: Buffer, chunk: Buffer): void {
  for (let at = 0; at < output.length; at += CHUNK_BYTES) {
    output.copy(chunk, 0, at, Math.min(output.length, at + CHUNK_BYTES));
  }
}

export function timed<T>(work: () => T): [tookMs: number, result: T] {
  const startedMs = performance.now();
  const result = work();
  return [performance.now() - startedMs, result];
}

/** Throws if the merge prints a wrong page, whose figures would be worthless. */
function assertPrints(merge: () => Fill, expected: Buffer): void {
  const chunk = createChunk(CHUNK_BYTES);
  const fill = merge();
  let at = 0;
  for (let length = fill(chunk); length > 0; length = fill(chunk)) {
    const same = chunk.bytes.subarray(0, length).equals(expected.subarray(at, at + length));
    if (!same) throw new Error(`the merged page differs within 64 KB of byte ${at}`);
    at += length;
  }
  if (at !== expected.length) throw new Error(`merged ${at} bytes of ${expected.length}`);
}
