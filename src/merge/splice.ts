/**
 * Splicing: the merged page as a stream of chunks, copied from the pages' own bytes.
 *
 * Hot: runs once per byte of output. Short pieces are copied sixteen bytes at a time, over their end
 * into room that the next piece overwrites; `bench/` holds this beside a plain copy of the output.
 */
import type { Body } from '../exposition/body.ts';
import { BARE, BEFORE, BEHIND } from '../exposition/series.ts';
import { LabelInsertion, suitsKernel } from './label-insertion.ts';
import type { InsertedLabels } from './labels.ts';
import { EDIT, editFrom, RENAME } from './page-index.ts';
import { FAMILY, type PrintedPage, type SplicePlan } from './plan.ts';

/** Room behind a chunk's end for copying sixteen bytes at a time. */
const SLACK = 16;
/** What braces and a comma add to the labels of a line. */
const AROUND = 2;
const OPEN = 123;
const CLOSE = 125;
const COMMA = 44;
/** Pieces up to this length are copied here; longer ones by the runtime. */
const SHORT = 160;

/** Memory that is filled with a part of the merged page, again and again. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Bytes that a fill may use. */
  readonly capacity: number;
}

export function createChunk(capacity: number): Chunk {
  const bytes = Buffer.allocUnsafeSlow(capacity + SLACK);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), capacity };
}

/** Lines of one family, some of them with edits. */
interface EditedRun {
  readonly page: PrintedPage;
  readonly labels: InsertedLabels;
  /** The number after that of the last line. */
  readonly lastLine: number;
  /** The offset after the last line. */
  readonly end: number;
  readonly edits: Int32Array;
}

/** Prints a plan, as much at a time as fits into a chunk. */
export class Splicer {
  readonly #plan: SplicePlan;
  readonly #suitsKernel: typeof suitsKernel;
  /** What did not fit into the last chunk, in order. */
  #pending: Buffer[] = [];
  #family = -1;
  #run = 0;
  /** Within the run: the next line, or -1 before the first. */
  #line = -1;
  #from = 0;
  /** The place of the next edit of the run's page. */
  #edit = 0;
  readonly #insertion = new LabelInsertion();
  #ended = false;

  /** @param suits - which runs of lines the kernel copies; `bench/` measures what that saves */
  constructor(plan: SplicePlan, suits: typeof suitsKernel = suitsKernel) {
    this.#plan = plan;
    this.#suitsKernel = suits;
    this.#nextFamily();
  }

  /** Fills a chunk from its begin. Returns how many bytes were written; 0 at the end of the page. */
  fill(chunk: Chunk): number {
    let at = this.#drain(chunk, 0);
    const { families } = this.#plan;
    while (this.#pending.length === 0 && this.#family * FAMILY < families.length) {
      at = this.#copyRun(chunk, at);
      if (this.#line >= 0) continue; // the chunk is full
      if (++this.#run === families[this.#family * FAMILY + 1]) this.#nextFamily();
      at = this.#drain(chunk, at);
    }
    if (this.#pending.length > 0 || this.#ended) return at;
    this.#ended = true;
    this.#pending.push(this.#plan.foot);
    return this.#drain(chunk, at);
  }

  #nextFamily(): void {
    const { families, heads } = this.#plan;
    const at = ++this.#family * FAMILY;
    const from = at === 0 ? 0 : families[at - FAMILY];
    if (at < families.length) this.#pending.push(heads.subarray(from, families[at]));
  }

  /** Copies the current run on. Leaves `#line` at -1 when the run has ended. */
  #copyRun(chunk: Chunk, start: number): number {
    const { sources, spans, runs } = this.#plan;
    const source = runs[this.#run * 2]!;
    const span = runs[this.#run * 2 + 1]!;
    const { page, labels } = sources[source]!;
    const { body, inserts, honored, edits } = page;
    let inserted = labels.bytes;
    const spansOf = spans[source]!;
    const { bytes: out, capacity } = chunk;
    const lastLine = spansOf[span + 4]!;
    const end = spansOf[span + 2]!;
    let from = this.#line < 0 ? spansOf[span + 1]! : this.#from;
    let line = this.#line < 0 ? spansOf[span + 3]! : this.#line;
    let at = start;
    if (this.#line < 0) this.#edit = edits === undefined ? 0 : editFrom(edits, from);
    if (this.#suitsKernel(lastLine - line, page, inserted)) {
      const insertion = this.#insertion;
      insertion.line = line;
      insertion.from = from;
      insertion.at = at;
      insertion.edit = this.#edit;
      insertion.copy({ page, labels: inserted, lastLine, end }, out, capacity);
      line = insertion.line;
      from = insertion.from;
      at = insertion.at;
      this.#edit = insertion.edit;
    }
    if (edits !== undefined) {
      this.#line = line;
      this.#from = from;
      return this.#copyEdited(chunk, at, { page, labels, lastLine, end, edits });
    }
    for (; line < lastLine; line++) {
      const insert = inserts[line]!;
      const to = insert >> 2;
      if (honored !== undefined) inserted = labels.without(honored[line]!);
      const length = to - from;
      if (at + length + inserted.length + AROUND > capacity) {
        this.#pending.push(body.bytes.subarray(from, to), around(insert & 3, inserted));
        this.#line = line + 1;
        this.#from = to;
        return this.#drain(chunk, at);
      }
      at = copyPiece(chunk, at, body, from, to);
      from = to;
      const kind = insert & 3;
      if (kind === BEFORE) {
        out.set(inserted, at);
        at += inserted.length;
      } else if (inserted.length > 0) at = insertAround(out, at, inserted, kind);
    }
    this.#line = -1;
    if (at + end - from <= capacity) return copyPiece(chunk, at, body, from, end);
    this.#pending.push(body.bytes.subarray(from, end));
    return at;
  }

  /** Copies lines with edits piece by piece, from `#line` on; what has no room becomes pending. */
  #copyEdited(chunk: Chunk, start: number, run: EditedRun): number {
    const { page, labels, lastLine, end } = run;
    let at = start;
    while (this.#line < lastLine && this.#pending.length === 0) {
      const line = this.#line++;
      const insert = page.inserts[line]!;
      const inserted = labels.without(page.honored?.[line] ?? 0);
      this.#editUpTo(insert >> 2, run);
      this.#pending.push(around(insert & 3, inserted));
      at = this.#drain(chunk, at);
    }
    if (this.#line < lastLine) return at;
    this.#line = -1;
    this.#editUpTo(end, run);
    return this.#drain(chunk, at);
  }

  /** Makes the pieces before `to` pending. */
  #editUpTo(to: number, { page, edits }: EditedRun): void {
    const { bytes } = page.body;
    for (; this.#edit < edits.length && edits[this.#edit]! < to; this.#edit += EDIT) {
      const offset = edits[this.#edit]!;
      const cut = edits[this.#edit + 1]!;
      this.#pending.push(bytes.subarray(this.#from, offset));
      if (cut === 0) this.#pending.push(RENAME);
      this.#from = offset + cut;
    }
    this.#pending.push(bytes.subarray(this.#from, to));
    this.#from = to;
  }

  /** Copies what is pending, as far as there is room. */
  #drain(chunk: Chunk, start: number): number {
    let at = start;
    while (this.#pending.length > 0) {
      const piece = this.#pending[0]!;
      const fits = Math.min(piece.length, chunk.capacity - at);
      piece.copy(chunk.bytes, at, 0, fits);
      at += fits;
      if (fits < piece.length) {
        this.#pending[0] = piece.subarray(fits);
        break;
      }
      this.#pending.shift();
    }
    return at;
  }
}

/** Copies a piece of a page that fits into the chunk at `at`. Returns the offset behind the piece. */
function copyPiece(
  { bytes: out, view: outView }: Chunk,
  at: number,
  { bytes, view }: Body,
  from: number,
  to: number,
): number {
  const length = to - from;
  if (length > SHORT) bytes.copy(out, at, from, to);
  else {
    for (let i = 0; i < length; i += 16) {
      outView.setBigInt64(at + i, view.getBigInt64(from + i, true), true);
      outView.setBigInt64(at + i + 8, view.getBigInt64(from + i + 8, true), true);
    }
  }
  return at + length;
}

/** Inserts labels where no other label follows. Returns the offset behind them. */
function insertAround(out: Buffer, start: number, labels: Buffer, kind: number): number {
  let at = start;
  if (kind === BARE) out[at++] = OPEN;
  else if (kind === BEHIND) out[at++] = COMMA;
  out.set(labels, at);
  at += labels.length - 1; // without its last comma
  if (kind === BARE) out[at++] = CLOSE;
  return at;
}

/** The labels as they stand in a line of this way of insertion. */
function around(kind: number, labels: Buffer): Buffer {
  if (labels.length === 0 || kind === BEFORE) return labels;
  const out = Buffer.allocUnsafe(labels.length + AROUND);
  return out.subarray(0, insertAround(out, 0, labels, kind));
}

/**
 * The length of the merged page in bytes.
 *
 * @returns `undefined` where lines of one page get different labels
 */
export function lengthOf({ sources, heads, foot }: SplicePlan): number | undefined {
  let length = heads.length + foot.length;
  for (const { page, labels } of sources) {
    if (page.honored !== undefined) return undefined;
    length += page.sampleBytes;
    const inserted = labels.bytes.length;
    if (inserted > 0) length += page.inserts.length * inserted + page.aroundBytes;
  }
  return length;
}
