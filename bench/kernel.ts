/**
 * The merge with the WebAssembly kernel beside the same merge in plain JavaScript: what the kernel saves.
 *
 * `kernel-process.ts` runs it in a process of its own.
 */
import { createHash } from 'node:crypto';
import { type Chunk, createChunk } from '../src/merge/splice.ts';
import { expositionPage, type PageTraits } from '../test/support/exposition-pages.ts';
import { CHUNK_BYTES, type Fill, indexedMerge, labelPairs, timed } from './merge.ts';
import { median } from './statistics.ts';

/** Pages that are kind to the kernel, and pages that are not. */
const KINDS = {
  same: {},
  gauges: { families: 'gauges' },
  shuffled: { drift: 0.1, order: 'random' },
  'own-label': { shared: 0 },
} satisfies Readonly<Record<string, PageTraits>>;

export interface KernelCase {
  readonly kind: keyof typeof KINDS;
  readonly instances: number;
  readonly sizeBytes: number;
  /** As many go before them uncounted: the runtime compiles the kernel anew while it runs. */
  readonly rounds: number;
}

/** Medians over the rounds. */
export interface KernelFigures {
  readonly inputBytes: number;
  readonly kernel: { readonly indexMs: number; readonly spliceMs: number };
  readonly plain: { readonly indexMs: number; readonly spliceMs: number };
  /** Plain JavaScript beside the kernel, of one round each. */
  readonly indexRatio: number;
  readonly spliceRatio: number;
  readonly ratio: number;
}

interface Round {
  readonly indexMs: number;
  readonly spliceMs: number;
}

export function measureKernel({ kind, instances, sizeBytes, rounds }: KernelCase): KernelFigures {
  const traits = KINDS[kind];
  const pages = Array.from({ length: instances }, (_, seed) =>
    expositionPage({ sizeBytes, seed, traits }),
  );
  const pairs = labelPairs(instances);
  const withKernel = indexedMerge(pages, pairs, {});
  const inPlain = indexedMerge(pages, pairs, { scan: false, suits: () => false });
  if (digestOf(withKernel) !== digestOf(inPlain)) throw new Error('the merged pages differ');

  const chunk = createChunk(CHUNK_BYTES);
  const kernel: Round[] = [];
  const plain: Round[] = [];
  for (let round = -rounds; round < rounds; round++) {
    const one = measureRound(withKernel, chunk);
    const other = measureRound(inPlain, chunk);
    if (round < 0) continue;
    kernel.push(one);
    plain.push(other);
  }
  const ratioOf = (msOf: (round: Round) => number): number =>
    median(kernel.map((round, at) => msOf(plain[at]!) / msOf(round))); // as many rounds
  return {
    inputBytes: pages.reduce((sum, { length }) => sum + length, 0),
    kernel: medians(kernel),
    plain: medians(plain),
    indexRatio: ratioOf(({ indexMs }) => indexMs),
    spliceRatio: ratioOf(({ spliceMs }) => spliceMs),
    ratio: ratioOf(({ indexMs, spliceMs }) => indexMs + spliceMs),
  };
}

function measureRound(merge: () => Fill, chunk: Chunk): Round {
  const [indexMs, fill] = timed(merge);
  const [spliceMs] = timed(() => {
    while (fill(chunk) > 0);
  });
  return { indexMs, spliceMs };
}

function medians(rounds: readonly Round[]): Round {
  return {
    indexMs: median(rounds.map(({ indexMs }) => indexMs)),
    spliceMs: median(rounds.map(({ spliceMs }) => spliceMs)),
  };
}

/** No figure counts for pages that differ. */
function digestOf(merge: () => Fill): string {
  const chunk = createChunk(CHUNK_BYTES);
  const fill = merge();
  const hash = createHash('sha256');
  for (let length = fill(chunk); length > 0; length = fill(chunk)) {
    hash.update(chunk.bytes.subarray(0, length));
  }
  return hash.digest('hex');
}
