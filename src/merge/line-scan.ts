/**
 * Lets the kernel scan the lines of a page that are as most lines are. Notes for each sample line
 * where labels go, and for each run of lines whose family it is; stops at a line that must be parsed.
 */
import type { Body } from '../exposition/body.ts';
import type { Grammar } from '../exposition/grammar.ts';
import type { LabelNames } from '../exposition/label-names.ts';
import type { CodedFamilies } from './coded-families.ts';
import { kernel, SCANNED, TOLD, UNKNOWN_COMMENT, UNKNOWN_NAME } from './kernel.ts';
import { SERIES } from './page-index.ts';
import type { PageIndexWriter } from './page-index-writer.ts';
import type { PageMetadata } from './page-metadata.ts';
import type { PageNotes } from './page-notes.ts';
import { isShown, showReserved } from './reserved-labels.ts';
import { ScannedRuns } from './scanned-runs.ts';
import { vocabulary } from './vocabulary.ts';

const INTEGER_BYTES = Int32Array.BYTES_PER_ELEMENT;
/** A line that begins so close to the end of a window may be cut off there. */
const CUT_BYTES = 16_384;

interface LineScanOptions {
  readonly grammar: Grammar;
  /** Names of the labels that the merge inserts. */
  readonly reserved: LabelNames;
  /** Whether a label with a reserved name is renamed by an edit; else its line is parsed. */
  readonly renames: boolean;
  readonly writer: PageIndexWriter;
  readonly metadata: PageMetadata;
  readonly notes: PageNotes;
  readonly families: CodedFamilies;
  /** Whether a family's samples are kept by their names. */
  readonly byName: boolean;
  /** Whether the page is OpenMetrics, and its lines become those of text. */
  readonly asText: boolean;
}

export class LineScan {
  readonly #kernel = kernel();
  readonly #vocabulary = vocabulary();
  readonly #told: number;
  #series = false;
  readonly #reserved: LabelNames;
  readonly #usable: boolean;
  readonly #writer: PageIndexWriter;
  readonly #metadata: PageMetadata;
  readonly #runs: ScannedRuns;
  /** The number of the page, and of the vocabulary's generation in which it has that number. */
  #page = 0;
  #generation = -1;
  /** The range of the page's bytes in the window. */
  #from = 0;
  #to = 0;
  /** Why the last scan ended. */
  #why = 0;

  constructor(options: LineScanOptions) {
    const { grammar, reserved, renames, byName, asText } = options;
    const { writer, metadata, notes, families } = options;
    this.#told =
      (grammar.strict ? TOLD.strict : 0) |
      (renames ? TOLD.renames : 0) |
      (byName ? TOLD.byName : 0) |
      (asText ? TOLD.asText : 0);
    this.#reserved = reserved;
    this.#usable = isShown(reserved);
    this.#writer = writer;
    this.#metadata = metadata;
    this.#runs = new ScannedRuns(families, writer, notes);
  }

  /** The line that was not scanned has a name that is not remembered. */
  get wantsName(): boolean {
    return this.#why === UNKNOWN_NAME;
  }

  /** The line that was not scanned is a comment that is not remembered. */
  get wantsComment(): boolean {
    return this.#why === UNKNOWN_COMMENT;
  }

  /** The number of the page for `Vocabulary.declare`. */
  get page(): number {
    return this.#page;
  }

  /** Begins another page. @param series - whether to tell the series of lines */
  begin(series: boolean): void {
    this.#series = series;
    this.#generation = -1;
  }

  /** Call it before each slice: in between, the kernel may have worked on another page. */
  resume(): void {
    this.#to = this.#from;
    showReserved(this.#reserved);
    this.#generation = -1;
  }

  /**
   * @param pauses - asked after each family; true ends the reading early
   * @returns the offset of the first line that must be parsed, or of a line at or after `limit`, or
   *   of any line after a pause
   */
  read(body: Body, from: number, limit: number, pauses: () => boolean): number {
    this.#why = 0;
    if (!this.#usable) return from;
    if (this.#generation !== this.#vocabulary.generation) this.#numberPage();
    let p = from;
    while (p < limit) {
      this.#show(body, p);
      p = this.#scan(p, pauses);
      if (pauses()) break;
      const whole = this.#to === body.length;
      if (p < this.#to && (whole || this.#to - p > CUT_BYTES || p === this.#from)) break;
    }
    return p;
  }

  /** Numbers the page anew, and tells the kernel again what the page has declared. */
  #numberPage(): void {
    this.#page = this.#vocabulary.numberPage();
    this.#generation = this.#vocabulary.generation;
    for (const [name, type] of this.#metadata.declared()) {
      this.#vocabulary.declare(name, type, this.#page);
    }
  }

  /** Moves the window to `from`, unless that lies in it and is not close to its end. */
  #show({ bytes, length }: Body, from: number): void {
    const within = from >= this.#from && from < this.#to;
    if (within && (this.#to === length || this.#to - from > CUT_BYTES)) return;
    if (within && from === this.#from) return;
    const { PAGE_AT, PAGE_BYTES } = this.#kernel;
    this.#from = from;
    this.#to = Math.min(from + PAGE_BYTES, length);
    bytes.copy(this.#kernel.bytes, PAGE_AT, from, this.#to);
  }

  /** Scans the window from `from` on. @returns the offset to which the scan came */
  #scan(from: number, pauses: () => boolean): number {
    const { PAGE_AT, integers } = this.#kernel;
    const base = PAGE_AT - this.#from;
    this.#kernel.scan(
      base + from,
      base + this.#to,
      base,
      this.#told | (this.#series ? TOLD.series : 0),
      this.#page,
      this.#writer.lines,
    );
    this.#why = integers[SCANNED.why]!;
    const to = this.#takeLines(from, pauses);
    this.#takeComments(to);
    return to;
  }

  #takeComments(to: number): void {
    const { COMMENTED_AT, integers } = this.#kernel;
    const end = integers[SCANNED.commentsEnd]! / INTEGER_BYTES;
    for (let at = COMMENTED_AT / INTEGER_BYTES; at < end; at += 2) {
      if (integers[at + 1]! >= to) break;
      this.#metadata.known(integers[at]!, integers[at + 1]!);
    }
  }

  /** @returns the offset up to which lines were taken */
  #takeLines(start: number, pauses: () => boolean): number {
    const { INSERTS_AT, WRITTEN_AT, EDITS_AT, SERIES_AT, integers } = this.#kernel;
    const end = integers[SCANNED.at]!;
    if (end === start) return end;
    const inserts = INSERTS_AT / INTEGER_BYTES;
    const edits = EDITS_AT / INTEGER_BYTES;
    const spans = WRITTEN_AT / INTEGER_BYTES;
    const lines = integers[SCANNED.lines]! - this.#writer.lines;
    const series = SERIES_AT / INTEGER_BYTES;
    const scanned = {
      inserts: integers.subarray(inserts, inserts + lines),
      series: integers.subarray(series, series + (this.#series ? lines * SERIES : 0)),
      edits: integers.subarray(edits, integers[SCANNED.editsEnd]! / INTEGER_BYTES),
      spans: integers.subarray(spans, integers[SCANNED.spansEnd]! / INTEGER_BYTES),
      family: integers[SCANNED.code]!,
      from: integers[SCANNED.from]!,
      first: integers[SCANNED.first]!,
      ...{ start, end },
    };
    const to = this.#runs.take(scanned, pauses);
    if (to < end) this.#generation = -1; // the kernel has seen declarations behind `to`
    return to;
  }
}
