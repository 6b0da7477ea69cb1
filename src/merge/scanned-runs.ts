/**
 * Takes the runs of lines that the kernel found: puts families in place of codes, and leaves out the
 * lines that are not kept.
 */
import type { CodedFamilies } from './coded-families.ts';
import { EDIT, SERIES, SPAN } from './page-index.ts';
import type { PageIndexWriter, ScannedLines } from './page-index-writer.ts';
import { DROPPED, FILTERED, type PageNotes } from './page-notes.ts';
import { UNWANTED } from './resolver.ts';

export class ScannedRuns {
  readonly #families: CodedFamilies;
  readonly #writer: PageIndexWriter;
  readonly #notes: PageNotes;

  constructor(families: CodedFamilies, writer: PageIndexWriter, notes: PageNotes) {
    this.#families = families;
    this.#writer = writer;
    this.#notes = notes;
  }

  /**
   * Adds the lines to the writer.
   *
   * @param scanned - with codes in place of families
   * @param pauses - asked after each family; true leaves the other runs out
   * @returns the offset behind the runs that were taken
   */
  take(scanned: ScannedLines, pauses: () => boolean): number {
    const { spans } = scanned;
    let keepsAll = true;
    for (let span = 0; span < spans.length; span += SPAN) {
      const family = this.#families.of(spans[span]!);
      spans[span] = family;
      if (family < 0) keepsAll = false;
      if (pauses()) return this.#add(firstRuns(scanned, span + SPAN, this.#writer.lines), keepsAll);
    }
    const family = scanned.family < 0 ? -1 : this.#families.of(scanned.family);
    if (family < 0 && scanned.family >= 0) keepsAll = false;
    return this.#add({ ...scanned, family }, keepsAll);
  }

  #add(scanned: ScannedLines, keepsAll: boolean): number {
    this.#writer.append(keepsAll ? scanned : this.#kept(scanned));
    return scanned.end;
  }

  /** The lines without those of families that are not kept. */
  #kept(scanned: ScannedLines): ScannedLines {
    const { inserts, edits, series, start, end } = scanned;
    const before = this.#writer.lines;
    const { spans, opens } = closed(scanned, before + inserts.length);
    const keptSpans: number[] = [];
    const keptInserts: number[] = [];
    const keptSeries: number[] = [];
    const keptEdits: number[] = [];
    let edit = 0;
    for (let span = 0; span < spans.length; span += SPAN) {
      const [family, from, to, first, last] = spans.subarray(span, span + SPAN);
      while (edit < edits.length && edits[edit]! < from!) edit += EDIT;
      if (family! < 0) {
        this.#notes.add(family === UNWANTED ? FILTERED : DROPPED, last! - first!);
        continue;
      }
      const line = before + keptInserts.length;
      for (let at = first! - before; at < last! - before; at++) {
        keptInserts.push(inserts[at]!);
        if (series.length > 0) keptSeries.push(series[at * SERIES]!, series[at * SERIES + 1]!);
      }
      for (; edit < edits.length && edits[edit]! < to!; edit += EDIT) {
        keptEdits.push(edits[edit]!, edits[edit + 1]!);
      }
      keptSpans.push(family!, from!, to!, line, before + keptInserts.length);
    }
    const run = opens && scanned.family >= 0 ? keptSpans.splice(-SPAN) : [-1, end, end, 0, 0];
    return {
      inserts: Int32Array.from(keptInserts),
      edits: Int32Array.from(keptEdits),
      series: Int32Array.from(keptSeries),
      spans: Int32Array.from(keptSpans),
      ...{ family: run[0]!, from: run[1]!, first: run[3]! },
      ...{ start, end },
    };
  }
}

/** The first spans, up to before place `spansEnd`. @param linesBefore - the number of the first line */
function firstRuns(scanned: ScannedLines, spansEnd: number, linesBefore: number): ScannedLines {
  const { spans, inserts, edits, series, start } = scanned;
  const end = spans[spansEnd - SPAN + 2]!;
  const lines = spans[spansEnd - SPAN + 4]! - linesBefore;
  let editsEnd = 0;
  while (editsEnd < edits.length && edits[editsEnd]! < end) editsEnd += EDIT;
  return {
    spans: spans.subarray(0, spansEnd),
    inserts: inserts.subarray(0, lines),
    edits: edits.subarray(0, editsEnd),
    series: series.subarray(0, lines * SERIES),
    ...{ family: -1, from: end, first: 0 },
    ...{ start, end },
  };
}

/** The spans, with the run that continues as the last one. */
function closed(
  { spans, family, from, first, end }: ScannedLines,
  lines: number,
): { readonly spans: Int32Array; readonly opens: boolean } {
  const opens = family !== -1;
  if (!opens) return { spans, opens };
  const all = new Int32Array(spans.length + SPAN);
  all.set(spans);
  all.set([family, from, end, first, lines], spans.length);
  return { spans: all, opens };
}
