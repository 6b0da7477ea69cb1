/**
 * Indexing: one walk over a page that checks every line and notes where labels go and which bytes
 * belong to which family. `splice.ts` then copies bytes and parses nothing.
 *
 * An indexer learns the layout of its first page and compares later pages with the layout. `bench/`
 * measures the time saved; `test/merge/indexer.test.ts` shows that the merged page is the same.
 */
import { isUtf8 } from 'node:buffer';
import type { Body } from '../exposition/body.ts';
import { checkLineLengths } from '../exposition/bounds.ts';
import type { Grammar } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import type { FamilyTable } from './families.ts';
import { familiesOf } from './family-shares.ts';
import { FullLines, malformed, tooManyFamilies } from './full-lines.ts';
import { keptMetadata } from './kept-metadata.ts';
import { type Layout, LayoutWriter, layoutBytes } from './layout.ts';
import { LayoutLines } from './layout-lines.ts';
import type { LayoutWalk } from './layout-walk.ts';
import type { NameFilter } from './name-filter.ts';
import { type Metadata, type PageIndex, PageIndexWriter } from './page-index.ts';
import { PageMetadata } from './page-metadata.ts';
import { PageNotes } from './page-notes.ts';
import { FamilyResolver } from './resolver.ts';

/** Bounds on a slice, in bytes, parsed lines and filter steps: a few milliseconds of work. */
const SLICE_BYTES = 262_144;
const SLICE_LINES = 8_192;
const SLICE_STEPS = 1 << 20;
/** After this many pages in a row that differ from the layout, the indexer learns no more. */
const MAX_STRANGERS = 4;

export interface IndexerOptions {
  readonly families: FamilyTable;
  readonly grammar: Grammar;
  /** Names of the labels that the merge inserts. */
  readonly reserved: LabelNames;
  /** The bits of the reserved names that a line may have itself; below 256. Default: 0. */
  readonly honored?: number;
  /** Chooses the samples to keep by name. Default: keeps all. */
  readonly filter?: NameFilter | undefined;
  /** Whether to learn layouts; if false, every line is parsed. Default: true. */
  readonly learn?: boolean;
  /** What walks a page beside its layout. Default: the kernel. */
  readonly walk?: () => LayoutWalk;
}

/** A page, and the notes from which its layout can be made. */
interface Learnt {
  readonly writer: LayoutWriter;
  readonly page: PageIndex;
}

/** Indexes the pages of one kind and format in one merge. */
export class Indexer {
  readonly #families: FamilyTable;
  readonly #grammar: Grammar;
  readonly #strict: boolean;
  readonly #resolver: FamilyResolver;
  readonly #filter: NameFilter | undefined;
  /** List of metadata -> its filtered list. Pages of one layout share a list. */
  readonly #kept = new WeakMap<readonly Metadata[], readonly Metadata[]>();
  #learn: boolean;
  readonly #writer = new PageIndexWriter();
  /** The page to make the layout of when another page comes. */
  #learnt: Learnt | undefined;
  #layout: Layout | undefined;
  /** The number of pages in a row that differed from the layout. */
  #strangers = 0;

  // The state of the page that is being indexed.
  #at = 0;
  readonly #metadata: PageMetadata;
  readonly #notes = new PageNotes();
  readonly #layoutLines: LayoutLines;
  readonly #fullLines: FullLines;
  /** Memory of layouts that no page has reported yet: the page of a layout may be refused. */
  #unreportedBytes = 0;

  constructor(options: IndexerOptions) {
    const { families, grammar, reserved, honored = 0, filter, learn = true, walk } = options;
    this.#filter = filter;
    this.#families = families;
    this.#grammar = grammar;
    this.#strict = grammar.strict;
    this.#learn = learn;
    this.#resolver = new FamilyResolver(families, grammar.format, filter);
    this.#metadata = new PageMetadata(this.#resolver);
    this.#layoutLines = new LayoutLines({
      strict: grammar.strict,
      writer: this.#writer,
      metadata: this.#metadata,
      notes: this.#notes,
      walk,
    });
    this.#fullLines = new FullLines({
      ...{ families, grammar, reserved, honored },
      writer: this.#writer,
      resolver: this.#resolver,
      metadata: this.#metadata,
      notes: this.#notes,
      layoutLines: this.#layoutLines,
    });
  }

  /**
   * Indexes a page in slices: between two slices the caller may do other work, but must not begin
   * another page.
   *
   * @throws {ExpositionError} when Prometheus would refuse a line, or the page exceeds a bound
   */
  *index(body: Body): Generator<void, PageIndex, void> {
    checkLineLengths(body.bytes, body.length);
    if (this.#learnt !== undefined) yield* this.#makeLayout(this.#learnt);
    const known = this.#families.beginPage();
    this.#begin(body);
    let page: PageIndex;
    try {
      const fullLines = this.#fullLines;
      while (!fullLines.ended) {
        this.#walk(body, Math.min(this.#at + SLICE_BYTES, body.length));
        if (!fullLines.ended) yield;
      }
      this.#writer.breakAt(this.#at);
      page = yield* this.#finish(body);
    } catch (error) {
      this.#writer.clear();
      this.#families.truncate(known);
      throw error;
    }
    return this.#filter === undefined ? page : yield* this.#withKept(page, this.#filter);
  }

  #begin(body: Body): void {
    const layout = this.#layout;
    this.#at = 0;
    const learns = this.#learn && this.#strangers < MAX_STRANGERS;
    this.#fullLines.begin(learns && layout === undefined ? new LayoutWriter() : undefined);
    this.#metadata.begin(layout);
    this.#resolver.begin(body);
    this.#layoutLines.begin(layout);
    this.#notes.clear();
  }

  *#makeLayout({ writer, page }: Learnt): Generator<void, void, void> {
    const layout = yield* writer.finish(page);
    this.#layout = layout;
    this.#learnt = undefined;
    // The learnt page has reported the bytes of `writer`.
    this.#unreportedBytes += Math.max(0, layoutBytes(layout) - writer.bytes);
  }

  *#finish(body: Body): Generator<void, PageIndex, void> {
    const learning = this.#fullLines.takeLearning(); // frees the notes when they are not needed
    const { full = false, bytes = 0 } = learning ?? {};
    if (full) this.#learn = false; // later pages will be as large
    const page: PageIndex = {
      body,
      grammar: this.#grammar,
      ...this.#writer.take(),
      metadata: this.#metadata.all(),
      dropped: this.#notes.dropped,
      filtered: this.#notes.filtered,
      clashes: this.#notes.clashes,
      quoted: this.#notes.quoted,
      layoutBytes: this.#unreportedBytes + (full ? 0 : bytes),
    };
    const families = this.#families;
    if (families.isTooMany(families.size)) {
      const { length } = yield* familiesOf(page);
      if (families.isTooMany(length)) throw tooManyFamilies(body.bytes, body.length);
    }
    this.#unreportedBytes = 0;
    if (learning !== undefined && !full) this.#learnt = { writer: learning, page };
    if (this.#layout !== undefined) this.#judgeLayout();
    return page;
  }

  /** Forgets the layout if most lines of the page differ, so that the next page teaches another. */
  #judgeLayout(): void {
    const { strange } = this.#layoutLines;
    this.#strangers = strange ? this.#strangers + 1 : 0;
    if (strange) this.#layout = undefined;
  }

  /** Filters the metadata of the page, not of the layout, whose lines refer to the whole list. */
  *#withKept(page: PageIndex, filter: NameFilter): Generator<void, PageIndex, void> {
    const { metadata } = page;
    let kept = this.#kept.get(metadata);
    if (kept === undefined) {
      const { format } = this.#grammar;
      kept = yield* keptMetadata(metadata, { families: this.#families, format, filter });
      this.#kept.set(metadata, kept);
    }
    return { ...page, metadata: kept };
  }

  /** Walks the lines that begin before `limit`, or fewer if many of them must be parsed. */
  #walk(body: Body, limit: number): void {
    const { length } = body;
    const layoutLines = this.#layoutLines;
    const fullLines = this.#fullLines;
    const { misses } = layoutLines;
    const maxSteps = this.#resolver.filterSteps + SLICE_STEPS;
    layoutLines.resume();
    let p = this.#at;
    for (let read = 0; p < limit && !fullLines.ended && read < SLICE_LINES; read++) {
      if (this.#resolver.filterSteps > maxSteps) break;
      p = layoutLines.read(body, p, limit);
      if (p < limit) p = fullLines.read(body, p);
    }
    this.#checkUtf8(body, this.#at, p, layoutLines.misses > misses);
    this.#at = p;
    if (p < length || fullLines.ended) return;
    if (this.#strict) throw malformed(body.bytes, length, 'the page does not end in # EOF');
    fullLines.ended = true;
  }

  /** Lines of a layout and values of text are UTF-8; parsed lines and exemplars may not be. */
  #checkUtf8({ bytes, length }: Body, from: number, to: number, parsed: boolean): void {
    if (!parsed && !this.#strict) return;
    const lines = bytes.subarray(from, Math.min(to, length));
    if (!isUtf8(lines)) throw malformed(bytes, from, 'the page is not UTF-8');
  }
}
