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

/** Flags of a line: it has a label that stands in the way; a name in quotes; honoured labels. */
export const CLASHES = 1;
export const QUOTED = 2;
export const HONORED = 4;
/** It names one of promgate's own families; it is not wanted. */
export const DROPPED = 8;
export const FILTERED = 16;

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

/** Pages of about 10 MB. */
const MAX_LINES = 100_000;

/** Integers and flags per line, besides its record. */
const LINE_BYTES = 10;

/** The memory of a layout. */
export function layoutBytes({ records, lines }: Layout): number {
  return records.length + lines * LINE_BYTES;
}

let layouts = 0;

/** Learns the layout of the page that is being indexed. */
export class LayoutWriter {
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #inserts: number[] = [];
  readonly #families: number[] = [];
  readonly #honored: number[] = [];
  readonly #flags: number[] = [];
  readonly #metadataBefore: number[] = [0];
  #flagged = 0;
  readonly #resume = new Map<number, number>();

  /** The page has more lines than are worth their memory. */
  get full(): boolean {
    return this.#starts.length >= MAX_LINES;
  }

  /** @param to - where its value begins */
  sample(from: number, to: number, sample: LearntSample): void {
    if (this.full) return;
    this.#inserts.push(sample.insert - from * 4);
    this.#families.push(Math.max(sample.family, -1));
    this.#line(from, to - from, { ...sample, metadata: 0 });
  }

  comment(from: number, length: number, { isMetadata, flags }: LearntComment): void {
    if (this.full) return;
    this.#inserts.push(NO_SAMPLE);
    this.#families.push(-1);
    this.#line(from, length, { honored: 0, flags, metadata: isMetadata ? 1 : 0 });
  }

  /** The line last added is metadata of this family. */
  resumeAt(family: number): void {
    if (!this.#resume.has(family)) this.#resume.set(family, this.#starts.length);
  }

  /** @param page - the page that was learnt */
  finish({ body, metadata }: PageIndex): Layout {
    const lines = this.#starts.length;
    const recordsAt = new Int32Array(lines + 1);
    for (const [line, length] of this.#lengths.entries()) {
      recordsAt[line + 1] = recordsAt[line]! + HEAD + ((length + 15) & ~15);
    }
    const integers = new Int32Array(recordsAt[lines]! / 4);
    const records = Buffer.from(integers.buffer);
    for (const [line, from] of this.#starts.entries()) {
      const at = recordsAt[line]!;
      const length = this.#lengths[line]!;
      integers[at / 4 + LENGTH] = length;
      integers[at / 4 + INSERT] = this.#inserts[line]!;
      integers[at / 4 + FAMILY] = this.#families[line]!;
      body.bytes.copy(records, at + HEAD, from, from + length);
    }
    return {
      key: ++layouts,
      lines,
      records,
      view: new DataView(integers.buffer),
      integers,
      recordsAt,
      metadataBefore: Int32Array.from(this.#metadataBefore),
      resume: this.#resume,
      metadata,
      flags: this.#flagged === 0 ? undefined : Uint8Array.from(this.#flags),
      honored: Uint8Array.from(this.#honored),
    };
  }

  #line(
    from: number,
    length: number,
    { honored, flags, metadata }: { honored: number; flags: number; metadata: number },
  ): void {
    this.#starts.push(from);
    this.#lengths.push(length);
    this.#honored.push(honored);
    this.#flags.push(flags);
    this.#metadataBefore.push(this.#metadataBefore.at(-1)! + metadata);
    this.#flagged |= flags;
  }
}
