/**
 * The front of a sample line: metric name and label set.
 *
 * The scanner reads bytes and keeps offsets; no string is made but for label names that may be
 * doubled. It knows where further labels can be inserted, so that a merge copies bytes only.
 */
import { BLANK, DIGIT, type Grammar, LABEL_NAME, METRIC_NAME, STRING_STOP } from './grammar.ts';

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
 * Label names that a line should not have, since others of the same name are inserted.
 *
 * At most 31. A bitmap over length and first letter answers "no" without making a string.
 */
export class LabelNames {
  readonly #bits: ReadonlyMap<string, number>;
  readonly #bitmap = new Int32Array(64);

  constructor(names: readonly string[]) {
    this.#bits = new Map(names.map((name, at) => [name, 1 << at]));
    for (const name of names) this.#bitmap[name.length & 63]! |= 1 << (name.charCodeAt(0) & 31);
  }

  /** The bit of the name at `from` to `to`, by its place in the list; 0 for any other name. */
  bitOf(bytes: Buffer, from: number, to: number): number {
    const bits = this.#bitmap[(to - from) & 63]!;
    if (((bits >>> (bytes[from]! & 31)) & 1) === 0) return 0;
    return this.#bits.get(bytes.toString('latin1', from, to)) ?? 0;
  }
}

/** Scans the fronts of sample lines, one after the other; the fields tell of the last one. */
export class SeriesScanner {
  /** The metric name, without quotes. */
  nameFrom = 0;
  nameTo = 0;
  insertAt = 0;
  /** BARE, BEFORE, ALONE or BEHIND. */
  insertKind = BARE;
  /** A name in quotes was seen (UTF-8 names, Prometheus 3). */
  quoted = false;
  /** Which of the reserved names were seen as labels: their bits. */
  clashes = 0;
  /** Offsets of label names (without quotes) and values (with quotes): four per label. */
  labels = new Int32Array(4 * FEW_LABELS);
  /** How much of `labels` is used. */
  labelsEnd = 0;

  /** The line has as many labels as can be noted: more were the reason to refuse it. */
  get full(): boolean {
    return this.labelsEnd === 4 * MAX_LABELS;
  }

  readonly #grammar: Grammar;
  readonly #reserved: LabelNames;

  constructor(grammar: Grammar, reserved: LabelNames) {
    this.#grammar = grammar;
    this.#reserved = reserved;
  }

  /**
   * Scans the front of the line that begins at `from`.
   *
   * @returns the offset behind the label set, or behind the name where there is none; -1 when the
   *   front is malformed, has too many labels, one twice or one called `__name__`
   */
  scan(bytes: Buffer, from: number): number {
    const { classes } = this.#grammar;
    this.quoted = false;
    this.clashes = 0;
    this.labelsEnd = 0;
    let p = from;
    if ((classes[bytes[p]!]! & DIGIT) !== 0) return -1;
    while ((classes[bytes[p]!]! & METRIC_NAME) !== 0) p++;
    this.nameFrom = from;
    this.nameTo = p;
    this.insertAt = p;
    this.insertKind = BARE;
    const named = p > from;
    while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
    if (bytes[p] !== OPEN) return named ? this.nameTo : -1;
    const end = this.scanLabels(bytes, p + 1, named);
    return end > 0 && this.#unambiguous(bytes) ? end : -1;
  }

  /**
   * Scans what follows `{`, up to and with `}`.
   *
   * @param named - a metric name stands before the brace, or none is wanted (exemplars)
   */
  scanLabels(bytes: Buffer, from: number, named: boolean): number {
    const { classes, strict } = this.#grammar;
    this.quoted = false;
    this.labelsEnd = 0;
    this.insertAt = from;
    this.insertKind = ALONE;
    let p = from;
    for (;;) {
      while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
      if (bytes[p] === CLOSE) return named || this.insertKind === BEHIND ? p + 1 : -1;
      let nameFrom = p;
      let nameTo: number;
      const quoted = bytes[p] === QUOTE;
      if (quoted) {
        p = skipString(bytes, p, classes);
        if (p < 0) return -1;
        this.quoted = true;
        nameFrom += 1;
        nameTo = p - 1;
      } else {
        if ((classes[bytes[p]!]! & DIGIT) !== 0) return -1;
        while ((classes[bytes[p]!]! & LABEL_NAME) !== 0) p++;
        nameTo = p;
      }
      if (nameTo === nameFrom) return -1;
      const nameEnd = p;
      while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
      if (quoted && !named && this.insertKind !== BEHIND && bytes[p] !== EQUALS) {
        // A quoted string without a value is the metric's name.
        this.nameFrom = nameFrom;
        this.nameTo = nameTo;
        this.insertAt = nameEnd;
        this.insertKind = BEHIND;
      } else {
        if (bytes[p] !== EQUALS) return -1;
        p++;
        while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
        if (bytes[p] !== QUOTE) return -1;
        const valueFrom = p;
        p = skipString(bytes, p, classes);
        if (p < 0) return -1;
        this.clashes |= this.#reserved.bitOf(bytes, nameFrom, nameTo);
        if (this.labelsEnd === this.labels.length && !this.#makeRoom()) return -1;
        this.#addLabel(nameFrom, nameTo, valueFrom, p);
        if (this.insertKind === ALONE) this.insertKind = BEFORE;
        while ((classes[bytes[p]!]! & BLANK) !== 0) p++;
      }
      if (bytes[p] === COMMA) {
        p++;
        if (strict && bytes[p] === CLOSE) return -1;
      } else if (strict && bytes[p] !== CLOSE) return -1;
    }
  }

  #makeRoom(): boolean {
    if (this.full) return false;
    const larger = new Int32Array(this.labelsEnd * 2);
    larger.set(this.labels);
    this.labels = larger;
    return true;
  }

  #addLabel(nameFrom: number, nameTo: number, valueFrom: number, valueTo: number): void {
    const end = this.labelsEnd;
    this.labels[end] = nameFrom;
    this.labels[end + 1] = nameTo;
    this.labels[end + 2] = valueFrom;
    this.labels[end + 3] = valueTo;
    this.labelsEnd = end + 4;
  }

  /** Whether no label name stands twice and none is `__name__`. */
  #unambiguous(bytes: Buffer): boolean {
    const { labels, labelsEnd } = this;
    if (labelsEnd > 4 * FEW_LABELS) return this.#unambiguousSet(bytes);
    for (let i = 0; i < labelsEnd; i += 4) {
      const from = labels[i]!;
      const length = labels[i + 1]! - from;
      if (length === 8 && bytes[from] === 95 && isMetricName(bytes, from)) return false;
      for (let k = 0; k < i; k += 4) {
        const other = labels[k]!;
        if (labels[k + 1]! - other !== length || bytes[other] !== bytes[from]) continue;
        if (sameBytes(bytes, other, from, length)) return false;
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

function isMetricName(bytes: Buffer, from: number): boolean {
  return bytes.toString('latin1', from, from + 8) === '__name__';
}

function sameBytes(bytes: Buffer, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
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
    if (byte !== BACKSLASH || bytes[p + 1] === 10) return -1;
    p += 2;
  }
}
