/**
 * Plans the order in which pieces of many pages make up the merged page.
 *
 * Families are in the order first seen, the runs of a family in the order of the sources: the same
 * sources give the same bytes.
 */

import type { FormatName } from '../exposition/grammar.ts';
import { BARE, BEHIND } from '../exposition/series.ts';
import { Declarations } from './conflict.ts';
import type { FamilyTable } from './families.ts';
import { Heads } from './heads.ts';
import type { InsertedLabels } from './labels.ts';
import { type PageIndex, SPAN } from './page-index.ts';

/** Integers per family of a plan. */
export const FAMILY = 2;

const LINE_FEED = 10;
const QUOTE = 34;
/** Lines, runs or metadata lines per slice: up to a millisecond of work. */
const SLICE = 20_000;
/** The cost of splitting off a line of a family in conflict, in lines of `SLICE`. */
const SPLIT_COST = 8;
/** The cost of looking up one family by number and name, and of printing its head. */
const LOOKING_UP = 8;
const HEADING = 40;

/** A page, and the labels to insert into its samples. */
export interface SpliceSource {
  readonly page: PageIndex;
  readonly labels: InsertedLabels;
}

/** What a splice needs of a page: a plan may be kept for long, and must not hold more. */
export type PrintedPage = Pick<
  PageIndex,
  'body' | 'inserts' | 'honored' | 'edits' | 'sampleBytes' | 'aroundBytes'
>;

interface PrintedSource {
  readonly page: PrintedPage;
  readonly labels: InsertedLabels;
}

export interface SplicePlan {
  readonly sources: readonly PrintedSource[];
  /** The HELP, TYPE and UNIT lines of all families, one family after the other. */
  readonly heads: Buffer;
  /** FAMILY integers per family: where its lines in `heads` end, and where its runs in `runs` end. */
  readonly families: Int32Array;
  /** The spans of each source: the page's own, unless families are in conflict. */
  readonly spans: readonly Int32Array[];
  /** Two integers per run: the source, and the place of the span in the source's spans. */
  readonly runs: Int32Array;
  /** The number of families in conflict. */
  readonly conflicts: number;
  /** The end of the page: promgate's own families, and `# EOF` in OpenMetrics. */
  readonly foot: Buffer;
}

/**
 * Plans a merged page, in slices of a few thousand families or less, since one page may have 100,000.
 *
 * @param sources - all in one format, indexed with `families`, in the order of the merged page
 * @param tail - promgate's own families, printed after all others
 */
export function* planSplice(
  sources: readonly SpliceSource[],
  families: FamilyTable,
  { format, tail }: { readonly format: FormatName; readonly tail?: Buffer },
): Generator<void, SplicePlan, void> {
  const slice = new Slice();
  const declarations = new Declarations(families, format);
  for (const { metadata } of distinctMetadata(sources)) {
    for (const line of metadata) {
      declarations.declare(line);
      if (slice.done(LOOKING_UP)) yield;
    }
  }
  for (const _ of declarations.compare()) if (slice.done(LOOKING_UP)) yield;
  const spans: Int32Array[] = [];
  for (const { page } of sources) {
    if (declarations.conflicts === 0) spans.push(page.spans);
    else spans.push(yield* splitSpans(page, { families, declarations, slice }));
  }
  const counter = new RunCounter(families, declarations);
  for (const source of spans) yield* counter.count(source, slice);
  const { order, counts, printedAs, total } = counter;
  const starts = new Int32Array(families.size);
  const printed = new Int32Array(order.length * FAMILY);
  const heads = new Heads();
  let at = 0;
  for (const [place, family] of order.entries()) {
    starts[family] = at;
    at += counts[family]!;
    declarations.printHead(family, heads);
    printed[place * FAMILY] = heads.length;
    printed[place * FAMILY + 1] = at;
    if (slice.done(HEADING)) yield;
  }
  const runs = new Int32Array(total * 2);
  for (const [i, source] of spans.entries()) {
    for (let span = 0; span < source.length; span += SPAN) {
      const run = starts[printedAs[source[span]!]!]!++;
      runs[run * 2] = i;
      runs[run * 2 + 1] = span;
    }
    if (slice.done(source.length / SPAN)) yield;
  }
  const eof = Buffer.from(format === 'openmetrics' ? '# EOF\n' : '');
  const foot = tail ? Buffer.concat([tail, eof]) : eof;
  const { conflicts } = declarations;
  return {
    ...{ sources: sources.map(printedSource), spans, runs, conflicts, foot },
    ...{ heads: heads.bytes, families: printed },
  };
}

function printedSource({ page, labels }: SpliceSource): PrintedSource {
  const { body, inserts, honored, edits, sampleBytes, aroundBytes } = page;
  return { page: { body, inserts, honored, edits, sampleBytes, aroundBytes }, labels };
}

/** Tells when a slice of work is done. */
class Slice {
  #work = 0;

  /** Adds work, in lines. @returns whether the caller should pause */
  done(work: number): boolean {
    this.#work += work;
    if (this.#work < SLICE) return false;
    this.#work = 0;
    return true;
  }
}

/** One page for each list of metadata: pages with the same lines share a list. */
function* distinctMetadata(sources: readonly SpliceSource[]): Iterable<PageIndex> {
  const seen = new Set<unknown>();
  for (const { page } of sources) {
    if (seen.has(page.metadata)) continue;
    seen.add(page.metadata);
    yield page;
  }
}

/** Counts the runs of each printed family. */
class RunCounter {
  /** Printed families in the order first seen. */
  readonly order: number[] = [];
  /** Runs per printed family. */
  readonly counts: Int32Array;
  /** Family -> printed family; -1 for families without runs. */
  readonly printedAs: Int32Array;
  total = 0;
  readonly #declarations: Declarations;

  constructor({ size }: FamilyTable, declarations: Declarations) {
    this.counts = new Int32Array(size);
    this.printedAs = new Int32Array(size).fill(-1);
    this.#declarations = declarations;
  }

  *count(spans: Int32Array, slice: Slice): Generator<void, void, void> {
    const { printedAs, counts, order } = this;
    this.total += spans.length / SPAN;
    for (let span = 0; span < spans.length; span += SPAN) {
      const family = spans[span]!;
      let printed = printedAs[family]!;
      if (printed < 0) {
        printed = this.#declarations.printedAs(family);
        printedAs[family] = printed;
        if (slice.done(LOOKING_UP)) yield;
      }
      if (counts[printed] === 0) order.push(printed);
      counts[printed]! += 1;
    }
    if (slice.done(spans.length / SPAN)) yield;
  }
}

interface Splitting {
  readonly families: FamilyTable;
  readonly declarations: Declarations;
  readonly slice: Slice;
}

/** Splits the runs of families in conflict: each new run holds one sample name. */
function* splitSpans(page: PageIndex, splitting: Splitting): Generator<void, Int32Array, void> {
  const out: number[] = [];
  const { spans } = page;
  for (let span = 0; span < spans.length; span += SPAN) {
    if (splitting.declarations.isSplit(spans[span]!)) yield* splitSpan(page, span, splitting, out);
    else for (let i = 0; i < SPAN; i++) out.push(spans[span + i]!);
    if (splitting.slice.done(1)) yield;
  }
  return Int32Array.from(out);
}

function* splitSpan(
  { body, spans, inserts }: PageIndex,
  span: number,
  { families, slice }: Splitting,
  out: number[],
): Generator<void, void, void> {
  const { bytes } = body;
  let from = spans[span + 1]!;
  const lastLine = spans[span + 4]!;
  let runFamily = -1;
  for (let line = spans[span + 3]!; line < lastLine; line++) {
    const insert = inserts[line]!;
    const family = families.idOf(sampleName(bytes, from, insert));
    const next = bytes.indexOf(LINE_FEED, insert >> 2) + 1;
    if (family === runFamily) {
      out[out.length - 3] = next;
      out[out.length - 1] = line + 1;
    } else out.push(family, from, next, line, line + 1);
    runFamily = family;
    from = next;
    if (slice.done(SPLIT_COST)) yield;
  }
}

/** The metric name of the sample line at `from`. */
function sampleName(bytes: Buffer, from: number, insert: number): string {
  const at = insert >> 2;
  const kind = insert & 3;
  if (kind === BARE) return bytes.toString('latin1', from, at);
  if (kind === BEHIND) return bytes.toString('utf8', bytes.indexOf(QUOTE, from) + 1, at - 1);
  return bytes.toString('latin1', from, at - 1).trimEnd(); // `at` is after the brace
}
