/**
 * Drops series that several pages of one instance have: the first page keeps the series.
 *
 * Reads only lines of families that may share a sample name with another page. Mostly the pages of
 * an instance have no such family. The table of known series takes at most 28 bytes per line,
 * outside of the heap, while one instance is processed.
 */
import { splitSuffix } from '../exposition/grammar.ts';
import type { FamilyTable } from './families.ts';
import { isSameLabel, type LabelPair } from './labels.ts';
import { EDIT, editFrom, type PageIndex, PageIndexWriter, SPAN } from './page-index.ts';
import { PageSeries } from './page-series.ts';
import type { SpliceSource } from './plan.ts';

const LINE_FEED = 10;
/** Lines per slice: a few milliseconds of work. */
const SLICE = 8_192;

/** Bound on the memory for each line of a page, if its instance has several pages. */
export const SERIES_BYTES = 28;

type Steps<T> = Generator<void, T, void>;

/** Finds the series that several pages of one instance have. */
export class SeriesOfInstance {
  readonly #pages: readonly PageSeries[];
  readonly #roots: Roots;
  /** Roots of families that several pages have. */
  readonly #shared: ReadonlySet<string>;
  readonly #known: SeriesTable;
  #work = 0;

  /** @param sources - the pages of one instance, in their order */
  constructor(sources: readonly SpliceSource[], families: FamilyTable) {
    const common = commonLabels(sources);
    this.#pages = sources.map((source) => new PageSeries(source, common));
    this.#roots = new Roots(families);
    this.#shared = this.#sharedRoots();
    this.#known = new SeriesTable(this.#linesToKnow());
  }

  /** Whether two of the pages may have a series in common. */
  get mayMeet(): boolean {
    return this.#shared.size > 0;
  }

  /**
   * Drops from a page the series that earlier pages have. Call it in the order of the pages; a page
   * without a call owns no series.
   *
   * @param at - the place of the page among `sources`
   * @returns the page's own index if no line is dropped
   */
  *sift(at: number): Steps<PageIndex> {
    const { page } = this.#pages[at]!;
    const dropped: number[] = [];
    for (const { line, from } of sharedLines(page, (family) => this.#isShared(family))) {
      if (++this.#work % SLICE === 0) yield;
      if (this.#isKnown(at, from)) dropped.push(line);
    }
    return dropped.length === 0 ? page : yield* withoutLines(page, dropped);
  }

  /** Whether an earlier page has the series; otherwise remembers the series for later pages. */
  #isKnown(at: number, from: number): boolean {
    const own = this.#pages[at]!;
    const hash = own.hashAt(from);
    const owner = this.#known.ownerOf(hash, (page, other) =>
      own.isSame(from, this.#pages[page]!, other),
    );
    if (owner !== undefined) return owner < at;
    if (at < this.#pages.length - 1) this.#known.add(hash, at, from);
    return false;
  }

  #isShared(family: number): boolean {
    return this.#shared.has(this.#roots.of(family));
  }

  #sharedRoots(): ReadonlySet<string> {
    const seen = new Set<string>();
    const shared = new Set<string>();
    for (const { page } of this.#pages) {
      const own = new Set<string>();
      for (let span = 0; span < page.spans.length; span += SPAN) {
        own.add(this.#roots.of(page.spans[span]!));
      }
      for (const root of own) (seen.has(root) ? shared : seen).add(root);
    }
    return shared;
  }

  #linesToKnow(): number {
    let lines = 0;
    for (const { page } of this.#pages.slice(0, -1)) {
      const { spans } = page;
      for (let span = 0; span < spans.length; span += SPAN) {
        if (this.#isShared(spans[span]!)) lines += spans[span + 4]! - spans[span + 3]!;
      }
    }
    return lines;
  }
}

/** The labels that all sources insert with the same value. */
function commonLabels(sources: readonly SpliceSource[]): readonly LabelPair[] {
  const [first, ...others] = sources.map(({ labels }) => labels.pairs);
  const inAll = (pair: LabelPair): boolean =>
    others.every((pairs) => pairs.some((one) => isSameLabel(one, pair)));
  return (first ?? []).filter(inAll);
}

/**
 * The roots of families: their names without suffixes. A sample `h_sum` may belong to the family
 * `h` in one page and to `h_sum` in another: families that may share a sample name share a root.
 */
class Roots {
  readonly #families: FamilyTable;
  readonly #known = new Map<number, string>();

  constructor(families: FamilyTable) {
    this.#families = families;
  }

  of(family: number): string {
    let root = this.#known.get(family);
    if (root === undefined) {
      root = rootOf(this.#families.nameOf(family));
      this.#known.set(family, root);
    }
    return root;
  }
}

function rootOf(name: string): string {
  let root = name;
  for (let [base, suffix] = splitSuffix(root); suffix !== ''; [base, suffix] = splitSuffix(root)) {
    root = base;
  }
  return root;
}

/** The sample lines of the families for which `isWanted` holds. */
function* sharedLines(
  { body, spans, inserts }: PageIndex,
  isWanted: (family: number) => boolean,
): Iterable<{ readonly line: number; readonly from: number }> {
  for (let span = 0; span < spans.length; span += SPAN) {
    if (!isWanted(spans[span]!)) continue;
    let from = spans[span + 1]!;
    const lastLine = spans[span + 4]!;
    for (let line = spans[span + 3]!; line < lastLine; line++) {
      yield { line, from };
      from = body.bytes.indexOf(LINE_FEED, inserts[line]! >> 2) + 1;
    }
  }
}

/** @param dropped - the numbers of the sample lines to drop, ascending */
function* withoutLines(page: PageIndex, dropped: readonly number[]): Steps<PageIndex> {
  const { body, spans, inserts, honored, edits } = page;
  const writer = new PageIndexWriter();
  let next = 0;
  for (let span = 0; span < spans.length; span += SPAN) {
    let from = spans[span + 1]!;
    const lastLine = spans[span + 4]!;
    for (let line = spans[span + 3]!; line < lastLine; line++) {
      if (line % SLICE === SLICE - 1) yield;
      const insert = inserts[line]!;
      const to = body.bytes.indexOf(LINE_FEED, insert >> 2) + 1;
      if (line === dropped[next]) {
        writer.breakAt(from);
        next++;
      } else {
        writer.line(spans[span]!, from, insert, honored?.[line] ?? 0);
        if (edits !== undefined) copyEdits(edits, writer, from, to);
      }
      from = to;
    }
    writer.breakAt(spans[span + 2]!);
  }
  return { ...page, ...writer.take() };
}

function copyEdits(edits: Int32Array, writer: PageIndexWriter, from: number, to: number): void {
  for (let at = editFrom(edits, from); at < edits.length && edits[at]! < to; at += EDIT) {
    writer.edit(edits[at]!, edits[at + 1]!);
  }
}

/** The series found so far, by their hashes. Open addressing, with at least half the slots free. */
class SeriesTable {
  /** The number of the entry in each slot, from 1; 0 marks a free slot. */
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;
  readonly #pages: Int32Array;
  readonly #froms: Int32Array;
  #size = 0;

  /** @param capacity - bound on the calls of `add` */
  constructor(capacity: number) {
    this.#slots = new Int32Array(capacity === 0 ? 1 : 2 ** Math.ceil(Math.log2(capacity * 2)));
    this.#hashes = new Int32Array(capacity);
    this.#pages = new Int32Array(capacity);
    this.#froms = new Int32Array(capacity);
  }

  /** The page that has the series with this hash; `isSame` compares an entry with the series. */
  ownerOf(hash: number, isSame: (page: number, from: number) => boolean): number | undefined {
    for (let slot = this.#first(hash); this.#slots[slot] !== 0; slot = this.#after(slot)) {
      const entry = this.#slots[slot]! - 1;
      if (this.#hashes[entry] !== hash) continue;
      if (isSame(this.#pages[entry]!, this.#froms[entry]!)) return this.#pages[entry];
    }
    return undefined;
  }

  add(hash: number, page: number, from: number): void {
    let slot = this.#first(hash);
    while (this.#slots[slot] !== 0) slot = this.#after(slot);
    this.#hashes[this.#size] = hash;
    this.#pages[this.#size] = page;
    this.#froms[this.#size] = from;
    this.#slots[slot] = ++this.#size;
  }

  #first(hash: number): number {
    return hash & (this.#slots.length - 1);
  }

  #after(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1);
  }
}
