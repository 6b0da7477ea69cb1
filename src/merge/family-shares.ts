/**
 * Chooses the pages to remove when the pages of a merge name too many families together.
 *
 * The pages with the most families are removed until the others fit, whatever the order of arrival.
 * A page with at most its equal share of the bound always stays.
 */
import { type PageIndex, SPAN } from './page-index.ts';

/** Families that are gone through at once: some half a millisecond's work. */
const SLICE = 4000;

type Steps<T> = Generator<void, T, void>;

interface Weighed {
  readonly place: number;
  readonly families: Int32Array;
}

export class FamilyShares {
  readonly #max: number;
  readonly #weighed = new Map<number, Weighed>();
  /** Family -> the number of weighed pages that name the family. */
  readonly #users = new Map<number, number>();
  /** The smallest page removed so far: every larger page is removed, too. */
  #bar: Weighed | undefined;

  /** @param max - bound on the families of all pages of the merge together */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Chooses the pages to remove, in slices.
   *
   * @param pages - by their places; undefined for pages that were removed
   * @param named - the number of families named so far, also by removed pages
   * @returns the places of the pages to remove
   */
  *excess(
    pages: readonly ({ readonly page: PageIndex } | undefined)[],
    named: number,
  ): Generator<void, readonly number[], void> {
    if (named <= this.#max && this.#bar === undefined) return [];
    for (const place of [...this.#weighed.keys()]) {
      if (pages[place] === undefined) yield* this.#drop(place);
    }
    const out: number[] = [];
    for (const [place, indexed] of pages.entries()) {
      if (indexed === undefined || this.#weighed.has(place)) continue;
      const weighed = { place, families: yield* familiesOf(indexed.page) };
      if (this.#bar !== undefined && isLarger(weighed, this.#bar)) out.push(place);
      else yield* this.#add(weighed);
      yield;
    }
    while (this.#users.size > this.#max) {
      const largest = [...this.#weighed.values()].reduce((a, b) => (isLarger(b, a) ? b : a));
      this.#bar = largest;
      yield* this.#drop(largest.place);
      out.push(largest.place);
      yield;
    }
    return out;
  }

  *#add(weighed: Weighed): Steps<void> {
    this.#weighed.set(weighed.place, weighed);
    for (const [at, family] of weighed.families.entries()) {
      this.#users.set(family, (this.#users.get(family) ?? 0) + 1);
      if (at % SLICE === SLICE - 1) yield;
    }
  }

  *#drop(place: number): Steps<void> {
    const families = this.#weighed.get(place)?.families ?? new Int32Array();
    for (const [at, family] of families.entries()) {
      const users = this.#users.get(family) ?? 0;
      if (users > 1) this.#users.set(family, users - 1);
      else this.#users.delete(family);
      if (at % SLICE === SLICE - 1) yield;
    }
    this.#weighed.delete(place);
  }
}

/** Compares numbers of families; between equals, the later place in the merged page is larger. */
function isLarger(a: Weighed, b: Weighed): boolean {
  const more = a.families.length - b.families.length;
  return more > 0 || (more === 0 && a.place > b.place);
}

/** The families that a page names, each once, by their numbers. */
export function* familiesOf({
  spans,
  metadata,
}: Pick<PageIndex, 'spans' | 'metadata'>): Steps<Int32Array> {
  const families = new Set<number>();
  for (let span = 0; span < spans.length; span += SPAN) {
    families.add(spans[span]!);
    if ((span / SPAN) % SLICE === SLICE - 1) yield;
  }
  for (const [at, { family }] of metadata.entries()) {
    families.add(family);
    if (at % SLICE === SLICE - 1) yield;
  }
  return Int32Array.from(families);
}
