/**
 * Reads the body of a push in text format 0.0.4 or in OpenMetrics, in slices.
 *
 * The grammar is that of scraped pages (`exposition/`). A push that replaces a group is also refused
 * for what Pushgateway refuses, and taken with what Pushgateway takes; `comments.ts` has the rest
 * of this.
 */
import { isUtf8 } from 'node:buffer';
import { type Body, sameBytes, toBody } from '../../exposition/body.ts';
import { checkLineLengths } from '../../exposition/bounds.ts';
import { unquote } from '../../exposition/escape.ts';
import type { Grammar } from '../../exposition/grammar.ts';
import { LabelNames } from '../../exposition/label-names.ts';
import { skipLineBlanks } from '../../exposition/metadata.ts';
import { exemplarTooLong, skipOpenMetricsBack, skipTextBack } from '../../exposition/sample.ts';
import { BARE, SeriesScanner } from '../../exposition/series.ts';
import { PushRefusal } from '../refusal.ts';
import { badFront, malformed, tokenAt, tooLong, tooManyFamilies } from './body-errors.ts';
import { BodyFamilies, type SampleKind } from './body-families.ts';
import type { BodyLines } from './body-lines.ts';
import { BodySamples, DROPPED } from './body-samples.ts';
import { BoundReader } from './bound-label.ts';
import { CommentReader } from './comments.ts';
import { DecimalReader } from './decimal.ts';
import { Integers } from './growing-array.ts';
import { MetricTable } from './metric-table.ts';
import { hasStrangeEscape, isNegativeTimestamp, lacksComma } from './pushgateway-lines.ts';
import { type ReadOptions, tooManySeries } from './read-options.ts';

const TAB = 9;
const LINE_FEED = 10;
const SPACE = 32;
const HASH = 35;

const NO_NAMES = new LabelNames([]);

/** Bounds on a slice: a few milliseconds of work. */
const SLICE_LINES = 2_048;
const SLICE_BYTES = 131_072;
const SLICE_LABELS = 4_096;
/** Bound on the names that a body says something of, as for scraped pages. */
const MAX_FAMILIES = 100_000;
/** Longer bodies get no layout. */
const MAX_LAYOUT_BYTES = 262_144;

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
  /** How many labels were read in this slice. */
  #labels = 0;
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
    this.#labels = 0;
    let p = from;
    while (p < limit && this.#line < lastLine && this.#labels < SLICE_LABELS && !this.#ended) {
      this.#line++;
      const first = bytes[p]!;
      p = first > SPACE && first !== HASH ? this.#readSample(p) : this.#readOther(p);
    }
    if (!isUtf8(bytes.subarray(from, Math.min(p, length)))) {
      throw malformed(bytes, from, 'the body is not UTF-8 in this line or a line below');
    }
    this.#at = p;
    if (p < length && !this.#ended) return false;
    if (this.#strict && !this.#ended)
      throw malformed(bytes, length, 'the page does not end in # EOF');
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
    if (p < 0) throw badFront(bytes, from, this.#scanner);
    if (this.#replaces) this.#checkAsPushgateway(from, p);
    if (!this.#strict) p = skipLineBlanks(bytes, p, this.#grammar);
    else if (bytes[p++] !== SPACE) throw malformed(bytes, from, 'no space precedes the value');
    const value = this.#decimals.read(bytes, p);
    const valueTo = this.#decimals.end;
    const after = valueTo < 0 ? 0 : bytes[valueTo]!;
    if (after !== LINE_FEED && after !== SPACE && after !== TAB) {
      throw malformed(bytes, from, `expected float as value, got "${tokenAt(bytes, p)}"`);
    }
    const next = after === LINE_FEED ? valueTo + 1 : this.#readBack(from, p, valueTo);
    const series = Math.max(this.#samples.length, this.#metrics.size);
    if (series >= this.#maxSeries) throw tooManySeries(this.#maxSeries);
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
      throw malformed(bytes, from, 'invalid escape sequence in a label value');
    }
    if (lacksComma(bytes, this.#scanner.labels, this.#scanner.labelsEnd)) {
      throw malformed(bytes, from, 'no comma stands between two labels');
    }
  }

  /** Adds the sample of the line scanned last. @returns its number; -1 if it counts for nothing */
  #addSample(from: number, value: number): number {
    const { nameFrom, nameTo, labels, labelsEnd } = this.#scanner;
    this.#labels += labelsEnd >> 2;
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
    if (this.#families.size > MAX_FAMILIES) throw tooManyFamilies(bytes, from);
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
    if (next < 0) {
      if (this.#strict && exemplarTooLong()) throw tooLong(bytes, from);
      if (this.#strict) throw malformed(bytes, from, 'the timestamp or exemplar is malformed');
      const token = tokenAt(bytes, after);
      throw malformed(bytes, from, `expected integer as timestamp, got "${token}"`);
    }
    this.#cuts = undefined; // the next push has other timestamps and exemplars
    if (bytes[after] === LINE_FEED) {
      if (this.#replaces) throw malformed(bytes, from, 'expected integer as timestamp, got ""');
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
      throw malformed(bytes, from, 'the line is empty or begins with a blank');
    }
    const end = bytes.indexOf(LINE_FEED, p);
    this.#ended = this.#comments.read(p, end);
    if (this.#families.size > MAX_FAMILIES) throw tooManyFamilies(bytes, from);
    if (this.#ended && end + 1 < length) throw malformed(bytes, end + 1, 'data follow # EOF');
    return end + 1;
  }

  #refuseTwice(metric: number): void {
    if (this.#twice !== undefined) return;
    const first = `the series of line ${this.#metrics.lineOf(metric)}`;
    const what = `line ${this.#line}: ${first} occurs again: a push may say each series once`;
    this.#twice = new PushRefusal('duplicate_series', what);
    if (!this.#replaces) throw this.#twice;
  }
}
