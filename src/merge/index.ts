/**
 * Indexing: one walk over a page that checks every line and notes where labels go and which bytes
 * belong to which family. `splice.ts` then copies bytes and reads no text.
 *
 * The first page of an indexer gives the layout for the others. `bench/` measures what that saves;
 * `test/merge/index.test.ts` holds that it changes no byte of the merged page.
 */
import { isUtf8 } from 'node:buffer';
import type { Body } from '../exposition/body.ts';
import { checkLineLengths } from '../exposition/bounds.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { Grammar } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import { type CommentLine, readComment, skipLineBlanks } from '../exposition/metadata.ts';
import { exemplarTooLong, skipOpenMetricsBack, skipTextBack } from '../exposition/sample.ts';
import { BARE, SeriesScanner } from '../exposition/series.ts';
import type { FamilyTable } from './families.ts';
import { familiesOf } from './family-shares.ts';
import { keptMetadata } from './kept-metadata.ts';
import { type Layout, LayoutWriter, layoutBytes } from './layout.ts';
import { LayoutLines } from './layout-lines.ts';
import type { LayoutWalk } from './layout-walk.ts';
import type { NameFilter } from './name-filter.ts';
import { type Metadata, type PageIndex, PageIndexWriter } from './page-index.ts';
import { PageMetadata } from './page-metadata.ts';
import { CLASHES, DROPPED, FILTERED, HONORED, PageNotes, QUOTED } from './page-notes.ts';
import { FamilyResolver, UNWANTED } from './resolver.ts';

const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

/** What is walked at once: a few milliseconds' work where nothing is known yet. */
const SLICE_BYTES = 262_144;
const SLICE_LINES = 8_192;
const SLICE_STEPS = 1 << 20;
/** So many pages in a row that are not like the one before them: no further one is learnt. */
const MAX_STRANGERS = 4;
/** Steps of a filter per page: 100 ms. Patterns and names that need more are no honest ones. */
const MAX_STEPS = 1 << 25;

export interface IndexerOptions {
  readonly families: FamilyTable;
  readonly grammar: Grammar;
  /** Names of the labels that will be inserted. */
  readonly reserved: LabelNames;
  /** Of these, the bits of those that a line may have itself, below 256. Standard: none. */
  readonly honored?: number;
  /** Which samples are wanted. Standard: all. */
  readonly filter?: NameFilter | undefined;
  /** Standard: true. False walks every page in full. */
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
  readonly #scanner: SeriesScanner;
  readonly #strict: boolean;
  readonly #resolver: FamilyResolver;
  readonly #honored: number;
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
  #ended = false;
  #learning: LayoutWriter | undefined;
  readonly #metadata: PageMetadata;
  readonly #notes = new PageNotes();
  readonly #layoutLines: LayoutLines;
  /** What layouts take that no page has told of: the one it was made for may have been refused. */
  #untoldBytes = 0;

  constructor(options: IndexerOptions) {
    const { families, grammar, reserved, honored = 0, filter, learn = true, walk } = options;
    this.#honored = honored;
    this.#filter = filter;
    this.#families = families;
    this.#grammar = grammar;
    this.#scanner = new SeriesScanner(grammar, reserved);
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
      while (!this.#ended) {
        this.#walk(body, Math.min(this.#at + SLICE_BYTES, body.length));
        if (!this.#ended) yield;
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
    this.#ended = false;
    const learns = this.#learn && this.#strangers < MAX_STRANGERS;
    this.#learning = learns && layout === undefined ? new LayoutWriter() : undefined;
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
    const learning = this.#learning;
    this.#learning = undefined; // what it noted is not held longer than it is needed
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
      if (families.isTooMany(length)) this.#tooMany(body.bytes, body.length);
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
    const { misses } = layoutLines;
    const maxSteps = this.#resolver.filterSteps + SLICE_STEPS;
    layoutLines.resume();
    let p = this.#at;
    for (let read = 0; p < limit && !this.#ended && read < SLICE_LINES; read++) {
      if (this.#resolver.filterSteps > maxSteps) break;
      p = layoutLines.read(body, p, limit);
      if (p < limit) p = this.#line(body, p);
    }
    this.#checkUtf8(body, this.#at, p, layoutLines.misses > misses);
    this.#at = p;
    if (p < length || this.#ended) return;
    if (this.#strict) this.#fail(body.bytes, length, 'no # EOF at the end');
    this.#ended = true;
  }

  /** What equals the layout's bytes is UTF-8, values are ASCII: only other lines (and exemplars) need a look. */
  #checkUtf8({ bytes, length }: Body, from: number, to: number, others: boolean): void {
    if (!others && !this.#strict) return;
    const lines = bytes.subarray(from, Math.min(to, length));
    if (!isUtf8(lines)) this.#fail(bytes, from, 'the page is not UTF-8');
  }

  /** A line, in full. Returns the offset of the next one. */
  #line(body: Body, p: number): number {
    const { bytes, length } = body;
    const first = bytes[p]!;
    if (first > SPACE && first !== HASH) return this.#sample(body, p);
    this.#writer.breakAt(p);
    if (first === 0 && p === length - 1 && !this.#strict) {
      this.#ended = true; // Prometheus takes a NUL for the end, and nothing is behind this one
      return p;
    }
    const next = this.#noSample(bytes, p);
    if (next >= 0) return next;
    this.#endOfPage(body, p);
    return p;
  }

  /** A sample line, in full. Returns the offset of the next line. */
  #sample(body: Body, from: number): number {
    const { bytes } = body;
    const scanner = this.#scanner;
    const families = this.#families;
    let p = scanner.scan(body, from);
    if (p < 0 && scanner.full) {
      throw new ExpositionError('too-large', bytes, from, 'too many labels');
    }
    if (scanner.tooLong) this.#tooLong(bytes, from);
    if (p < 0) this.#fail(bytes, from, 'no metric name and labels');
    if (!this.#strict) p = skipLineBlanks(bytes, p, this.#grammar);
    else if (bytes[p++] !== SPACE) this.#fail(bytes, from, 'no blank before the value');
    const next = this.#strict
      ? skipOpenMetricsBack(bytes, p, scanner.nameTo)
      : skipTextBack(bytes, p);
    if (next < 0 && this.#strict && exemplarTooLong()) this.#tooLong(bytes, from);
    if (next < 0) this.#fail(bytes, from, 'no number as value or timestamp');
    if (families.full) this.#tooMany(bytes, from);
    this.#metadata.own(); // the types declared so far decide on the sample's family
    const insert = scanner.insertAt * 4 + scanner.insertKind;
    const family = this.#resolver.familyOf(scanner);
    if (this.#resolver.filterSteps > MAX_STEPS) {
      throw new ExpositionError('too-large', bytes, from, 'too long names for the patterns bound');
    }
    const honored = scanner.clashes & this.#honored;
    const flags = this.#flagsOf(scanner, honored, family);
    this.#notes.add(flags);
    if (family < 0) this.#writer.breakAt(from);
    else this.#writer.line(family, from, insert, honored);
    if (this.#writer.overfull) this.#tooMany(bytes, from);
    // A name that ends where the value begins may go on in another page's line: `a-1`, `a1 5`.
    if (scanner.insertKind === BARE && p === scanner.insertAt) this.#learning = undefined;
    this.#learning?.sample(from, p, { insert, honored, family, flags });
    return next;
  }

  #flagsOf({ clashes, quoted }: SeriesScanner, honored: number, family: number): number {
    const kept = family >= 0 ? 0 : family === UNWANTED ? FILTERED : DROPPED;
    return (
      kept |
      (clashes === honored ? 0 : CLASHES) |
      (quoted ? QUOTED : 0) |
      (honored !== 0 && kept === 0 ? HONORED : 0)
    );
  }

  /** A comment or blank line. Returns the offset of the next line, or -1 at `# EOF`. */
  #noSample(bytes: Buffer, from: number): number {
    const p = skipLineBlanks(bytes, from, this.#grammar);
    if (bytes[p] === LINE_FEED && !this.#strict) {
      this.#learning?.comment(from, p + 1 - from, { isMetadata: false, flags: 0 });
      return p + 1;
    }
    if (bytes[p] !== HASH) this.#fail(bytes, from, 'a line begins with a blank or is empty');
    const end = bytes.indexOf(LINE_FEED, p);
    const comment = readComment(bytes, p, end, this.#grammar);
    if (comment.says === 'eof') return -1;
    if (comment.says === 'nothing') {
      this.#learning?.comment(from, end + 1 - from, { isMetadata: false, flags: 0 });
    } else this.#metadataLine(bytes, from, end, comment);
    return end + 1;
  }

  #metadataLine(bytes: Buffer, from: number, end: number, comment: CommentLine): void {
    const { says, type, textFrom, textTo, quoted } = comment;
    if (says === 'eof' || says === 'nothing') return;
    const family = this.#resolver.named(comment.nameFrom, comment.nameTo);
    const metadata = this.#metadata.own();
    if (this.#families.full) this.#tooMany(bytes, from);
    const flags = quoted ? QUOTED : 0;
    this.#notes.add(flags);
    if (this.#families.isOwn(family)) {
      this.#learning?.comment(from, end + 1 - from, { isMetadata: false, flags });
      return;
    }
    this.#learning?.comment(from, end + 1 - from, { isMetadata: true, flags });
    this.#learning?.resumeAt(family);
    metadata.push({ says, family, type, bytes, from: textFrom, to: textTo });
    if (this.#metadata.overfull) this.#tooMany(bytes, from);
    if (says === 'type') this.#resolver.declare(family, type);
    this.#resolver.declaredAt(family, comment.nameFrom, comment.nameTo);
    this.#layoutLines.resumeBehind(family);
  }

  /** `# EOF`: nothing may follow. */
  #endOfPage({ bytes, length }: Body, from: number): void {
    const end = bytes.indexOf(LINE_FEED, from) + 1;
    if (end < length) this.#fail(bytes, end, 'data behind # EOF');
    this.#ended = true;
  }

  #tooMany(bytes: Buffer, offset: number): never {
    throw new ExpositionError('too-large', bytes, offset, 'too many metric families');
  }

  #tooLong(bytes: Buffer, offset: number): never {
    throw new ExpositionError('too-large', bytes, offset, 'too long a name or label value');
  }

  #fail(bytes: Buffer, offset: number, what: string): never {
    throw new ExpositionError('grammar', bytes, offset, what);
  }
}
