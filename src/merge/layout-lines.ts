/**
 * Reads the lines of a page that are the layout's, in the order of the layout: they are compared, and
 * what is known of them is noted.
 */
import { type Body, sameBytes } from '../exposition/body.ts';
import { ExpositionError } from '../exposition/error.ts';
import { skipOpenMetricsBack, skipTextBack } from '../exposition/sample.ts';
import { BARE } from '../exposition/series.ts';
import { FAMILY, HEAD, INSERT, type Layout, LENGTH, NO_SAMPLE } from './layout.ts';
import { type LayoutWalk, layoutWalk } from './layout-walk.ts';
import type { PageIndexWriter } from './page-index.ts';
import type { PageMetadata } from './page-metadata.ts';
import { HONORED, type PageNotes } from './page-notes.ts';

/** A walk over fewer lines is dearer than comparing them one by one, which is then done for a while. */
const LONG_WALK = 4;
const LINES_BETWEEN = 16;

interface LayoutLinesOptions {
  /** Whether the pages are OpenMetrics. */
  readonly strict: boolean;
  readonly writer: PageIndexWriter;
  readonly metadata: PageMetadata;
  readonly notes: PageNotes;
  /** What walks a page beside its layout. Default: the kernel, which is loaded when it is needed. */
  readonly walk?: (() => LayoutWalk) | undefined;
}

export class LayoutLines {
  readonly #strict: boolean;
  readonly #writer: PageIndexWriter;
  readonly #metadata: PageMetadata;
  readonly #notes: PageNotes;
  readonly #walk: () => LayoutWalk;
  #layout: Layout | undefined;
  /** The layout's line that is expected next. */
  #expected = 0;
  /** Lines to be compared one by one before a walk is tried again: the last one did not get far. */
  #untilWalk = 0;
  /** Lines of the page that were the layout's, and lines that were not. */
  #hits = 0;
  misses = 0;

  constructor({ strict, writer, metadata, notes, walk = layoutWalk }: LayoutLinesOptions) {
    this.#strict = strict;
    this.#writer = writer;
    this.#metadata = metadata;
    this.#notes = notes;
    this.#walk = walk;
  }

  /** Most lines of the page are others. */
  get strange(): boolean {
    return this.misses > this.#hits;
  }

  /** Another page begins. Without a layout every line is a miss. */
  begin(layout: Layout | undefined): void {
    this.#layout = layout;
    this.#expected = 0;
    this.#untilWalk = 0;
    this.#hits = 0;
    this.misses = 0;
  }

  /** Others have had their turn. */
  resume(): void {
    if (this.#layout !== undefined) this.#walk().begin();
  }

  /** The page has named a family: it may go on where the layout did. */
  resumeBehind(family: number): void {
    this.#expected = this.#layout?.resume.get(family) ?? this.#expected;
  }

  /**
   * Reads on as long as the lines are the layout's.
   *
   * @returns the offset of the first other one, or one from `limit` on
   * @throws {ExpositionError} `too-large`
   */
  read(body: Body, from: number, limit: number): number {
    const layout = this.#layout;
    const p = layout === undefined ? from : this.#read(layout, body, from, limit);
    if (p < limit) this.misses += 1;
    return p;
  }

  #read(layout: Layout, body: Body, from: number, limit: number): number {
    const writer = this.#writer;
    const walk = this.#walk();
    const firstLine = this.#expected;
    const firstSample = writer.lines;
    let line = firstLine;
    let p = from;
    while (line < layout.lines && p < limit) {
      const next = this.#readLine(layout, line, body, p);
      if (next < 0) break;
      line += 1;
      p = next;
      if (line === layout.lines || p >= limit) break;
      if (this.#untilWalk > 0) {
        this.#untilWalk -= 1;
        continue;
      }
      const walked = walk.walk({ layout, line, body, from: p }, writer);
      if (walked < LONG_WALK) this.#untilWalk = LINES_BETWEEN;
      line += walked;
      p = walk.at;
      if (writer.overfull) break;
    }
    this.#metadata.share(layout.metadataBefore[firstLine]!, layout.metadataBefore[line]!);
    if (writer.overfull || this.#metadata.overfull) {
      throw new ExpositionError('too-large', body.bytes, p, 'too many metric families');
    }
    if (layout.flags !== undefined) this.#note(layout, firstLine, line, firstSample);
    this.#hits += line - firstLine;
    this.#expected = line;
    return p;
  }

  /** Returns the offset of the next line, or -1: this one is not the layout's. */
  #readLine(layout: Layout, line: number, { bytes, view, length }: Body, p: number): number {
    const writer = this.#writer;
    const recordAt = layout.recordsAt[line]!;
    const head = recordAt / Int32Array.BYTES_PER_ELEMENT;
    const same = layout.integers[head + LENGTH]!;
    const at = p + same;
    if (at > length || !sameBytes(view, p, layout.view, recordAt + HEAD, same)) return -1;
    const insert = layout.integers[head + INSERT]!;
    if (insert === NO_SAMPLE) {
      writer.breakAt(p);
      return at;
    }
    const next = this.#strict
      ? skipOpenMetricsBack(bytes, at, p + nameLength(insert))
      : skipTextBack(bytes, at);
    if (next < 0) return -1;
    const family = layout.integers[head + FAMILY]!;
    if (family < 0) writer.breakAt(p);
    else writer.line(family, p, insert + p * 4, 0);
    return next;
  }

  /** Notes what is out of the ordinary in the layout's lines from `from` to before `to`. */
  #note(layout: Layout, from: number, to: number, firstSample: number): void {
    const { flags, honored, integers, recordsAt } = layout;
    let sample = firstSample;
    for (let line = from; line < to; line++) {
      this.#notes.add(flags![line]!); // there are some in the layout
      if ((flags![line]! & HONORED) !== 0) this.#writer.honor(sample, honored[line]!);
      if (integers[recordsAt[line]! / Int32Array.BYTES_PER_ELEMENT + FAMILY]! >= 0) sample += 1;
    }
  }
}

/** From the begin of an OpenMetrics line to the end of its name, told by where labels go. */
function nameLength(insert: number): number {
  return (insert & 3) === BARE ? insert >> 2 : (insert >> 2) - 1;
}
