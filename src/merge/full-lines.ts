/**
 * Parses the lines of a page that the kernel does not know, and teaches the vocabulary what is plain in
 * them.
 */
import type { Body } from '../exposition/body.ts';
import { ExpositionError } from '../exposition/error.ts';
import { type Grammar, splitSuffix } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import { type CommentLine, readComment, skipLineBlanks } from '../exposition/metadata.ts';
import { skipValue } from '../exposition/number.ts';
import { exemplarTooLong, skipOpenMetricsBack, skipTextBack } from '../exposition/sample.ts';
import { SeriesScanner } from '../exposition/series.ts';
import type { FamilyTable } from './families.ts';
import type { LineScan } from './line-scan.ts';
import { RENAME } from './page-index.ts';
import type { PageIndexWriter } from './page-index-writer.ts';
import type { PageMetadata } from './page-metadata.ts';
import {
  CLASHES,
  DROPPED,
  FILTERED,
  HONORED,
  type PageNotes,
  QUOTED,
  TIMESTAMPED,
} from './page-notes.ts';
import { type FamilyResolver, UNWANTED } from './resolver.ts';
import { vocabulary } from './vocabulary.ts';

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
  /** Whether a label with a reserved name is renamed by an edit, where that is all it takes. */
  readonly renames: boolean;
  /** Whether pages are OpenMetrics, and their lines become those of text. */
  readonly asText: boolean;
  readonly lineScan: LineScan;
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
  readonly #reserved: LabelNames;
  readonly #renames: boolean;
  readonly #asText: boolean;
  readonly #lineScan: LineScan;
  readonly #vocabulary = vocabulary();

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
    this.#reserved = options.reserved;
    this.#renames = options.renames;
    this.#asText = options.asText;
    this.#lineScan = options.lineScan;
  }

  /** Begins another page. */
  begin(): void {
    this.ended = false;
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
    this.#metadata.tell();
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
    const renamed = family >= 0 && honored === 0 && this.#renames && isRenamed(bytes, scanner);
    this.#notes.add(this.#flagsOf(scanner, honored, family, renamed));
    if (family < 0) this.#writer.breakAt(from);
    else this.#writer.line(family, from, insert, honored);
    if (renamed) this.#rename(bytes, scanner);
    if (this.#asText && family >= 0) this.#cutBack(bytes, p, next);
    if (this.#writer.overfull) throw tooManyFamilies(bytes, from);
    if (this.#lineScan.wantsName && !scanner.quoted) this.#teachName(bytes, scanner);
    return next;
  }

  #rename(bytes: Buffer, { labels, labelsEnd }: SeriesScanner): void {
    for (let i = 0; i < labelsEnd; i += 4) {
      const isReserved = this.#reserved.bitOf(bytes, labels[i]!, labels[i + 1]!) !== 0;
      if (isReserved) this.#writer.edit(labels[i]!, 0);
    }
  }

  /** Cuts the exemplar of a line that becomes one of text. @param from - the offset of its value */
  #cutBack(bytes: Buffer, from: number, next: number): void {
    const valueTo = skipValue(bytes, from);
    if (bytes[valueTo] === LINE_FEED) return;
    if (bytes[valueTo + 1] === HASH) this.#writer.edit(valueTo, next - 1 - valueTo);
    else this.#notes.add(TIMESTAMPED);
  }

  #teachName(bytes: Buffer, { nameFrom, nameTo }: SeriesScanner): void {
    const name = bytes.toString('latin1', nameFrom, nameTo);
    this.#vocabulary.addName(name);
    this.#declareAgain(name);
  }

  /** Tells the kernel what the page has declared of names that the kernel may just have learnt. */
  #declareAgain(name: string): void {
    let known = name;
    for (let suffix = ' '; suffix !== ''; [known, suffix] = splitSuffix(known)) {
      const type = this.#resolver.declaredType(known);
      if (type !== undefined) this.#vocabulary.declare(known, type, this.#lineScan.page);
    }
  }

  #flagsOf(
    { clashes, quoted }: SeriesScanner,
    honored: number,
    family: number,
    renamed: boolean,
  ): number {
    const kept = family >= 0 ? 0 : family === UNWANTED ? FILTERED : DROPPED;
    return (
      kept |
      (clashes === honored || renamed || family < 0 ? 0 : CLASHES) |
      (quoted ? QUOTED : 0) |
      (honored !== 0 && kept === 0 ? HONORED : 0)
    );
  }

  /** Parses a comment or blank line. Returns the offset of the next line, or -1 at `# EOF`. */
  #noSample(bytes: Buffer, from: number): number {
    const p = skipLineBlanks(bytes, from, this.#grammar);
    if (bytes[p] === LINE_FEED && !this.#strict) return p + 1;
    if (bytes[p] !== HASH) throw malformed(bytes, from, 'the line is empty or begins with a blank');
    const end = bytes.indexOf(LINE_FEED, p);
    const comment = readComment(bytes, p, end, this.#grammar);
    if (comment.says === 'eof') return -1;
    if (comment.says !== 'nothing') this.#metadataLine(bytes, from, comment);
    if (this.#lineScan.wantsComment && !comment.quoted)
      this.#teachComment(bytes, from, end, comment);
    return end + 1;
  }

  #metadataLine(bytes: Buffer, from: number, comment: CommentLine): void {
    const { says, type, textFrom, textTo, quoted } = comment;
    if (says === 'eof' || says === 'nothing') return;
    const family = this.#resolver.named(comment.nameFrom, comment.nameTo);
    this.#metadata.tell();
    if (this.#families.full) throw tooManyFamilies(bytes, from);
    this.#notes.add(quoted ? QUOTED : 0);
    if (this.#families.isOwn(family)) return;
    this.#metadata.push({ says, family, type, bytes, from: textFrom, to: textTo });
    if (this.#metadata.overfull) throw tooManyFamilies(bytes, from);
    const declared = says === 'type' ? type : undefined;
    if (declared !== undefined) this.#resolver.declare(family, declared);
    this.#vocabulary.declare(this.#families.nameOf(family), declared, this.#lineScan.page);
    this.#resolver.declaredAt(family, comment.nameFrom, comment.nameTo);
  }

  #teachComment(bytes: Buffer, from: number, end: number, comment: CommentLine): void {
    const { says, type, nameFrom, nameTo, textFrom, textTo } = comment;
    if (says === 'eof') return;
    this.#vocabulary.addComment(bytes.subarray(from, end + 1), this.#grammar.format, {
      ...{ says, type, name: bytes.toString('latin1', nameFrom, nameTo) },
      ...{ nameFrom: nameFrom - from, nameTo: nameTo - from },
      ...{ textFrom: textFrom - from, textTo: textTo - from },
    });
    if (says === 'nothing') return;
    const name = bytes.toString('latin1', nameFrom, nameTo);
    this.#declareAgain(name);
    this.#vocabulary.declare(name, undefined, this.#lineScan.page);
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

/**
 * Whether the prefix is all that a line with reserved labels needs: no name is in quotes, no label is
 * empty, and none may have the name that another one gets.
 */
function isRenamed(bytes: Buffer, { quoted, clashes, labels, labelsEnd }: SeriesScanner): boolean {
  if (quoted || clashes === 0) return false;
  for (let i = 0; i < labelsEnd; i += 4) {
    if (labels[i + 3]! - labels[i + 2]! === 2) return false;
    if (bytes.toString('latin1', labels[i], labels[i]! + RENAME.length) === RENAME.toString())
      return false;
  }
  return true;
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
