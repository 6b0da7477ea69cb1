/**
 * The index of one page.
 *
 * The index holds for each sample line the place of the labels, and for each run of lines of one
 * family the run's bytes. It takes about 3 KB for a page of 50 KB.
 */
import type { Body } from '../exposition/body.ts';
import type { FamilyType, Grammar } from '../exposition/grammar.ts';

/** Integers per span: family, first byte, end byte, first line, end line. */
export const SPAN = 5;

/** Integers per edit: an offset, and how many bytes to cut there; 0 inserts RENAME. */
export const EDIT = 2;
/**
 * Integers per series of a line: a hash (`series-hash.ts`) and the offset of the line's value; both are 0
 * if they are not known.
 */
export const SERIES = 2;
/** What renames the label behind it. */
export const RENAME = Buffer.from('exported_');

const LINE_FEED = 10;
/** The place of the first edit that is not before `offset`. */
export function editFrom(edits: Int32Array, offset: number): number {
  let low = 0;
  let high = edits.length / EDIT;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (edits[middle * EDIT]! < offset) low = middle + 1;
    else high = middle;
  }
  return low * EDIT;
}

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
  /** EDIT integers for each edit of a line, ascending; undefined without edits. */
  readonly edits: Int32Array | undefined;
  /** SERIES integers per line; undefined unless they were asked for. */
  readonly series: Int32Array | undefined;
  /** The number of bytes of all lines, with their edits. */
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
  /** Whether a line that becomes one of text has a timestamp, which is still that of OpenMetrics. */
  readonly timestamped: boolean;
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
export function indexBytes({ inserts, honored, spans, edits, series }: PageIndex): number {
  const optional = [honored, edits, series].map((array) => array?.byteLength ?? 0);
  const lines = optional.reduce((sum, bytes) => sum + bytes, inserts.byteLength);
  return lines + spans.byteLength + (spans.length / SPAN) * RUN_BYTES;
}

/** The memory of a page's list of metadata in bytes. */
export function metadataBytes({ metadata }: PageIndex): number {
  return metadata.length * METADATA_BYTES;
}
