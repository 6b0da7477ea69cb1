/**
 * The front of a sample line: metric name and label set.
 *
 * The scanner reads bytes and keeps offsets; no string is made but for label names that may be
 * doubled. It knows where further labels can be inserted, so that a merge copies bytes only.
 */
import { type Body, hasNul, sameBytes } from './body.ts';
import { MAX_NAME_BYTES, MAX_TEXT_BYTES } from './bounds.ts';
import { BLANK, DIGIT, type Grammar, LABEL_NAME, METRIC_NAME, STRING_STOP } from './grammar.ts';
import type { LabelNames } from './label-names.ts';

const LINE_FEED = 10;
const QUOTE = 34;
const COMMA = 44;
const EQUALS = 61;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;

/** How labels are inserted at `SeriesScanner.insertAt`; two bits. */
export const BARE = 0; // `name`: insert `{…}`
export const BEFORE = 1; // `name{a="b"}`: insert `…,` behind the brace
export const ALONE = 2; // `name{}`: insert `…` behind the brace
export const BEHIND = 3; // `{"name"…}`: insert `,…` behind the quoted name

/** Above this many labels doubles are sought with a set instead of pair by pair. */
const FEW_LABELS = 24;
/** A line with more labels is refused: no client library writes one, and it is read in one go. */
const MAX_LABELS = FEW_LABELS << 8;

/**
 * Scans the fronts of sample lines, one after the other; the fields tell of the last one.
 *
 * Lines of one family begin alike, so what a line has in common with the one scanned before it is
 * compared eight bytes at a time, and the scan begins behind the last label that both have.
 */
export class SeriesScanner {
  /** The metric name, without quotes. */
  nameFrom = 0;
  nameTo = 0;
  insertAt = 0;
  /** BARE, BEFORE, ALONE or BEHIND. */
  insertKind = BARE;
  /** A name in quotes was seen (UTF-8 names, Prometheus 3). */
  quoted = false;
  /** The name is that of the line scanned before, in the same page. */
  sameName = false;
  /** Which of the reserved names were seen as labels: their bits. */
  clashes = 0;
  /** Offsets of label names (without quotes) and values (with quotes): four per label. */
  labels = new Int32Array(4 * FEW_LABELS);
  /** How much of `labels` is used. */
  labelsEnd = 0;

  /** A name or value is longer than may be: that is the reason to refuse the line. */
  tooLong = false;

  /** The line has as many labels as can be noted: more were the reason to refuse it. */
  get full(): boolean {
    return this.labelsEnd === 4 * MAX_LABELS;
  }

  readonly #grammar: Grammar;
  readonly #reserved: LabelNames;
  /** The page of the line scanned last. */
  #page: Body | undefined;
  #lineFrom = 0;
  /** Behind the label set of that line; 0 where the next line has nothing to take over. */
  #seriesTo = 0;
  /** Its `labelsEnd`. */
  #lastEnd = 0;

  constructor(grammar: Grammar, reserved: LabelNames) {
    this.#grammar = grammar;
    this.#reserved = reserved;
  }

  /**
   * Scans the front of the line that begins at `from`.
   *
   * @returns the offset behind the label set, or behind the name where there is none; -1 when the
   *   front is malformed, too long, has too many labels, one twice or one called `__name__`
   */
  scan(page: Body, from: number): number {
    this.tooLong = false;
    const shared = this.#page === page ? this.#takeOver(page, from) : 0;
    this.sameName = shared > 0;
    const known = this.sameName ? this.labelsEnd : 0;
    const end = this.sameName ? this.#scanRest(page, shared) : this.#scanFront(page.bytes, from);
    const ok = end > 0 && this.#unambiguous(page, known);
    const plain = ok && this.insertKind === BEFORE && this.clashes === 0 && !this.quoted;
    this.#page = page;
    this.#lineFrom = from;
    this.#seriesTo = plain ? end : 0;
    return ok ? end : -1;
  }

  /**
   * Takes over the name and the first labels, as far as the line at `from` has them in common with
   * the last one.
   *
   * @returns the offset behind them, or behind the brace; 0 when not even the name is the same
   */
  #takeOver({ view }: Body, from: number): number {
    if (this.#seriesTo === 0) return 0;
    const last = this.#lineFrom;
    const common = last + commonPrefix(view, last, from, this.#seriesTo - last);
    if (common < this.insertAt) return 0;
    const { labels } = this;
    let end = 0;
    while (end < this.labelsEnd && labels[end + 3]! <= common) end += 4;
    this.#lastEnd = this.labelsEnd;
    this.#moveLabels(0, end, from - last);
    this.nameFrom += from - last;
    this.nameTo += from - last;
    this.insertAt += from - last;
    this.labelsEnd = end;
    if (end > 0) return labels[end - 1]!;
    this.insertKind = ALONE;
    return this.insertAt;
  }

  /** Scans what follows the labels taken over: often one label, behind which all is as before. */
  #scanRest({ bytes, view }: Body, from: number): number {
    const known = this.labelsEnd;
    if (known === this.#lastEnd) return this.#scanLabels(bytes, from, true);
    const lastValueTo = this.labels[known + 3]!;
    const label = known === 0 ? from : this.#skipSeparator(bytes, from);
    const p = label < 0 ? -1 : this.#scanLabel(bytes, label, true);
    if (p < 0 || this.labelsEnd === known) return this.#scanLabels(bytes, from, true);
    const rest = this.#seriesTo - lastValueTo;
    if (!sameBytes(view, p, view, lastValueTo, rest)) return this.#scanLabels(bytes, p, true);
    this.#moveLabels(known + 4, this.#lastEnd, p - lastValueTo);
    this.labelsEnd = this.#lastEnd;
    return p + rest;
  }

  /** Scans the front of a line that does not begin as the one before. */
  #scanFront(bytes: Buffer, from: number): number {
    const { classes } = this.#grammar;
    this.quoted = false;
    this.clashes = 0;
    this.labelsEnd = 0;
    let p = from;
    if ((classes[bytes[p]!]! & DIGIT) !== 0) return -1;
    while ((classes[bytes[p]!]! & METRIC_NAME) !== 0) p++;
    if (p - from > MAX_NAME_BYTES) return this.#refuseLength();
    this.nameFrom = from;
    this.nameTo = p;
    this.insertAt = p;
    this.insertKind = BARE;
    const named = p > from;
    p = this.#skipBlanks(bytes, p);
    if (bytes[p] !== OPEN) return named ? this.nameTo : -1;
    return this.scanLabels(bytes, p + 1, named);
  }

  /**
   * Scans what follows `{`, up to and with `}`.
   *
   * @param named - a metric name stands before the brace, or none is wanted (exemplars)
   */
  scanLabels(bytes: Buffer, from: number, named: boolean): number {
    this.quoted = false;
    this.tooLong = false;
    this.labelsEnd = 0;
    this.insertAt = from;
    this.insertKind = ALONE;
    return this.#scanLabels(bytes, from, named);
  }

  /** @param from - behind the brace, or behind a label that is noted already */
  #scanLabels(bytes: Buffer, from: number, named: boolean): number {
    let p = this.labelsEnd === 0 ? from : this.#skipSeparator(bytes, from);
    while (p >= 0) {
      p = this.#skipBlanks(bytes, p);
      if (bytes[p] === CLOSE) return named || this.insertKind === BEHIND ? p + 1 : -1;
      p = this.#scanLabel(bytes, p, named);
      if (p >= 0) p = this.#skipSeparator(bytes, p);
    }
    return -1;
  }

  /** Scans a label, or the name of the metric in quotes. Returns the offset behind it, or -1. */
  #scanLabel(bytes: Buffer, from: number, named: boolean): number {
    const { classes } = this.#grammar;
    let p = from;
    let nameFrom = p;
    let nameTo: number;
    const quoted = bytes[p] === QUOTE;
    if (quoted) {
      p = skipString(bytes, p, classes);
      if (p < 0 || hasNul(bytes, from, p)) return -1; // no name holds one
      this.quoted = true;
      nameFrom += 1;
      nameTo = p - 1;
    } else {
      if ((classes[bytes[p]!]! & DIGIT) !== 0) return -1;
      while ((classes[bytes[p]!]! & LABEL_NAME) !== 0) p++;
      nameTo = p;
    }
    if (nameTo === nameFrom) return -1;
    if (nameTo - nameFrom > MAX_NAME_BYTES) return this.#refuseLength();
    const nameEnd = p;
    p = this.#skipBlanks(bytes, p);
    if (quoted && !named && this.insertKind !== BEHIND && bytes[p] !== EQUALS) {
      // A quoted string without a value is the metric's name.
      this.nameFrom = nameFrom;
      this.nameTo = nameTo;
      this.insertAt = nameEnd;
      this.insertKind = BEHIND;
      return p;
    }
    if (bytes[p] !== EQUALS) return -1;
    const valueFrom = this.#skipBlanks(bytes, p + 1);
    if (bytes[valueFrom] !== QUOTE) return -1;
    p = skipString(bytes, valueFrom, classes);
    if (p < 0) return -1;
    if (p - valueFrom > MAX_TEXT_BYTES + 2) return this.#refuseLength();
    this.clashes |= this.#reserved.bitOf(bytes, nameFrom, nameTo);
    if (this.labelsEnd === this.labels.length && !this.#makeRoom()) return -1;
    this.#addLabel(nameFrom, nameTo, valueFrom, p);
    if (this.insertKind === ALONE) this.insertKind = BEFORE;
    return p;
  }

  #skipBlanks(bytes: Buffer, from: number): number {
    const { classes } = this.#grammar;
    let p = from;
    while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
    return p;
  }

  /** Skips what stands between two labels: blanks and a comma. Returns the offset behind, or -1. */
  #skipSeparator(bytes: Buffer, from: number): number {
    const { strict } = this.#grammar;
    const p = this.#skipBlanks(bytes, from);
    if (bytes[p] !== COMMA) return strict && bytes[p] !== CLOSE ? -1 : p;
    return strict && bytes[p + 1] === CLOSE ? -1 : p + 1;
  }

  #refuseLength(): -1 {
    this.tooLong = true;
    return -1;
  }

  #makeRoom(): boolean {
    if (this.full) return false;
    const larger = new Int32Array(this.labelsEnd * 2);
    larger.set(this.labels);
    this.labels = larger;
    return true;
  }

  #moveLabels(from: number, to: number, by: number): void {
    for (let at = from; at < to; at++) this.labels[at]! += by;
  }

  #addLabel(nameFrom: number, nameTo: number, valueFrom: number, valueTo: number): void {
    const end = this.labelsEnd;
    this.labels[end] = nameFrom;
    this.labels[end + 1] = nameTo;
    this.labels[end + 2] = valueFrom;
    this.labels[end + 3] = valueTo;
    this.labelsEnd = end + 4;
  }

  /**
   * Whether no label name stands twice and none is `__name__`.
   *
   * @param known - the end of those labels of which that is known
   */
  #unambiguous({ bytes, view }: Body, known: number): boolean {
    const { labels, labelsEnd } = this;
    if (labelsEnd > 4 * FEW_LABELS) return this.#unambiguousSet(bytes);
    for (let i = known; i < labelsEnd; i += 4) {
      const from = labels[i]!;
      const length = labels[i + 1]! - from;
      if (length === 8 && bytes[from] === 95 && isMetricName(bytes, from)) return false;
      for (let k = 0; k < i; k += 4) {
        const other = labels[k]!;
        if (labels[k + 1]! - other !== length || bytes[other] !== bytes[from]) continue;
        if (sameBytes(view, other, view, from, length)) return false;
      }
    }
    return true;
  }

  #unambiguousSet(bytes: Buffer): boolean {
    const { labels, labelsEnd } = this;
    const seen = new Set<string>();
    for (let i = 0; i < labelsEnd; i += 4) {
      seen.add(bytes.toString('latin1', labels[i]!, labels[i + 1]!));
    }
    return seen.size === labelsEnd / 4 && !seen.has('__name__');
  }
}

/** How many bytes are equal at `a` and `b`, at most `limit`. */
function commonPrefix(view: DataView, a: number, b: number, limit: number): number {
  let at = 0;
  while (at + 8 <= limit && view.getBigInt64(a + at, true) === view.getBigInt64(b + at, true)) {
    at += 8;
  }
  while (at < limit && view.getUint8(a + at) === view.getUint8(b + at)) at++;
  return at;
}

function isMetricName(bytes: Buffer, from: number): boolean {
  return bytes.toString('latin1', from, from + 8) === '__name__';
}

/**
 * @param at - the opening quote
 * @returns the offset behind the closing quote; -1 when the line ends first
 */
function skipString(bytes: Buffer, at: number, classes: Uint8Array): number {
  let p = at + 1;
  for (;;) {
    while ((classes[bytes[p]!]! & STRING_STOP) === 0) p++;
    const byte = bytes[p]!;
    if (byte === QUOTE) return p + 1;
    // Prometheus takes a NUL behind a backslash for the end of the page.
    if (byte !== BACKSLASH || bytes[p + 1] === LINE_FEED || bytes[p + 1] === 0) return -1;
    p += 2;
  }
}
