/**
 * The index of one page, and the buffers in which it grows.
 *
 * For each sample line it keeps where labels go; for each run of lines of one family, which bytes
 * they are. About 3 KB for a page of 50 KB.
 */
import type { Body } from '../exposition/body.ts';
import type { FamilyType, Grammar } from '../exposition/grammar.ts';
import { ALONE, BARE } from '../exposition/series.ts';

/** Integers per span: family, first byte, end byte, first line, end line. */
export const SPAN = 5;

const LINE_FEED = 10;

/** A page with more runs of lines than this is none that a client library wrote. */
const MAX_SPANS = 250_000;
/** Buffers above this many integers are given back after the page that needed them. */
const KEPT_INTEGERS = 1 << 17;

/** A HELP, TYPE or UNIT line. */
export interface Metadata {
  readonly says: 'help' | 'type' | 'unit';
  readonly family: number;
  readonly type: FamilyType;
  /** The text of HELP or UNIT lies at `from` to `to` of these bytes. */
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** One page, ready to be spliced. Lines are sample lines only. */
export interface PageIndex {
  readonly body: Body;
  readonly grammar: Grammar;
  /** Per line: the offset where labels are inserted, times four, plus how (series.ts). */
  readonly inserts: Int32Array;
  /** Per line: which of the labels are not inserted, since the line's own are honoured. */
  readonly honored: Uint8Array | undefined;
  /** SPAN integers for each run of lines of one family. */
  readonly spans: Int32Array;
  /** The bytes of all sample lines. */
  readonly sampleBytes: number;
  /** What labels take beyond their own bytes when they are inserted into all lines: braces, commas. */
  readonly aroundBytes: number;
  readonly metadata: readonly Metadata[];
  /** Lines that named one of promgate's own families: they are in no span. */
  readonly dropped: number;
  /** Lines that are not wanted: they are in no span either. */
  readonly filtered: number;
  /** Some line has a label of a name that is to be inserted, and it is not honoured. */
  readonly clashes: boolean;
  /** Some name stands in quotes. */
  readonly quoted: boolean;
  /** What was noted of this page, or the layout made of an earlier one, takes; 0 for most pages. */
  readonly layoutBytes: number;
}

/** The sample lines of a page: from their first byte to behind their line feed. */
export function* sampleLines({
  body,
  spans,
  inserts,
}: PageIndex): Iterable<{ readonly from: number; readonly to: number }> {
  for (let span = 0; span < spans.length; span += SPAN) {
    const lastLine = spans[span + 4]!;
    let from = spans[span + 1]!;
    for (let line = spans[span + 3]!; line < lastLine; line++) {
      const to = body.bytes.indexOf(LINE_FEED, inserts[line]! >> 2) + 1;
      yield { from, to };
      from = to;
    }
  }
}

/** What a line of metadata takes, about: it is an object. */
const METADATA_BYTES = 80;
/** What a run of lines takes in the plan. */
const RUN_BYTES = 8;

/** The memory of an index, without the page itself and its metadata. */
export function indexBytes({ inserts, honored, spans, layoutBytes }: PageIndex): number {
  const lines = inserts.byteLength + (honored?.byteLength ?? 0);
  return lines + spans.byteLength + (spans.length / SPAN) * RUN_BYTES + layoutBytes;
}

/** The memory of a page's list of metadata. */
export function metadataBytes({ metadata }: PageIndex): number {
  return metadata.length * METADATA_BYTES;
}

/** Lines and spans that follow those of a writer, and the run that goes on behind them. */
export interface WalkedLines {
  readonly inserts: Int32Array;
  readonly spans: Int32Array;
  readonly family: number;
  readonly from: number;
  readonly first: number;
}

/** Collects lines and spans; used for one page after the other. */
export class PageIndexWriter {
  #inserts = new Int32Array(1024);
  #honored: Uint8Array<ArrayBuffer> | undefined;
  #spans = new Int32Array(SPAN * 64);
  #spansEnd = 0;
  /** Sample lines so far. */
  lines = 0;
  /** The run that goes on: its family, or -1 for none, its first byte and its first line. */
  family = -1;
  from = 0;
  first = 0;

  /** Adds the sample line that begins at `lineFrom`. */
  line(family: number, lineFrom: number, insert: number, honored: number): void {
    if (family !== this.family) this.#runOf(family, lineFrom);
    if (this.lines === this.#inserts.length) this.#inserts = grown(this.#inserts, this.lines + 1);
    if (honored !== 0) this.honor(this.lines, honored);
    this.#inserts[this.lines++] = insert;
  }

  /** Adds what was walked elsewhere, from the line and the run on where this writer was. */
  append({ inserts, spans, family, from, first }: WalkedLines): void {
    const lines = this.lines + inserts.length;
    if (lines > this.#inserts.length) this.#inserts = grown(this.#inserts, lines);
    this.#inserts.set(inserts, this.lines);
    this.lines = lines;
    const spansEnd = this.#spansEnd + spans.length;
    if (spansEnd > this.#spans.length) this.#spans = grown(this.#spans, spansEnd);
    this.#spans.set(spans, this.#spansEnd);
    this.#spansEnd = spansEnd;
    this.family = family;
    this.from = from;
    this.first = first;
  }

  /** Begins the run of another family. */
  #runOf(family: number, lineFrom: number): void {
    this.breakAt(lineFrom);
    this.family = family;
    this.from = lineFrom;
    this.first = this.lines;
  }

  /** Some labels are not inserted into a line, since its own are honoured. */
  honor(line: number, honored: number): void {
    const known = this.#honored;
    const array = known && known.length > line ? known : resized(known, this.#inserts.length);
    array[line] = honored;
    this.#honored = array;
  }

  /** Ends the run of lines that ends at `offset`, if there is one. */
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

  /** It has more runs than may be, with the one that goes on. */
  get overfull(): boolean {
    return this.#spansEnd / SPAN + (this.family < 0 ? 0 : 1) > MAX_SPANS;
  }

  /** The lines and spans of the page; the writer is empty again. */
  take(): Pick<PageIndex, 'inserts' | 'honored' | 'spans' | 'sampleBytes' | 'aroundBytes'> {
    const inserts = this.#inserts.slice(0, this.lines);
    const spans = this.#spans.slice(0, this.#spansEnd);
    const honored = this.#honored && resized(this.#honored, this.lines);
    this.clear();
    return {
      ...{ inserts, honored, spans },
      sampleBytes: bytesOf(spans),
      aroundBytes: aroundBytes(inserts),
    };
  }

  /** Forgets a page that was given up. */
  clear(): void {
    this.lines = 0;
    this.#spansEnd = 0;
    this.family = -1;
    this.#honored = undefined;
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

/** Braces where there were none, less a comma; no comma where no label follows. */
function aroundBytes(inserts: Int32Array): number {
  let bytes = 0;
  for (let line = 0; line < inserts.length; line++) {
    const kind = inserts[line]! & 3;
    if (kind === BARE) bytes += 1;
    else if (kind === ALONE) bytes -= 1;
  }
  return bytes;
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(array.length * 2, length));
  larger.set(array);
  return larger;
}

/** A copy of another length; what is new is 0. */
function resized(array: Uint8Array | undefined, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  if (array) copy.set(array.subarray(0, length));
  return copy;
}
