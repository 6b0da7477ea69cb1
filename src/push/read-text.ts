/**
 * Reads the body of a push in text format 0.0.4 or in OpenMetrics, in slices.
 *
 * The grammar is that of scraped pages (`exposition/`). A push that replaces a group is also refused
 * for what Pushgateway refuses, and taken with what Pushgateway takes; `comments.ts` has the rest
 * of this.
 */
import { isUtf8 } from 'node:buffer';
import { type Body, sameBytes, toBody } from '../exposition/body.ts';
import { checkLineLengths } from '../exposition/bounds.ts';
import { ExpositionError } from '../exposition/error.ts';
import { unquote } from '../exposition/escape.ts';
import type { Grammar } from '../exposition/grammar.ts';
import { LabelNames } from '../exposition/label-names.ts';
import { skipLineBlanks } from '../exposition/metadata.ts';
import { exemplarTooLong, skipOpenMetricsBack, skipTextBack } from '../exposition/sample.ts';
import { BARE, SeriesScanner } from '../exposition/series.ts';
import { BodyFamilies, type SampleKind } from './body-families.ts';
import { BodySamples, DROPPED } from './body-samples.ts';
import { BoundReader } from './bound-label.ts';
import { CommentReader } from './comments.ts';
import { DecimalReader } from './decimal.ts';
import { Integers } from './growing-array.ts';
import { MetricTable } from './metric-table.ts';
import { hasStrangeEscape, isNegativeTimestamp, lacksComma } from './pushgateway-lines.ts';
import { type ReadOptions, tooManySeries } from './read-options.ts';
import { PushRefusal } from './refusal.ts';

const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

const NO_NAMES = new LabelNames([]);

/** Bounds on a slice: a few milliseconds of work. */
const SLICE_LINES = 2_048;
const SLICE_BYTES = 262_144;
/** Bound on the names that a body says something of, as for scraped pages. */
const MAX_FAMILIES = 100_000;
/** Longer bodies get no layout. */
const MAX_LAYOUT_BYTES = 262_144;

/** What the lines of a body say, before metrics are put together. */
export interface BodyLines {
  readonly body: Body;
  readonly families: BodyFamilies;
  readonly metrics: MetricTable;
  readonly samples: BodySamples;
  /** How many samples have a timestamp. */
  readonly timestamps: number;
  /**
   * Three numbers for each value of the text: where the value begins and ends, and the number of
   * its sample, or -1 if the value counts for nothing. Undefined if the body gets no layout.
   */
  readonly cuts: Integers | undefined;
}

/**
 * Reads lines in slices: between two slices the caller may do other work.
 *
 * @param bytes - nobody may write to these bytes after the call
 * @throws {PushRefusal | ExpositionError} if the body is refused
 */
export function* readText(
  bytes: Buffer,
  grammar: Grammar,
  options: ReadOptions,
): Generator<void, BodyLines, void> {
  const reader = new TextReader(toBody(bytes), grammar, options);
  while (!reader.readSlice()) yield;
  return reader.lines();
}

class TextReader {
  readonly #body: Body;
  readonly #strict: boolean;
  readonly #grammar: Grammar;
  readonly #replaces: boolean;
  readonly #maxSeries: number;
  readonly #scanner: SeriesScanner;
  readonly #decimals = new DecimalReader();
  readonly #bounds: BoundReader;
  readonly #families: BodyFamilies;
  readonly #metrics: MetricTable;
  readonly #samples = new BodySamples();
  readonly #comments: CommentReader;
  #at = 0;
  #line = 0;
  #ended = false;
  #timestamps = 0;
  /** A series that stands twice in a body that replaces a group: told when the rest was read. */
  #twice: PushRefusal | undefined;
  /** What the sample before was, and where its name lies; undefined after a comment. */
  #kind: SampleKind | undefined;
  #nameFrom = 0;
  #nameTo = 0;
  #cuts: Integers | undefined;

  constructor(body: Body, grammar: Grammar, { mode, maxSeries }: ReadOptions) {
    checkLineLengths(body.bytes, body.length);
    this.#body = body;
    this.#grammar = grammar;
    this.#strict = grammar.strict;
    this.#maxSeries = maxSeries;
    this.#replaces = mode === 'replace';
    this.#scanner = new SeriesScanner(grammar, NO_NAMES);
    this.#bounds = new BoundReader(body.bytes, this.#replaces);
    this.#families = new BodyFamilies(grammar.format);
    this.#metrics = new MetricTable(body, this.#replaces);
    this.#comments = new CommentReader(body.bytes, grammar, mode, this.#families);
    if (body.length <= MAX_LAYOUT_BYTES) this.#cuts = new Integers();
  }

  /** Reads some lines. @returns whether these were the last */
  readSlice(): boolean {
    const { length, bytes } = this.#body;
    const from = this.#at;
    const limit = Math.min(from + SLICE_BYTES, length);
    const lastLine = this.#line + SLICE_LINES;
    let p = from;
    while (p < limit && this.#line < lastLine && !this.#ended) {
      this.#line++;
      const first = bytes[p]!;
      p = first > SPACE && first !== HASH ? this.#readSample(p) : this.#readOther(p);
    }
    if (!isUtf8(bytes.subarray(from, Math.min(p, length)))) {
      throw this.#malformed(from, 'the body is not UTF-8 in this line or a line below');
    }
    this.#at = p;
    if (p < length && !this.#ended) return false;
    if (this.#strict && !this.#ended)
      throw this.#malformed(length, 'the page does not end in # EOF');
    return true;
  }

  /** All that was read. */
  lines(): BodyLines {
    if (this.#replaces && this.#timestamps > 0) {
      throw new PushRefusal('timestamps', 'pushed metrics must not have timestamps');
    }
    if (this.#twice !== undefined) throw this.#twice;
    return {
      body: this.#body,
      families: this.#families,
      metrics: this.#metrics,
      samples: this.#samples,
      timestamps: this.#timestamps,
      cuts: this.#cuts,
    };
  }

  #readSample(from: number): number {
    const { bytes } = this.#body;
    let p = this.#scanner.scan(this.#body, from);
    if (p < 0) throw this.#badFront(from);
    if (this.#replaces) this.#checkAsPushgateway(from, p);
    if (!this.#strict) p = skipLineBlanks(bytes, p, this.#grammar);
    else if (bytes[p++] !== SPACE) throw this.#malformed(from, 'no space precedes the value');
    const value = this.#decimals.read(bytes, p);
    const valueTo = this.#decimals.end;
    if (valueTo < 0) throw this.#malformed(from, 'the value is not a number');
    const next = bytes[valueTo] === LINE_FEED ? valueTo + 1 : this.#readBack(from, p, valueTo);
    if (this.#samples.length >= this.#maxSeries) throw tooManySeries(this.#maxSeries);
    const sample = this.#addSample(from, value);
    // Of `a-1` the layout would hold `a`, and would take `a1` for a sample of `a`.
    if (this.#scanner.insertKind === BARE && p === this.#scanner.nameTo) this.#cuts = undefined;
    const cuts = this.#cuts;
    if (cuts !== undefined) {
      cuts.push(p);
      cuts.push(valueTo);
      cuts.push(sample);
    }
    return next;
  }

  #checkAsPushgateway(from: number, to: number): void {
    const { bytes } = this.#body;
    if (hasStrangeEscape(bytes, from, to)) {
      throw this.#malformed(from, 'invalid escape sequence in a label value');
    }
    if (lacksComma(bytes, this.#scanner.labels, this.#scanner.labelsEnd)) {
      throw this.#malformed(from, 'no comma stands between two labels');
    }
  }

  /** Adds the sample of the line scanned last. @returns its number; -1 if it counts for nothing */
  #addSample(from: number, value: number): number {
    const { nameFrom, nameTo, labels, labelsEnd } = this.#scanner;
    const { family, role } = this.#kindOf(nameFrom, nameTo);
    if (role === 'created') return -1;
    const bounds = this.#bounds;
    bounds.read(from, family.declared.type, role, labels, labelsEnd);
    const metrics = this.#metrics;
    const metric = metrics.find(family.number, this.#line, labels, labelsEnd, bounds.place);
    if (!metrics.added && role === 'value') this.#refuseTwice(metric);
    if (bounds.kind === DROPPED) return -1;
    return this.#samples.add(metrics, metric, bounds.kind, bounds.bound, value);
  }

  #kindOf(from: number, to: number): SampleKind {
    const { bytes, view } = this.#body;
    const last = this.#kind;
    const length = this.#nameTo - this.#nameFrom;
    const same =
      last !== undefined &&
      to - from === length &&
      sameBytes(view, from, view, this.#nameFrom, length);
    this.#nameFrom = from;
    this.#nameTo = to;
    if (same) return last;
    const name = bytes.toString('utf8', from, to);
    const kind = this.#families.kindOf(this.#scanner.quoted ? unquote(name) : name);
    if (this.#families.size > MAX_FAMILIES) {
      throw new ExpositionError('too-large', bytes, from, 'the body has too many metric families');
    }
    this.#kind = kind;
    return kind;
  }

  /** Reads what follows the value of a line. @returns the offset of the next line */
  #readBack(from: number, valueFrom: number, valueTo: number): number {
    const { bytes } = this.#body;
    const next = this.#strict
      ? skipOpenMetricsBack(bytes, valueFrom, this.#scanner.nameTo)
      : skipTextBack(bytes, valueFrom);
    const after = skipLineBlanks(bytes, this.#strict ? valueTo + 1 : valueTo, this.#grammar);
    if (next < 0 && this.#replaces && after > valueTo && isNegativeTimestamp(bytes, after)) {
      this.#timestamps++;
      return bytes.indexOf(LINE_FEED, after) + 1;
    }
    if (next < 0 && this.#strict && exemplarTooLong()) throw this.#tooLong(from);
    if (next < 0) throw this.#malformed(from, 'what follows the value is no timestamp or exemplar');
    this.#cuts = undefined; // the next push has other timestamps and exemplars
    if (bytes[after] === LINE_FEED) {
      if (this.#replaces) throw this.#malformed(from, 'expected integer as timestamp, got ""');
    } else if (bytes[after] !== HASH) this.#timestamps++;
    return next;
  }

  /** Reads a comment or a blank line. @returns the offset of the next line */
  #readOther(from: number): number {
    const { bytes, length } = this.#body;
    this.#kind = undefined;
    const p = skipLineBlanks(bytes, from, this.#grammar);
    if (bytes[p] === LINE_FEED && !this.#strict) return p + 1;
    if (bytes[p] !== HASH) {
      if (p === from && bytes[p] === 0 && p === length - 1 && !this.#strict) {
        this.#ended = true; // Prometheus takes a NUL for the end; this NUL is the last byte
        return length;
      }
      if (p > from && this.#replaces) return this.#readSample(p);
      throw this.#malformed(from, 'the line is empty or begins with a blank');
    }
    const end = bytes.indexOf(LINE_FEED, p);
    this.#ended = this.#comments.read(p, end);
    if (this.#families.size > MAX_FAMILIES) {
      throw new ExpositionError('too-large', bytes, from, 'the body has too many metric families');
    }
    if (this.#ended && end + 1 < length) throw this.#malformed(end + 1, 'data follow # EOF');
    return end + 1;
  }

  #refuseTwice(metric: number): void {
    if (this.#twice !== undefined) return;
    const where = `line ${this.#line}: `;
    const what = `${where}the series of line ${this.#metrics.lineOf(metric)} occurs again: a push may say each series once`;
    this.#twice = new PushRefusal('duplicate_series', what);
    if (!this.#replaces) throw this.#twice;
  }

  #badFront(from: number): ExpositionError {
    if (this.#scanner.full) {
      return new ExpositionError(
        'too-large',
        this.#body.bytes,
        from,
        'the sample has too many labels',
      );
    }
    if (this.#scanner.tooLong) return this.#tooLong(from);
    return this.#malformed(from, 'the name or labels are malformed, or a label occurs twice');
  }

  #tooLong(offset: number): ExpositionError {
    return new ExpositionError(
      'too-large',
      this.#body.bytes,
      offset,
      'a name or label value is too long',
    );
  }

  #malformed(offset: number, what: string): ExpositionError {
    return new ExpositionError('grammar', this.#body.bytes, offset, what);
  }
}
