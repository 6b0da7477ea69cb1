/**
 * Merging pages in a test: from texts to the bytes of the merged page.
 */
import assert from 'node:assert/strict';
import type { FormatName } from '../../src/exposition/grammar.ts';
import { InsertedLabels } from '../../src/merge/labels.ts';
import { Merge, type MergeOptions } from '../../src/merge/merge.ts';
import type { PageRules } from '../../src/merge/page-rules.ts';
import type { PageOf } from '../../src/merge/preparation.ts';
import { INSTANCE_LABELS } from '../../src/merge/relabel.ts';
import { createChunk, lengthOf, Splicer } from '../../src/merge/splice.ts';

const DEFAULTS: MergeOptions = {
  labelConflict: 'exported',
  exportJob: true,
  escaping: { text: 'underscores', openmetrics: 'underscores' },
  preferOpenMetrics: false,
};

export interface InputPage {
  readonly bytes: Buffer;
  readonly format: FormatName;
  readonly of?: PageOf;
  /** Default: those of the instance at its place. */
  readonly labels?: readonly (readonly [name: string, value: string])[];
  /** Its constant labels are put behind `labels`. */
  readonly rules?: PageRules | undefined;
  /** The number of the instance whose page it is one of: gives its labels too. Default: alone. */
  readonly instance?: number | undefined;
}

export interface Merged {
  readonly page: Buffer;
  readonly format: FormatName;
  /** Places of the pages that were refused. */
  readonly refused: readonly number[];
  readonly conflicts: number;
  readonly dropped: number;
  readonly filtered: number;
  readonly duplicates: number;
  readonly undated: number;
}

/** The labels of the nth instance of a test's app. */
export function instanceLabels(index: number): readonly (readonly [name: string, value: string])[] {
  const values = [
    'org-guid',
    'space-guid',
    'app-guid',
    'sys',
    'tools',
    'app',
    `${index}`,
    `${index}`,
  ];
  const pairs = [...values, `10.0.0.${index}:8080`].map(
    (value, at) => [INSTANCE_LABELS[at]!, value] as const,
  );
  return pairs;
}

/**
 * @param order - the order in which the pages arrive; default: their own
 * @param chunkBytes - the page is spliced through a chunk of this size
 */
export async function mergePages(
  pages: readonly InputPage[],
  options: Partial<MergeOptions> = {},
  { order, chunkBytes = 65_536 }: { order?: readonly number[]; chunkBytes?: number } = {},
): Promise<Merged> {
  const merge = new Merge({ ...DEFAULTS, ...options });
  const refused: number[] = [];
  const groups = new Map<number, object>();
  let dropped = 0;
  let filtered = 0;
  for (const place of order ?? pages.keys()) {
    const { bytes: given, format, of = 'instance', rules, instance: number } = pages[place]!;
    const { labels: own = instanceLabels(number ?? place) } = pages[place]!;
    const labels = new InsertedLabels([...own, ...(rules?.constants ?? [])]);
    const bytes = Buffer.from(given);
    let instance: object | undefined;
    if (number !== undefined) {
      instance = groups.get(number) ?? {};
      groups.set(number, instance);
    }
    try {
      const added = await merge.add({ place, of, bytes, format, labels, rules, instance });
      dropped += added.dropped;
      filtered += added.filtered;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ExpositionError') throw error;
      refused.push(place);
    }
  }
  const settled = await merge.settle();
  const plan = await merge.plan(settled.format);
  const splicer = new Splicer(plan);
  const chunk = createChunk(chunkBytes);
  const parts: Buffer[] = [];
  for (let filled = splicer.fill(chunk); filled > 0; filled = splicer.fill(chunk)) {
    parts.push(Buffer.from(chunk.bytes.subarray(0, filled)));
  }
  const page = Buffer.concat(parts);
  const length = lengthOf(plan);
  if (length !== undefined) assert.equal(page.length, length);
  return {
    page,
    format: settled.format,
    refused: [...refused, ...settled.takenOut.map(({ place }) => place)].sort((a, b) => a - b),
    conflicts: plan.conflicts,
    dropped,
    filtered,
    undated: settled.undated,
    duplicates: settled.duplicates.reduce((sum, { samples }) => sum + samples, 0),
  };
}
