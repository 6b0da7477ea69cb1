/**
 * The front of a sample line: metric name and label set.
 *
 * The scanner reads bytes and keeps offsets. It makes strings only to compare label names with each
 * other or with names to be inserted. It notes where a merge can insert labels by copying bytes.
 */
import { type Body, commonPrefix, hasNul, sameBytes } from './body.ts';
import { MAX_NAME_BYTES, MAX_TEXT_BYTES } from './bounds.ts';
import { BLANK, DIGIT, type Grammar, LABEL_NAME, METRIC_NAME } from './grammar.ts';
import type { LabelNames } from './label-names.ts';
import { skipString } from './quoted.ts';

const QUOTE = 34;
const COMMA = 44;
const EQUALS = 61;
const OPEN = 123;
const CLOSE = 125;

/** The ways to insert labels at `SeriesScanner.insertAt`; two bits. */
export const BARE = 0; // `name`: insert `{…}`
export const BEFORE = 1; // `name{a="b"}`: insert `…,` after the brace
export const ALONE = 2; // `name{}`: insert `…` after the brace
export const BEHIND = 3; // `{"name"…}`: insert `,…` after the quoted name

/** In a line of more labels, a set finds names that occur twice; else each pair is compared. */
const FEW_LABELS = 24;
/** Bound on the labels of a line, which is scanned in one go. Client libraries write far fewer. */
const MAX_LABELS = FEW_LABELS << 8;

/**
 * Scans the fronts of sample lines, one after the other; the fields describe the last line.
 *
 * Lines of one family begin alike. The scanner compares a line with the line before eight bytes at
 * a time, and begins to scan after the last label that both lines share.
 */
export class SeriesScanner {
  /** The metric name, without quotes. */
  nameFrom = 0;
  nameTo = 0;
  insertAt = 0;
  /** How to insert labels at `insertAt`: BARE, BEFORE, ALONE or BEHIND. */
  insertKind = BARE;
  /** The line has a metric or label name in quotes (UTF-8 names, Prometheus 3). */
  quoted = false;
  /** The line before, in the same page, is known to have the same name. */
  sameName = false;
  /** The bits (`LabelNames.bitOf`) of the reserved names that the line has as labels. */
  clashes = 0;
  /** Offsets of label names (without quotes) and values (with quotes): four per label. */
  labels = new Int32Array(4 * FEW_LABELS);
  /** The number of integers in use in `labels`. */
  labelsEnd = 0;

  /** The scan failed because a name or value is beyond its bound. */
  tooLong = false;

  /** The line has as many labels as the bound allows; if the scan failed, it has more. */
  get full(): boolean {
    return this.labelsEnd === 4 * MAX_LABELS;
  }

  readonly #grammar: Grammar;
  readonly #reserved: LabelNames;
  /** The page of the line scanned last. */
  #page: Body | undefined;
  #lineFrom = 0;
  /** The end of that line's label set; 0 when the next line must be scanned in full. */
  #seriesTo = 0;
  /** The `labelsEnd` of that line. */
  #lastEnd = 0;

  constructor(grammar: Grammar, reserved: LabelNames) {
    this.#grammar = grammar;
    this.#reserved = reserved;
  }

  /**
   * Scans the front of the line that begins at `from`.
   *
   * @returns the offset after the label set, or after the name if there is no label set; -1 when
   *   the front is malformed or beyond a bound, or has a label twice or a label `__name__`
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
   * Takes over the name and the first labels, as far as the line at `from` shares them with the
   * last line.
   *
   * @returns the offset after the shared labels, or after the brace; 0 when the name differs
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

  /** Scans the rest of the label set. Often one label differs, and the labels after it do not. */
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

  /** Scans the front of a line that shares no name with the line before. */
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
   * Scans labels from after `{` to `}`. Returns the offset after `}`, or -1.
   *
   * @param named - true when a metric name precedes the brace, and for exemplars, which have none
   */
  scanLabels(bytes: Buffer, from: number, named: boolean): number {
    this.quoted = false;
    this.tooLong = false;
    this.labelsEnd = 0;
    this.insertAt = from;
    this.insertKind = ALONE;
    return this.#scanLabels(bytes, from, named);
  }

  /** @param from - the offset after the brace, or after a label that is noted already */
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

  /** Scans a label, or the metric's name in quotes. Returns the offset after it, or -1. */
  #scanLabel(bytes: Buffer, from: number, named: boolean): number {
    const { classes } = this.#grammar;
    let p = from;
    let nameFrom = p;
    let nameTo: number;
    const quoted = bytes[p] === QUOTE;
    if (quoted) {
      p = skipString(bytes, p, classes);
      if (p < 0 || hasNul(bytes, from, p)) return -1; // names hold no NUL
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

  /** Skips blanks and the comma between two labels. Returns the offset after them, or -1. */
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
   * Whether no label name occurs twice and no label is called `__name__`.
   *
   * @param known - labels before this place of `labels` were checked with the line before
   */
  #unambiguous({ bytes, view }: Body, known: number): boolean {
    const { labels, labelsEnd } = this;
    if (labelsEnd > 4 * FEW_LABELS) return this.#unambiguousSet(bytes);
    for (let i = known; i < labelsEnd; i += 4) {
      const from = labels[i]!;
      const length = labels[i + 1]! - from;
      if (length === 8 && bytes[from] === 95 && isNameLabel(bytes, from)) return false;
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

function isNameLabel(bytes: Buffer, from: number): boolean {
  return bytes.toString('latin1', from, from + 8) === '__name__';
}
