/**
 * The layout of a page: what its lines begin with.
 *
 * Instances of one app print nearly the same page. A line that begins with the bytes of the
 * layout's line needs only its value checked: what equals checked bytes is right.
 */
import type { Body } from '../exposition/body.ts';
import type { Metadata, PageIndex } from './page-index.ts';

export interface Layout {
  readonly body: Body;
  /** Lines, comments and blank ones too. */
  readonly lines: number;
  readonly starts: Int32Array;
  /** Bytes that must be equal: up to a sample's value; of other lines all, with the line feed. */
  readonly lengths: Int32Array;
  /** Offset of the insertion from the line's start, times four, plus how; -1: no sample. */
  readonly inserts: Int32Array;
  /** Which labels of a sample are honoured. */
  readonly honored: Uint8Array;
  /** Of a sample its family; of a comment its place in `metadata`; -1: neither. */
  readonly refs: Int32Array;
  /** Family -> the line behind its first HELP, TYPE or UNIT line. */
  readonly resume: ReadonlyMap<number, number>;
  readonly metadata: readonly Metadata[];
  /** What must be rewritten in each line; undefined when no line has any of it. */
  readonly flags: Uint8Array | undefined;
}

/** A line that is no sample. */
export const NO_SAMPLE = -1;

/** Flags of a line: it has a label that stands in the way; a name in quotes. */
export const CLASHES = 1;
export const QUOTED = 2;

interface LearntSample {
  readonly insert: number;
  readonly honored: number;
  readonly family: number;
  readonly flags: number;
}

interface LearntComment {
  /** Its place in the page's metadata, or -1. */
  readonly ordinal: number;
  readonly flags: number;
}

/** Five integers each: pages of about 10 MB. */
const MAX_LINES = 100_000;

/** Learns the layout of the page that is being indexed. */
export class LayoutWriter {
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #inserts: number[] = [];
  readonly #honored: number[] = [];
  readonly #refs: number[] = [];
  readonly #flags: number[] = [];
  #flagged = 0;
  readonly #resume = new Map<number, number>();

  /** The page has more lines than are worth their memory. */
  get full(): boolean {
    return this.#starts.length >= MAX_LINES;
  }

  /** @param to - where its value begins */
  sample(from: number, to: number, sample: LearntSample): void {
    this.#line(from, to - from, { ...sample, insert: sample.insert - from * 4 });
  }

  comment(from: number, length: number, { ordinal, flags }: LearntComment): void {
    this.#line(from, length, { insert: NO_SAMPLE, honored: 0, family: ordinal, flags });
  }

  /** The line last added is metadata of this family. */
  resumeAt(family: number): void {
    if (!this.#resume.has(family)) this.#resume.set(family, this.#starts.length);
  }

  finish({ body, metadata }: PageIndex): Layout {
    return {
      body,
      lines: this.#starts.length,
      starts: Int32Array.from(this.#starts),
      lengths: Int32Array.from(this.#lengths),
      inserts: Int32Array.from(this.#inserts),
      honored: Uint8Array.from(this.#honored),
      refs: Int32Array.from(this.#refs),
      resume: this.#resume,
      metadata,
      flags: this.#flagged === 0 ? undefined : Uint8Array.from(this.#flags),
    };
  }

  #line(from: number, length: number, { insert, honored, family, flags }: LearntSample): void {
    if (this.full) return;
    this.#starts.push(from);
    this.#lengths.push(length);
    this.#inserts.push(insert);
    this.#honored.push(honored);
    this.#refs.push(family);
    this.#flags.push(flags);
    this.#flagged |= flags;
  }
}
