/**
 * Reads the lines of a page that equal the layout's lines up to their values, in the order of the
 * layout. Notes for each line what the layout knows, and checks only the values.
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

/** A walk by the kernel over fewer lines costs more than comparing the lines here one by one. */
const LONG_WALK = 4;
/** Lines compared here after a short walk, before the kernel is tried again. */
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
  /** The number of the layout's line that should come next. */
  #expected = 0;
  /** The number of lines to compare here before the next walk by the kernel. */
  #untilWalk = 0;
  /** The number of the page's lines that equalled the layout's. */
  #hits = 0;
  /** The number of the page's other lines. */
  misses = 0;

  constructor({ strict, writer, metadata, notes, walk = layoutWalk }: LayoutLinesOptions) {
    this.#strict = strict;
    this.#writer = writer;
    this.#metadata = metadata;
    this.#notes = notes;
    this.#walk = walk;
  }

  /** Most lines of the page differ from the layout's. */
  get strange(): boolean {
    return this.misses > this.#hits;
  }

  /** Begins another page. Without a layout every line is a miss. */
  begin(layout: Layout | undefined): void {
    this.#layout = layout;
    this.#expected = 0;
    this.#untilWalk = 0;
    this.#hits = 0;
    this.misses = 0;
  }

  /** Call it before each slice: in between, the kernel may have worked on another page. */
  resume(): void {
    if (this.#layout !== undefined) this.#walk().begin();
  }

  /** Expects the layout's line after its first metadata of this family, if it has any. */
  resumeBehind(family: number): void {
    this.#expected = this.#layout?.resume.get(family) ?? this.#expected;
  }

  /**
   * Reads lines as long as they equal the layout's.
   *
   * @returns the offset of the first line that differs, or of the first line at or after `limit`
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
      throw new ExpositionError(
        'too-large',
        body.bytes,
        p,
        'the page has too many metric families',
      );
    }
    if (layout.flags !== undefined) this.#note(layout, firstLine, line, firstSample);
    this.#hits += line - firstLine;
    this.#expected = line;
    return p;
  }

  /** Returns the offset of the next line, or -1 if this line differs from the layout's. */
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

  /** Notes the flags of the layout's lines from `from` to before `to`. */
  #note(layout: Layout, from: number, to: number, firstSample: number): void {
    const { flags, honored, integers, recordsAt } = layout;
    let sample = firstSample;
    for (let line = from; line < to; line++) {
      this.#notes.add(flags![line]!); // the caller has checked that there are flags
      if ((flags![line]! & HONORED) !== 0) this.#writer.honor(sample, honored[line]!);
      if (integers[recordsAt[line]! / Int32Array.BYTES_PER_ELEMENT + FAMILY]! >= 0) sample += 1;
    }
  }
}

/** The offset of the end of the name in an OpenMetrics line, from the place of the labels. */
function nameLength(insert: number): number {
  return (insert & 3) === BARE ? insert >> 2 : (insert >> 2) - 1;
}
