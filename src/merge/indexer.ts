/**
 * Indexing: one walk over a page that checks every line and notes where labels go and which bytes
 * belong to which family. `splice.ts` then copies bytes and parses nothing.
 *
 * The kernel scans the lines that are as most lines are; the others are parsed one by one. `bench/`
 * measures the time saved; `test/merge/line-scan.test.ts` shows that the index is the same.
 */
import { isUtf8 } from 'node:buffer';
import type { Body } from '../exposition/body.ts';
import { checkLineLengths } from '../exposition/bounds.ts';
import { type Grammar, TEXT } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import { CodedFamilies } from './coded-families.ts';
import type { FamilyTable } from './families.ts';
import { familiesOf } from './family-shares.ts';
import { FullLines, malformed, tooManyFamilies } from './full-lines.ts';
import { keptMetadata } from './kept-metadata.ts';
import { LineScan } from './line-scan.ts';
import type { NameFilter } from './name-filter.ts';
import type { Metadata, PageIndex } from './page-index.ts';
import { PageIndexWriter } from './page-index-writer.ts';
import { PageMetadata } from './page-metadata.ts';
import { PageNotes } from './page-notes.ts';
import { FamilyResolver } from './resolver.ts';
import { TextMetadata } from './text-metadata.ts';

/** Bounds on a slice, in bytes, parsed lines and filter steps: a few milliseconds of work. */
const SLICE_BYTES = 262_144;
const SLICE_LINES = 8_192;
const SLICE_STEPS = 1 << 20;

export interface IndexerOptions {
  readonly families: FamilyTable;
  readonly grammar: Grammar;
  /** Names of the labels that the merge inserts. */
  readonly reserved: LabelNames;
  /** The bits of the reserved names that a line may have itself; below 256. Default: 0. */
  readonly honored?: number;
  /** Chooses the samples to keep by name. Default: keeps all. */
  readonly filter?: NameFilter | undefined;
  /** Whether edits rename labels with reserved names where that is all it takes. Default: false. */
  readonly renames?: boolean;
  /**
   * Whether pages are OpenMetrics, and their lines become those of text 0.0.4 by edits. Default: false.
   */
  readonly asText?: boolean;
  /** Whether the kernel scans lines; if false, every line is parsed. Default: true. */
  readonly scan?: boolean;
}

/** Indexes the pages of one kind and format in one merge. */
export class Indexer {
  readonly #families: FamilyTable;
  readonly #grammar: Grammar;
  readonly #strict: boolean;
  readonly #resolver: FamilyResolver;
  readonly #filter: NameFilter | undefined;
  /** List of metadata -> its filtered list. Pages with the same lines share a list. */
  readonly #kept = new WeakMap<readonly Metadata[], readonly Metadata[]>();
  #textMetadata: TextMetadata | undefined;
  readonly #writer = new PageIndexWriter();
  readonly #coded: CodedFamilies;
  readonly #asText: boolean;
  readonly #scans: boolean;

  // The state of the page that is being indexed.
  #at = 0;
  readonly #metadata: PageMetadata;
  readonly #notes = new PageNotes();
  readonly #lineScan: LineScan;
  readonly #fullLines: FullLines;

  constructor(options: IndexerOptions) {
    const { families, grammar, reserved, honored = 0, filter } = options;
    const { renames = false, asText = false, scan = true } = options;
    this.#filter = filter;
    this.#families = families;
    this.#grammar = grammar;
    this.#strict = grammar.strict;
    this.#scans = scan;
    this.#asText = asText;
    this.#resolver = new FamilyResolver(families, asText ? 'text' : grammar.format, filter);
    this.#metadata = new PageMetadata(this.#resolver, families);
    this.#coded = new CodedFamilies(this.#resolver);
    const page = { writer: this.#writer, metadata: this.#metadata, notes: this.#notes };
    this.#lineScan = new LineScan({
      ...{ grammar, reserved, renames, ...page },
      families: this.#coded,
      byName: filter !== undefined,
      asText,
    });
    this.#fullLines = new FullLines({
      ...{ families, grammar, reserved, honored, renames, asText, ...page },
      resolver: this.#resolver,
      lineScan: this.#lineScan,
    });
  }

  /** Forgets the families of pages so far. Call it when families were removed from the table. */
  forgetFamilies(): void {
    this.#coded.clear();
    this.#metadata.clear();
    this.#textMetadata = undefined;
  }

  /**
   * Indexes a page in slices: between two slices the caller may do other work, but must not begin
   * another page.
   *
   * @param series - whether the index tells the series of lines; default: false
   * @throws {ExpositionError} when Prometheus would refuse a line, or the page exceeds a bound
   */
  *index(body: Body, series = false): Generator<void, PageIndex, void> {
    checkLineLengths(body.bytes, body.length);
    const known = this.#families.beginPage();
    this.#begin(body, series);
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
      this.forgetFamilies();
      throw error;
    }
    if (this.#filter !== undefined) page = yield* this.#withKept(page, this.#filter);
    return this.#asText ? yield* this.#withTextMetadata(page) : page;
  }

  #begin(body: Body, series: boolean): void {
    this.#at = 0;
    this.#fullLines.begin();
    this.#metadata.begin(body);
    this.#resolver.begin(body);
    this.#lineScan.begin(series);
    if (series) this.#writer.noteSeries();
    this.#notes.clear();
  }

  *#finish(body: Body): Generator<void, PageIndex, void> {
    const page: PageIndex = {
      body,
      grammar: this.#asText ? TEXT : this.#grammar,
      ...this.#writer.take(),
      metadata: this.#metadata.all(),
      dropped: this.#notes.dropped,
      filtered: this.#notes.filtered,
      clashes: this.#notes.clashes,
      quoted: this.#notes.quoted,
      timestamped: this.#notes.timestamped,
    };
    const families = this.#families;
    if (families.isTooMany(families.size)) {
      const { length } = yield* familiesOf(page);
      if (families.isTooMany(length)) throw tooManyFamilies(body.bytes, body.length);
    }
    return page;
  }

  /** Filters the metadata of the page. */
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

  /** Puts the metadata of text in place of those of OpenMetrics. */
  *#withTextMetadata(page: PageIndex): Generator<void, PageIndex, void> {
    this.#textMetadata ??= new TextMetadata(this.#families);
    return { ...page, metadata: yield* this.#textMetadata.of(page) };
  }

  /** Walks the lines that begin before `limit`, or fewer if many of them must be parsed. */
  #walk(body: Body, limit: number): void {
    const { length } = body;
    const fullLines = this.#fullLines;
    const maxSteps = this.#resolver.filterSteps + SLICE_STEPS;
    this.#lineScan.resume();
    let p = this.#at;
    for (let read = 0; p < limit && !fullLines.ended && read < SLICE_LINES; read++) {
      if (this.#resolver.filterSteps > maxSteps) break;
      if (this.#scans) p = this.#scan(body, p, limit, maxSteps);
      if (p < limit) p = fullLines.read(body, p);
    }
    this.#checkUtf8(body, this.#at, p);
    this.#at = p;
    if (p < length || fullLines.ended) return;
    if (this.#strict) throw malformed(body.bytes, length, 'the page does not end in # EOF');
    fullLines.ended = true;
  }

  #scan(body: Body, from: number, limit: number, maxSteps: number): number {
    const p = this.#lineScan.read(body, from, limit, () => this.#resolver.filterSteps > maxSteps);
    if (this.#families.full || this.#writer.overfull || this.#metadata.overfull) {
      throw tooManyFamilies(body.bytes, p);
    }
    return p;
  }

  /** All lines are UTF-8. */
  #checkUtf8({ bytes, length }: Body, from: number, to: number): void {
    const lines = bytes.subarray(from, Math.min(to, length));
    if (!isUtf8(lines)) throw malformed(bytes, from, 'the page is not UTF-8');
  }
}
