/**
 * What a page says of its families, without those of which no sample can pass a filter: they are
 * not printed, and contradict nobody.
 */
import { unquote } from '../exposition/escape.ts';
import { type FormatName, suffixesOf } from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import type { NameFilter } from './name-filter.ts';
import type { Metadata } from './page-index.ts';

/** Lines that are gone through at once, and steps of the filter. */
const SLICE = 4_096;
const SLICE_STEPS = 1 << 20;
/** After so many all that is left is kept: what has no samples is not printed in any case. */
const MAX_STEPS = 1 << 25;

interface Filtering {
  readonly families: FamilyTable;
  readonly format: FormatName;
  readonly filter: NameFilter;
}

/** Works in slices. @returns the same list when all of it is kept */
export function* keptMetadata(
  metadata: readonly Metadata[],
  { families, format, filter }: Filtering,
): Generator<void, readonly Metadata[], void> {
  const kept = new Set<number>();
  let steps = 0;
  let pause = SLICE_STEPS;
  const passes = (name: string): boolean => {
    const verdict = filter.judge(name);
    steps += verdict.steps;
    return verdict.passes;
  };
  for (const [at, { family, type }] of metadata.entries()) {
    if (at % SLICE === SLICE - 1 || steps > pause) {
      pause = steps + SLICE_STEPS;
      yield;
    }
    if (kept.has(family)) continue;
    const name = unquote(families.nameOf(family));
    const names = [name, ...suffixesOf(type, format).map((suffix) => name + suffix)];
    if (steps > MAX_STEPS || names.some(passes)) kept.add(family);
  }
  const list = metadata.filter(({ family }) => kept.has(family));
  return list.length === metadata.length ? metadata : list;
}
