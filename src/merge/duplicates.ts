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
import { editFrom, type PageIndex, SPAN } from './page-index.ts';
import { PageIndexWriter } from './page-index-writer.ts';
import { lineFrom, PageSeries } from './page-series.ts';
import type { SpliceSource } from './plan.ts';

const NONE = new Int32Array();
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
  readonly #shared: ReadonlySet<number>;
  readonly #known: SeriesTable;
  #work = 0;

  /** @param sources - the pages of one instance, in their order */
  constructor(sources: readonly SpliceSource[], roots: Roots) {
    const common = commonLabels(sources);
    this.#pages = sources.map((source) => new PageSeries(source, common));
    this.#roots = roots;
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
    const { spans } = page;
    for (let span = 0; span < spans.length; span += SPAN) {
      if (!this.#isShared(spans[span]!)) continue;
      const lastLine = spans[span + 4]!;
      for (let line = spans[span + 3]!; line < lastLine; line++) {
        if (++this.#work % SLICE === 0) yield;
        if (this.#isKnown(at, line)) dropped.push(line);
      }
    }
    return dropped.length === 0 ? page : yield* withoutLines(page, dropped);
  }

  /** Whether an earlier page has the series; otherwise remembers the series for later pages. */
  #isKnown(at: number, line: number): boolean {
    const own = this.#pages[at]!;
    const hash = own.hashOf(line);
    const owner = this.#known.ownerOf(hash, (page, other) =>
      own.isSame(line, this.#pages[page]!, other),
    );
    if (owner !== undefined) return owner < at;
    if (at < this.#pages.length - 1) this.#known.add(hash, at, line);
    return false;
  }

  #isShared(family: number): boolean {
    return this.#shared.has(this.#roots.of(family));
  }

  #sharedRoots(): ReadonlySet<number> {
    const seen = new Set<number>();
    const shared = new Set<number>();
    for (const { page } of this.#pages) {
      const own = new Set<number>();
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
export class Roots {
  readonly #families: FamilyTable;
  readonly #known = new Map<number, number>();
  readonly #numbers = new Map<string, number>();

  constructor(families: FamilyTable) {
    this.#families = families;
  }

  /** The number of a family's root. */
  of(family: number): number {
    const known = this.#known.get(family);
    if (known !== undefined) return known;
    const root = rootOf(this.#families.nameOf(family));
    const number = this.#numbers.get(root) ?? this.#numbers.size;
    this.#numbers.set(root, number);
    this.#known.set(family, number);
    return number;
  }
}

function rootOf(name: string): string {
  let root = name;
  for (let [base, suffix] = splitSuffix(root); suffix !== ''; [base, suffix] = splitSuffix(root)) {
    root = base;
  }
  return root;
}

/** @param dropped - the numbers of the sample lines to drop, ascending */
function* withoutLines(page: PageIndex, dropped: readonly number[]): Steps<PageIndex> {
  const { spans } = page;
  const writer = new PageIndexWriter();
  let next = 0;
  for (let span = 0; span < spans.length; span += SPAN) {
    const end = spans[span + 2]!;
    const lastLine = spans[span + 4]!;
    let line = spans[span + 3]!;
    while (line < lastLine) {
      const to = Math.min(dropped[next] ?? lastLine, lastLine);
      if (to > line) keepLines(page, writer, { span, line, to });
      if (to < lastLine) next += 1;
      line = to + 1;
      if (next % SLICE === SLICE - 1) yield;
    }
    writer.breakAt(end);
  }
  return { ...page, ...writer.take(), series: undefined };
}

interface Stretch {
  /** The place of the span that has the lines. */
  readonly span: number;
  readonly line: number;
  /** The number after that of the last line. */
  readonly to: number;
}

/** Adds lines that follow each other in a span. */
function keepLines(page: PageIndex, writer: PageIndexWriter, { span, line, to }: Stretch): void {
  const { spans, inserts, honored, edits } = page;
  const start = line === spans[span + 3] ? spans[span + 1]! : lineFrom(page, line);
  const end = to === spans[span + 4] ? spans[span + 2]! : lineFrom(page, to);
  const first = writer.lines;
  writer.append({
    inserts: inserts.subarray(line, to),
    spans: Int32Array.of(spans[span]!, start, end, first, first + to - line),
    edits: edits === undefined ? NONE : editsBetween(edits, start, end),
    series: NONE,
    ...{ family: -1, from: end, first: 0 },
    ...{ start, end },
  });
  for (let at = line; honored !== undefined && at < to; at++) {
    if (honored[at] !== 0) writer.honor(first + at - line, honored[at]!);
  }
}

function editsBetween(edits: Int32Array, from: number, to: number): Int32Array {
  return edits.subarray(editFrom(edits, from), editFrom(edits, to));
}

/** The series found so far, by their hashes. Open addressing, with at least half the slots free. */
class SeriesTable {
  /** The number of the entry in each slot, from 1; 0 marks a free slot. */
  readonly #slots: Int32Array;
  readonly #hashes: Int32Array;
  readonly #pages: Int32Array;
  readonly #lines: Int32Array;
  #size = 0;

  /** @param capacity - bound on the calls of `add` */
  constructor(capacity: number) {
    this.#slots = new Int32Array(capacity === 0 ? 1 : 2 ** Math.ceil(Math.log2(capacity * 2)));
    this.#hashes = new Int32Array(capacity);
    this.#pages = new Int32Array(capacity);
    this.#lines = new Int32Array(capacity);
  }

  /** The page that has the series with this hash; `isSame` compares an entry with the series. */
  ownerOf(hash: number, isSame: (page: number, line: number) => boolean): number | undefined {
    for (let slot = this.#first(hash); this.#slots[slot] !== 0; slot = this.#after(slot)) {
      const entry = this.#slots[slot]! - 1;
      if (this.#hashes[entry] !== hash) continue;
      if (isSame(this.#pages[entry]!, this.#lines[entry]!)) return this.#pages[entry];
    }
    return undefined;
  }

  add(hash: number, page: number, line: number): void {
    let slot = this.#first(hash);
    while (this.#slots[slot] !== 0) slot = this.#after(slot);
    this.#hashes[this.#size] = hash;
    this.#pages[this.#size] = page;
    this.#lines[this.#size] = line;
    this.#slots[slot] = ++this.#size;
  }

  #first(hash: number): number {
    return hash & (this.#slots.length - 1);
  }

  #after(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1);
  }
}
