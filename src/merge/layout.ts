/**
 * The layout of a page: the bytes of its lines up to the values, and what the parser found there.
 *
 * Instances of one app print nearly the same page. When a line begins with the bytes of the
 * layout's line, which were parsed before, only the value needs a check.
 */
import type { Metadata, PageIndex } from './page-index.ts';

/** Bytes of a record's head. The line's bytes follow, padded to a multiple of sixteen. */
export const HEAD = 16;
// Places of the integers in a head; the fourth is unused.
/** The number of the line's bytes in the record. */
export const LENGTH = 0;
/** NO_SAMPLE, or the offset of the labels in the line, times four, plus the way (`series.ts`). */
export const INSERT = 1;
/** The family of a sample that is kept; -1 for other lines. */
export const FAMILY = 2;

export interface Layout {
  /** Identifies the layout in this process. */
  readonly key: number;
  /** The number of lines, comments and blank lines included. */
  readonly lines: number;
  /**
   * A record per line: the head, then the bytes that must be equal. Of a sample these are the bytes
   * up to its value, of another line all bytes with the line feed.
   */
  readonly records: Buffer;
  /** The memory of `records`. */
  readonly view: DataView;
  /** The memory of `records`. */
  readonly integers: Int32Array;
  /** The offset of each line's record, then the end of the last record. */
  readonly recordsAt: Int32Array;
  /** The number of metadata lines before each line, then their total. */
  readonly metadataBefore: Int32Array;
  /** Family -> the number of the line after its first HELP, TYPE or UNIT line. */
  readonly resume: ReadonlyMap<number, number>;
  readonly metadata: readonly Metadata[];
  /** The flags of each line (`page-notes.ts`); undefined if no line has a flag. */
  readonly flags: Uint8Array | undefined;
  /** The bits of the honoured labels of each line with the flag HONORED. */
  readonly honored: Uint8Array;
}

/** INSERT of a line that is not a sample. */
export const NO_SAMPLE = -1;

interface LearntSample {
  readonly insert: number;
  readonly honored: number;
  /** Below 0 if the sample is not kept. */
  readonly family: number;
  readonly flags: number;
}

interface LearntComment {
  /** The line is in the page's list of metadata. */
  readonly isMetadata: boolean;
  readonly flags: number;
}

/** Bound on the lines of a learnt page: about 50 MB. */
const MAX_LINES = 500_000;
/** Bound on the compared bytes of a line; a page with more teaches no layout. */
const MAX_LINE_BYTES = 65_536;
/** Lines, and bytes of records, per slice. */
const SLICE_LINES = 8_192;
const SLICE_BYTES = 262_144;

/** Memory per line besides its record: two integers and two bytes of flags. */
const LINE_BYTES = 10;

/** The memory of a layout in bytes. */
export function layoutBytes({ records, lines }: Layout): number {
  return records.length + lines * LINE_BYTES;
}

let layouts = 0;

/** Integers noted of a line: LENGTH, INSERT and FAMILY, then the places below. */
const NOTED = 6;
const START = 3;
const FLAGS = 4;
const HONORS = 5;
/** A further flag: the line is in the page's list of metadata. */
const METADATA = 256;

/** Learns the layout of the page that is being indexed. */
export class LayoutWriter {
  /** NOTED integers per line. */
  #noted = new Int32Array(NOTED * 1024);
  #lines = 0;
  #flagged = 0;
  readonly #resume = new Map<number, number>();

  /** The page exceeds a bound on learnt pages; it teaches no layout. */
  get full(): boolean {
    return this.#lines >= MAX_LINES;
  }

  /** The memory of the notes in bytes. */
  get bytes(): number {
    return this.#noted.byteLength;
  }

  /** Notes a sample line. @param to - the offset of its value */
  sample(from: number, to: number, { insert, honored, family, flags }: LearntSample): void {
    this.#line(from, to - from, insert - from * 4, Math.max(family, -1), flags, honored);
  }

  /** Notes a comment or blank line; `length` includes the line feed. */
  comment(from: number, length: number, { isMetadata, flags }: LearntComment): void {
    this.#line(from, length, NO_SAMPLE, -1, isMetadata ? flags | METADATA : flags, 0);
  }

  /** Notes that the line added last is metadata of this family. */
  resumeAt(family: number): void {
    if (!this.#resume.has(family)) this.#resume.set(family, this.#lines);
  }

  /**
   * Makes the layout, in slices.
   *
   * @param page - the page that was learnt
   */
  *finish({ body, metadata }: PageIndex): Generator<void, Layout, void> {
    const lines = this.#lines;
    const noted = this.#noted;
    const recordsAt = new Int32Array(lines + 1);
    const metadataBefore = new Int32Array(lines + 1);
    const flags = new Uint8Array(lines);
    const honored = new Uint8Array(lines);
    for (let line = 0; line < lines; line++) {
      const at = line * NOTED;
      recordsAt[line + 1] = recordsAt[line]! + HEAD + ((noted[at + LENGTH]! + 15) & ~15);
      const isMetadata = (noted[at + FLAGS]! & METADATA) !== 0;
      metadataBefore[line + 1] = metadataBefore[line]! + (isMetadata ? 1 : 0);
      flags[line] = noted[at + FLAGS]!;
      honored[line] = noted[at + HONORS]!;
    }
    const integers = new Int32Array(recordsAt[lines]! / Int32Array.BYTES_PER_ELEMENT);
    const records = Buffer.from(integers.buffer);
    let sliceEnd = SLICE_BYTES;
    for (let line = 0; line < lines; line++) {
      const at = line * NOTED;
      const recordAt = recordsAt[line]!;
      if (line % SLICE_LINES === SLICE_LINES - 1 || recordAt >= sliceEnd) {
        sliceEnd = recordAt + SLICE_BYTES;
        yield;
      }
      const head = recordAt / Int32Array.BYTES_PER_ELEMENT;
      integers[head + LENGTH] = noted[at + LENGTH]!;
      integers[head + INSERT] = noted[at + INSERT]!;
      integers[head + FAMILY] = noted[at + FAMILY]!;
      const from = noted[at + START]!;
      body.bytes.copy(records, recordAt + HEAD, from, from + noted[at + LENGTH]!);
    }
    return {
      key: ++layouts,
      lines,
      records,
      view: new DataView(integers.buffer),
      integers,
      recordsAt,
      metadataBefore,
      resume: this.#resume,
      metadata,
      flags: this.#flagged === 0 ? undefined : flags,
      honored,
    };
  }

  #line(
    from: number,
    length: number,
    insert: number,
    family: number,
    flags: number,
    honored: number,
  ): void {
    if (length > MAX_LINE_BYTES) this.#lines = MAX_LINES;
    if (this.full) return;
    const at = this.#lines * NOTED;
    if (at === this.#noted.length) this.#grow();
    const noted = this.#noted;
    noted[at + LENGTH] = length;
    noted[at + INSERT] = insert;
    noted[at + FAMILY] = family;
    noted[at + START] = from;
    noted[at + FLAGS] = flags;
    noted[at + HONORS] = honored;
    this.#flagged |= flags & ~METADATA;
    this.#lines += 1;
  }

  #grow(): void {
    const larger = new Int32Array(this.#noted.length * 2);
    larger.set(this.#noted);
    this.#noted = larger;
  }
}
