/**
 * The layout of a page: what its lines begin with.
 *
 * Instances of one app print nearly the same page. A line that begins with the bytes of the
 * layout's line needs only its value checked: what equals checked bytes is right.
 */
import type { Metadata, PageIndex } from './page-index.ts';

/** A record: HEAD bytes, then the line's bytes, filled up to a multiple of sixteen. */
export const HEAD = 16;
/** The integers of the head, by their places; the fourth is free. */
export const LENGTH = 0;
export const INSERT = 1;
export const FAMILY = 2;

export interface Layout {
  /** No other layout has it. */
  readonly key: number;
  /** Lines, comments and blank ones too. */
  readonly lines: number;
  /**
   * A record per line. The bytes are those that must be equal: up to a sample's value; of other
   * lines all, with the line feed. The head is how many they are; the offset of the insertion from
   * the line's start, times four, plus how, or NO_SAMPLE; the family of a sample that is kept, or -1.
   */
  readonly records: Buffer;
  /** The same memory. */
  readonly view: DataView;
  readonly integers: Int32Array;
  /** Where the record of each line begins, and where the last one ends. */
  readonly recordsAt: Int32Array;
  /** How many lines of metadata stand before each line, and in all. */
  readonly metadataBefore: Int32Array;
  /** Family -> the line behind its first HELP, TYPE or UNIT line. */
  readonly resume: ReadonlyMap<number, number>;
  readonly metadata: readonly Metadata[];
  /** What is out of the ordinary in each line; undefined when no line has any of it. */
  readonly flags: Uint8Array | undefined;
  /** Which labels of a line with the flag HONORED are honoured. */
  readonly honored: Uint8Array;
}

/** A line that is no sample. */
export const NO_SAMPLE = -1;

interface LearntSample {
  readonly insert: number;
  readonly honored: number;
  /** Below 0 when the sample is not kept. */
  readonly family: number;
  readonly flags: number;
}

interface LearntComment {
  /** It is a line of the page's metadata. */
  readonly isMetadata: boolean;
  readonly flags: number;
}

/** Pages of about 50 MB. */
const MAX_LINES = 500_000;
/** A page with a longer line is not learnt. */
const MAX_LINE_BYTES = 65_536;
/** Lines, and bytes of them, whose records are made at once. */
const SLICE_LINES = 8_192;
const SLICE_BYTES = 262_144;

/** Integers and flags per line, besides its record. */
const LINE_BYTES = 10;

/** The memory of a layout. */
export function layoutBytes({ records, lines }: Layout): number {
  return records.length + lines * LINE_BYTES;
}

let layouts = 0;

/** What is noted of a line: integers, by their places. */
const NOTED = 6;
const START = 3;
const FLAGS = 4;
const HONORS = 5;
/** Among the flags noted: the line is one of the page's metadata. */
const METADATA = 256;

/** Learns the layout of the page that is being indexed. */
export class LayoutWriter {
  /** NOTED integers per line: those of a record's head first. */
  #noted = new Int32Array(NOTED * 1024);
  #lines = 0;
  #flagged = 0;
  readonly #resume = new Map<number, number>();

  /** The page has more lines, or longer ones, than are worth their memory. */
  get full(): boolean {
    return this.#lines >= MAX_LINES;
  }

  /** The memory of what is noted. */
  get bytes(): number {
    return this.#noted.byteLength;
  }

  /** @param to - where its value begins */
  sample(from: number, to: number, { insert, honored, family, flags }: LearntSample): void {
    this.#line(from, to - from, insert - from * 4, Math.max(family, -1), flags, honored);
  }

  comment(from: number, length: number, { isMetadata, flags }: LearntComment): void {
    this.#line(from, length, NO_SAMPLE, -1, isMetadata ? flags | METADATA : flags, 0);
  }

  /** The line last added is metadata of this family. */
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
