/** The buffers in which the index of a page grows. */
import { ALONE, BARE } from '../exposition/series.ts';
import { EDIT, type PageIndex, RENAME, SERIES, SPAN } from './page-index.ts';

const UNKNOWN_SERIES = new Int32Array(SERIES);

/** Bound on the runs of a page; pages of client libraries have far fewer. */
const MAX_SPANS = 250_000;
/** A writer keeps buffers of at most this many integers for the next page. */
const KEPT_INTEGERS = 1 << 17;

/** Lines, spans and edits to append to a writer's, and the run that continues after them. */
export interface ScannedLines {
  readonly inserts: Int32Array;
  /** Families below 0 are not kept. */
  readonly spans: Int32Array;
  readonly edits: Int32Array;
  /** Empty unless they were asked for. */
  readonly series: Int32Array;
  /** The family of the run that continues, or below 0. */
  readonly family: number;
  readonly from: number;
  readonly first: number;
  /** Where the lines begin and end. */
  readonly start: number;
  readonly end: number;
}

/** Collects the lines and spans of one page after the other. */
export class PageIndexWriter {
  #inserts = new Int32Array(1024);
  #honored: Uint8Array<ArrayBuffer> | undefined;
  #spans = new Int32Array(SPAN * 64);
  #spansEnd = 0;
  #edits: Int32Array<ArrayBuffer> | undefined;
  #editsEnd = 0;
  #series: Int32Array<ArrayBuffer> | undefined;
  /** The number of lines so far. */
  lines = 0;
  /** The family of the run that continues; -1 without a run. */
  family = -1;
  /** The offset of the run's first byte. */
  from = 0;
  /** The number of the run's first line. */
  first = 0;

  /** From now on the series of lines are noted, those of single lines as not known. */
  noteSeries(): void {
    this.#series = new Int32Array(SERIES * 1024);
  }

  /** Adds the sample line that begins at `lineFrom`. */
  line(family: number, lineFrom: number, insert: number, honored: number): void {
    if (family !== this.family) this.#beginRun(family, lineFrom);
    if (this.lines === this.#inserts.length) this.#inserts = grown(this.#inserts, this.lines + 1);
    if (honored !== 0) this.honor(this.lines, honored);
    if (this.#series !== undefined) {
      this.#series = appended(this.#series, this.lines * SERIES, UNKNOWN_SERIES);
    }
    this.#inserts[this.lines++] = insert;
  }

  /** Appends lines that were scanned; the first one is line `this.lines`. */
  append(scanned: ScannedLines): void {
    const { start, end, spans, inserts, edits, series } = scanned;
    if (start === end) return;
    let { family, from, first } = scanned;
    const begins = spans.length > 0 ? spans[1] : family < 0 ? end : from;
    const goesOn = (spans.length > 0 ? spans[0] : family) === this.family && begins === start;
    if (!goesOn) this.breakAt(start);
    else if (spans.length > 0) {
      spans[1] = this.from;
      spans[3] = this.first;
    } else {
      from = this.from;
      first = this.first;
    }
    this.#inserts = appended(this.#inserts, this.lines, inserts);
    if (this.#series !== undefined) {
      this.#series = appended(this.#series, this.lines * SERIES, series);
    }
    this.lines += inserts.length;
    this.#spans = appended(this.#spans, this.#spansEnd, spans);
    this.#spansEnd += spans.length;
    if (edits.length > 0) {
      this.#edits = appended(this.#edits ?? new Int32Array(EDIT * 256), this.#editsEnd, edits);
      this.#editsEnd += edits.length;
    }
    this.family = family;
    this.from = from;
    this.first = first;
  }

  #beginRun(family: number, lineFrom: number): void {
    this.breakAt(lineFrom);
    this.family = family;
    this.from = lineFrom;
    this.first = this.lines;
  }

  /** Sets the bits of the labels not to insert into a line, since its own are honoured. */
  honor(line: number, honored: number): void {
    const known = this.#honored;
    const array = known && known.length > line ? known : resized(known, this.#inserts.length);
    array[line] = honored;
    this.#honored = array;
  }

  /** Ends the run that continues, if there is one, before `offset`. */
  breakAt(offset: number): void {
    if (this.family < 0) return;
    const spansEnd = this.#spansEnd + SPAN;
    if (spansEnd > this.#spans.length) this.#spans = grown(this.#spans, spansEnd);
    const spans = this.#spans;
    let at = this.#spansEnd;
    spans[at++] = this.family;
    spans[at++] = this.from;
    spans[at++] = offset;
    spans[at++] = this.first;
    spans[at++] = this.lines;
    this.#spansEnd = spansEnd;
    this.family = -1;
  }

  /** The page has more runs than the bound, with the run that continues. */
  get overfull(): boolean {
    return this.#spansEnd / SPAN + (this.family < 0 ? 0 : 1) > MAX_SPANS;
  }

  /** Adds an edit behind those before it. */
  edit(offset: number, cutBytes: number): void {
    const pair = Int32Array.of(offset, cutBytes);
    this.#edits = appended(this.#edits ?? new Int32Array(EDIT * 256), this.#editsEnd, pair);
    this.#editsEnd += EDIT;
  }

  /** Returns the lines and spans of the page, and empties the writer. */
  take(): Pick<
    PageIndex,
    'inserts' | 'honored' | 'spans' | 'edits' | 'series' | 'sampleBytes' | 'aroundBytes'
  > {
    const inserts = this.#inserts.slice(0, this.lines);
    const spans = this.#spans.slice(0, this.#spansEnd);
    const honored = this.#honored && resized(this.#honored, this.lines);
    const edits = this.#edits?.slice(0, this.#editsEnd);
    const series = this.#series?.slice(0, this.lines * SERIES);
    this.clear();
    return {
      ...{ inserts, honored, spans, edits, series },
      sampleBytes: bytesOf(spans) + addedBytes(edits),
      aroundBytes: aroundBytes(inserts),
    };
  }

  /** Empties the writer. */
  clear(): void {
    this.lines = 0;
    this.#spansEnd = 0;
    this.family = -1;
    this.#honored = undefined;
    this.#edits = undefined;
    this.#editsEnd = 0;
    this.#series = undefined;
    if (this.#inserts.length > KEPT_INTEGERS) this.#inserts = new Int32Array(1024);
    if (this.#spans.length > KEPT_INTEGERS) this.#spans = new Int32Array(SPAN * 64);
  }
}

function bytesOf(spans: Int32Array): number {
  let bytes = 0;
  for (let span = 0; span < spans.length; span += SPAN)
    bytes += spans[span + 2]! - spans[span + 1]!;
  return bytes;
}

/** The bytes that edits add to lines. */
function addedBytes(edits: Int32Array | undefined): number {
  let bytes = 0;
  for (let at = 0; edits !== undefined && at < edits.length; at += EDIT) {
    bytes += edits[at + 1] === 0 ? RENAME.length : -edits[at + 1]!;
  }
  return bytes;
}

/** BARE adds two braces and drops the last comma; ALONE drops the last comma. */
function aroundBytes(inserts: Int32Array): number {
  let bytes = 0;
  for (let line = 0; line < inserts.length; line++) {
    const kind = inserts[line]! & 3;
    if (kind === BARE) bytes += 1;
    else if (kind === ALONE) bytes -= 1;
  }
  return bytes;
}

/** Puts `more` behind the first `length` integers; in a larger array if there is no room. */
function appended(
  array: Int32Array<ArrayBuffer>,
  length: number,
  more: Int32Array,
): Int32Array<ArrayBuffer> {
  const end = length + more.length;
  const roomy = end > array.length ? grown(array, end) : array;
  roomy.set(more, length);
  return roomy;
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(array.length * 2, length));
  larger.set(array);
  return larger;
}

/** A copy of another length; new bytes are 0. */
function resized(array: Uint8Array | undefined, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  if (array) copy.set(array.subarray(0, length));
  return copy;
}
