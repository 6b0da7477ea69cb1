/**
 * Parses the lines of a page that differ from the layout's lines.
 */
import type { Body } from '../exposition/body.ts';
import { ExpositionError } from '../exposition/error.ts';
import type { Grammar } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import { type CommentLine, readComment, skipLineBlanks } from '../exposition/metadata.ts';
import { exemplarTooLong, skipOpenMetricsBack, skipTextBack } from '../exposition/sample.ts';
import { BARE, SeriesScanner } from '../exposition/series.ts';
import type { FamilyTable } from './families.ts';
import type { LayoutWriter } from './layout.ts';
import type { LayoutLines } from './layout-lines.ts';
import type { PageIndexWriter } from './page-index.ts';
import type { PageMetadata } from './page-metadata.ts';
import { CLASHES, DROPPED, FILTERED, HONORED, type PageNotes, QUOTED } from './page-notes.ts';
import { type FamilyResolver, UNWANTED } from './resolver.ts';

const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

/** Bound on the steps of the name filter per page: 100 ms. Honest patterns need far fewer. */
const MAX_STEPS = 1 << 25;

export interface FullLinesOptions {
  readonly families: FamilyTable;
  readonly grammar: Grammar;
  /** Names of the labels that the merge inserts. */
  readonly reserved: LabelNames;
  /** The bits of the reserved names that a line may have itself; below 256. */
  readonly honored: number;
  readonly writer: PageIndexWriter;
  readonly resolver: FamilyResolver;
  readonly metadata: PageMetadata;
  readonly notes: PageNotes;
  readonly layoutLines: LayoutLines;
}

export class FullLines {
  /** The page has ended: at its last byte, `# EOF` or a NUL. */
  ended = false;
  readonly #families: FamilyTable;
  readonly #grammar: Grammar;
  readonly #strict: boolean;
  readonly #scanner: SeriesScanner;
  readonly #honored: number;
  readonly #writer: PageIndexWriter;
  readonly #resolver: FamilyResolver;
  readonly #metadata: PageMetadata;
  readonly #notes: PageNotes;
  readonly #layoutLines: LayoutLines;
  /** Learns the page's layout; undefined if the page teaches none. */
  #learning: LayoutWriter | undefined;

  constructor(options: FullLinesOptions) {
    this.#families = options.families;
    this.#grammar = options.grammar;
    this.#strict = options.grammar.strict;
    this.#scanner = new SeriesScanner(options.grammar, options.reserved);
    this.#honored = options.honored;
    this.#writer = options.writer;
    this.#resolver = options.resolver;
    this.#metadata = options.metadata;
    this.#notes = options.notes;
    this.#layoutLines = options.layoutLines;
  }

  /** Begins another page. @param learning - undefined if the page shall teach no layout */
  begin(learning: LayoutWriter | undefined): void {
    this.ended = false;
    this.#learning = learning;
  }

  /** Hands over the learnt layout; undefined if other pages could not use the layout. */
  takeLearning(): LayoutWriter | undefined {
    const learning = this.#learning;
    this.#learning = undefined;
    return learning;
  }

  /** Parses a line. Returns the offset of the next line. */
  read(body: Body, p: number): number {
    const { bytes, length } = body;
    const first = bytes[p]!;
    if (first > SPACE && first !== HASH) return this.#sample(body, p);
    this.#writer.breakAt(p);
    if (first === 0 && p === length - 1 && !this.#strict) {
      this.ended = true; // Prometheus takes a NUL for the end; this NUL is the last byte
      return p;
    }
    const next = this.#noSample(bytes, p);
    if (next >= 0) return next;
    this.#endOfPage(body, p);
    return p;
  }

  /** Parses a sample line. Returns the offset of the next line. */
  #sample(body: Body, from: number): number {
    const { bytes } = body;
    const scanner = this.#scanner;
    const families = this.#families;
    let p = scanner.scan(body, from);
    if (p < 0 && scanner.full) {
      throw new ExpositionError('too-large', bytes, from, 'the sample has too many labels');
    }
    if (scanner.tooLong) throw tooLong(bytes, from);
    if (p < 0)
      throw malformed(bytes, from, 'the name or labels are malformed, or a label occurs twice');
    if (!this.#strict) p = skipLineBlanks(bytes, p, this.#grammar);
    else if (bytes[p++] !== SPACE) throw malformed(bytes, from, 'no space precedes the value');
    const next = this.#strict
      ? skipOpenMetricsBack(bytes, p, scanner.nameTo)
      : skipTextBack(bytes, p);
    if (next < 0 && this.#strict && exemplarTooLong()) throw tooLong(bytes, from);
    if (next < 0) throw malformed(bytes, from, badBack(this.#strict));
    if (families.full) throw tooManyFamilies(bytes, from);
    this.#metadata.own(); // tells the resolver the declared types
    const insert = scanner.insertAt * 4 + scanner.insertKind;
    const family = this.#resolver.familyOf(scanner);
    if (this.#resolver.filterSteps > MAX_STEPS) {
      throw new ExpositionError(
        'too-large',
        bytes,
        from,
        'the name filter takes too long: simplify its patterns',
      );
    }
    const honored = scanner.clashes & this.#honored;
    const flags = this.#flagsOf(scanner, honored, family);
    this.#notes.add(flags);
    if (family < 0) this.#writer.breakAt(from);
    else this.#writer.line(family, from, insert, honored);
    if (this.#writer.overfull) throw tooManyFamilies(bytes, from);
    // Of `a-1` the layout would hold `a`, and take another page's `a1 5` for a sample of `a`.
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

  /** Parses a comment or blank line. Returns the offset of the next line, or -1 at `# EOF`. */
  #noSample(bytes: Buffer, from: number): number {
    const p = skipLineBlanks(bytes, from, this.#grammar);
    if (bytes[p] === LINE_FEED && !this.#strict) {
      this.#learning?.comment(from, p + 1 - from, { isMetadata: false, flags: 0 });
      return p + 1;
    }
    if (bytes[p] !== HASH) throw malformed(bytes, from, 'the line is empty or begins with a blank');
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
    if (this.#families.full) throw tooManyFamilies(bytes, from);
    const flags = quoted ? QUOTED : 0;
    this.#notes.add(flags);
    if (this.#families.isOwn(family)) {
      this.#learning?.comment(from, end + 1 - from, { isMetadata: false, flags });
      return;
    }
    this.#learning?.comment(from, end + 1 - from, { isMetadata: true, flags });
    this.#learning?.resumeAt(family);
    metadata.push({ says, family, type, bytes, from: textFrom, to: textTo });
    if (this.#metadata.overfull) throw tooManyFamilies(bytes, from);
    if (says === 'type') this.#resolver.declare(family, type);
    this.#resolver.declaredAt(family, comment.nameFrom, comment.nameTo);
    this.#layoutLines.resumeBehind(family);
  }

  /** Ends the page at `# EOF`, which nothing may follow. */
  #endOfPage({ bytes, length }: Body, from: number): void {
    const end = bytes.indexOf(LINE_FEED, from) + 1;
    if (end < length) throw malformed(bytes, end, 'data follow # EOF');
    this.ended = true;
  }
}

export function tooManyFamilies(bytes: Buffer, offset: number): ExpositionError {
  return new ExpositionError('too-large', bytes, offset, 'the page has too many metric families');
}

function badBack(strict: boolean): string {
  return strict
    ? 'the value, timestamp or exemplar is malformed'
    : 'the value or timestamp is malformed';
}

function tooLong(bytes: Buffer, offset: number): ExpositionError {
  return new ExpositionError('too-large', bytes, offset, 'a name or label value is too long');
}

export function malformed(bytes: Buffer, offset: number, what: string): ExpositionError {
  return new ExpositionError('grammar', bytes, offset, what);
}
