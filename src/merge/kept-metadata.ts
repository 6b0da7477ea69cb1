/**
 * Filters a page's metadata: removes families of which no sample can pass the name filter, so that
 * the merge neither prints them nor sees conflicts with them.
 */
import { unquote } from '../exposition/escape.ts';
import { type FormatName, suffixesOf } from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import type { NameFilter } from './name-filter.ts';
import type { Metadata } from './page-index.ts';

/** Lines of metadata per slice, and steps of the filter per slice. */
const SLICE = 4_096;
const SLICE_STEPS = 1 << 20;
/** After this many steps all lines are kept; the merge prints no family without samples anyway. */
const MAX_STEPS = 1 << 25;

interface Filtering {
  readonly families: FamilyTable;
  readonly format: FormatName;
  readonly filter: NameFilter;
}

/** Filters in slices. @returns the same list if all of its lines are kept */
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
