/**
 * The index of one page, and the buffers in which an index grows.
 *
 * The index holds for each sample line the place of the labels, and for each run of lines of one
 * family the run's bytes. It takes about 3 KB for a page of 50 KB.
 */
import type { Body } from '../exposition/body.ts';
import type { FamilyType, Grammar } from '../exposition/grammar.ts';
import { ALONE, BARE } from '../exposition/series.ts';

/** Integers per span: family, first byte, end byte, first line, end line. */
export const SPAN = 5;

const LINE_FEED = 10;

/** Bound on the runs of a page; pages of client libraries have far fewer. */
const MAX_SPANS = 250_000;
/** A writer keeps buffers of at most this many integers for the next page. */
const KEPT_INTEGERS = 1 << 17;

/** A HELP, TYPE or UNIT line. */
export interface Metadata {
  readonly says: 'help' | 'type' | 'unit';
  readonly family: number;
  readonly type: FamilyType;
  /** The bytes that hold the text of HELP or UNIT, from `from` to before `to`. */
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** One page, ready to be spliced. A line is a sample line here. */
export interface PageIndex {
  readonly body: Body;
  readonly grammar: Grammar;
  /** Per line: the offset of the labels to insert, times four, plus the way (`series.ts`). */
  readonly inserts: Int32Array;
  /** Per line: bits of the labels not to insert, since the line's own are honoured. */
  readonly honored: Uint8Array | undefined;
  /** SPAN integers for each run of lines of one family. */
  readonly spans: Int32Array;
  /** The number of bytes of all lines. */
  readonly sampleBytes: number;
  /** The bytes that braces and commas add when labels are inserted into all lines. */
  readonly aroundBytes: number;
  readonly metadata: readonly Metadata[];
  /** The number of lines that name one of promgate's own families; no span holds them. */
  readonly dropped: number;
  /** The number of lines that the name filter dropped; no span holds them. */
  readonly filtered: number;
  /** Whether a line has a label that clashes with an inserted label and is not honoured. */
  readonly clashes: boolean;
  /** Whether a name is in quotes. */
  readonly quoted: boolean;
  /** Memory of the notes on this page's layout, or of an earlier page's layout; mostly 0. */
  readonly layoutBytes: number;
}

/** The sample lines of a page: `from` their first byte `to` after their line feed. */
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

/** The memory of a `Metadata` object, about, in bytes. */
const METADATA_BYTES = 80;
/** The memory of a run in the plan, in bytes. */
const RUN_BYTES = 8;

/** The memory of an index in bytes, without the page and its metadata. */
export function indexBytes({ inserts, honored, spans, layoutBytes }: PageIndex): number {
  const lines = inserts.byteLength + (honored?.byteLength ?? 0);
  return lines + spans.byteLength + (spans.length / SPAN) * RUN_BYTES + layoutBytes;
}

/** The memory of a page's list of metadata in bytes. */
export function metadataBytes({ metadata }: PageIndex): number {
  return metadata.length * METADATA_BYTES;
}

/** Lines and spans to append to a writer's, and the run that continues after them. */
export interface WalkedLines {
  readonly inserts: Int32Array;
  readonly spans: Int32Array;
  readonly family: number;
  readonly from: number;
  readonly first: number;
}

/** Collects the lines and spans of one page after the other. */
export class PageIndexWriter {
  #inserts = new Int32Array(1024);
  #honored: Uint8Array<ArrayBuffer> | undefined;
  #spans = new Int32Array(SPAN * 64);
  #spansEnd = 0;
  /** The number of lines so far. */
  lines = 0;
  /** The family of the run that continues; -1 without a run. */
  family = -1;
  /** The offset of the run's first byte. */
  from = 0;
  /** The number of the run's first line. */
  first = 0;

  /** Adds the sample line that begins at `lineFrom`. */
  line(family: number, lineFrom: number, insert: number, honored: number): void {
    if (family !== this.family) this.#beginRun(family, lineFrom);
    if (this.lines === this.#inserts.length) this.#inserts = grown(this.#inserts, this.lines + 1);
    if (honored !== 0) this.honor(this.lines, honored);
    this.#inserts[this.lines++] = insert;
  }

  /** Appends the lines and spans of a walk that began at this writer's state. */
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

  /** Returns the lines and spans of the page, and empties the writer. */
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

  /** Empties the writer. */
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
