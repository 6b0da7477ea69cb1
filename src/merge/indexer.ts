/**
 * Indexing: one walk over a page that checks every line and notes where labels go and which bytes
 * belong to which family. `splice.ts` then copies bytes and reads no text.
 *
 * The first page of an indexer gives the layout for the others. `bench/` measures what that saves;
 * `test/merge/indexer.test.ts` holds that it changes no byte of the merged page.
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

/** What is walked at once: a few milliseconds' work where nothing is known yet. */
const SLICE_BYTES = 262_144;
const SLICE_LINES = 8_192;
const SLICE_STEPS = 1 << 20;
/** So many pages in a row that are not like the one before them: no further one is learnt. */
const MAX_STRANGERS = 4;
export interface IndexerOptions {
  readonly families: FamilyTable;
  readonly grammar: Grammar;
  /** Names of the labels that will be inserted. */
  readonly reserved: LabelNames;
  /** Of these, the bits of those that a line may have itself, below 256. Default: none. */
  readonly honored?: number;
  /** Which samples are wanted. Default: all. */
  readonly filter?: NameFilter | undefined;
  /** Default: true. False walks every page in full. */
  readonly learn?: boolean;
  /** What walks a page beside its layout. Default: the kernel. */
  readonly walk?: () => LayoutWalk;
}

/** A page that was learnt, and what was noted of it. */
interface Learnt {
  readonly writer: LayoutWriter;
  readonly page: PageIndex;
}

/** Indexes the pages of one merge that are in one format. */
export class Indexer {
  readonly #families: FamilyTable;
  readonly #grammar: Grammar;
  readonly #strict: boolean;
  readonly #resolver: FamilyResolver;
  readonly #filter: NameFilter | undefined;
  /** Lists of metadata -> what of them is kept: pages of one layout share theirs. */
  readonly #kept = new WeakMap<readonly Metadata[], readonly Metadata[]>();
  #learn: boolean;
  readonly #writer = new PageIndexWriter();
  /** Its layout is made when there is another page to compare with it. */
  #learnt: Learnt | undefined;
  #layout: Layout | undefined;
  /** Pages in a row that were not like the layout. */
  #strangers = 0;

  // The page in work.
  #at = 0;
  readonly #metadata: PageMetadata;
  readonly #notes = new PageNotes();
  readonly #layoutLines: LayoutLines;
  readonly #fullLines: FullLines;
  /** What layouts take that no page has told of: the one it was made for may have been refused. */
  #untoldBytes = 0;

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
   * Indexes a page in slices: between two of them the caller may let others have their turn, but
   * must not begin another page.
   *
   * @throws {ExpositionError} when a real Prometheus would not ingest every line of the page
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
    this.#untoldBytes += Math.max(0, layoutBytes(layout) - writer.bytes); // `writer` was told of
  }

  *#finish(body: Body): Generator<void, PageIndex, void> {
    const learning = this.#fullLines.takeLearning(); // what it noted is held no longer than it is needed
    const { full = false, bytes = 0 } = learning ?? {};
    if (full) this.#learn = false; // others will have as many lines
    const page: PageIndex = {
      body,
      grammar: this.#grammar,
      ...this.#writer.take(),
      metadata: this.#metadata.all(),
      dropped: this.#notes.dropped,
      filtered: this.#notes.filtered,
      clashes: this.#notes.clashes,
      quoted: this.#notes.quoted,
      layoutBytes: this.#untoldBytes + (full ? 0 : bytes),
    };
    const families = this.#families;
    if (families.isTooMany(families.size)) {
      const { length } = yield* familiesOf(page);
      if (families.isTooMany(length)) throw tooManyFamilies(body.bytes, body.length);
    }
    this.#untoldBytes = 0;
    if (learning !== undefined && !full) this.#learnt = { writer: learning, page };
    if (this.#layout !== undefined) this.#judgeLayout();
    return page;
  }

  /** Where most lines are others, the next page may teach better. */
  #judgeLayout(): void {
    const { strange } = this.#layoutLines;
    this.#strangers = strange ? this.#strangers + 1 : 0;
    if (strange) this.#layout = undefined;
  }

  /** The layout keeps the whole list, since its lines tell their place in it. */
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

  /** Walks the lines that begin before `limit`, but not too many that must be read in full. */
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
    if (this.#strict) throw malformed(body.bytes, length, 'no # EOF at the end');
    fullLines.ended = true;
  }

  /** What equals the layout's bytes is UTF-8, values are ASCII: only other lines (and exemplars) need a look. */
  #checkUtf8({ bytes, length }: Body, from: number, to: number, others: boolean): void {
    if (!others && !this.#strict) return;
    const lines = bytes.subarray(from, Math.min(to, length));
    if (!isUtf8(lines)) throw malformed(bytes, from, 'the page is not UTF-8');
  }
}
