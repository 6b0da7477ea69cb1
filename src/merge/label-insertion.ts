/**
 * Lets the kernel copy lines of a page and insert labels.
 */
import { INSERTED, kernel } from './kernel.ts';
import { EDIT } from './page-index.ts';
import type { PrintedPage } from './plan.ts';

const INTEGER_BYTES = Int32Array.BYTES_PER_ELEMENT;

/** Lines of one family, and the labels to insert. */
export interface LabelledLines {
  readonly page: PrintedPage;
  readonly labels: Buffer;
  /** The number after that of the last line. */
  readonly lastLine: number;
  /** The offset after the last line. */
  readonly end: number;
}

/** For fewer lines the copies to and from the kernel's memory cost more than they save. */
const MANY_LINES = 8;

/** Whether the kernel should copy this number of lines of a page with these labels. */
export function suitsKernel(lines: number, { honored }: PrintedPage, labels: Buffer): boolean {
  const { length } = labels;
  if (lines < MANY_LINES || honored !== undefined) return false;
  return length > 0 && length <= kernel().LABELS_BYTES;
}

/** A copy in progress. */
export class LabelInsertion {
  readonly #kernel = kernel();
  /** The number of the next line. */
  line = 0;
  /** The offset of the page's next byte. */
  from = 0;
  /** The place of the page's next edit. */
  edit = 0;
  /** The offset in the output. */
  at = 0;

  /**
   * Copies lines to `out`, from the line at `line` on, each up to and with the inserted labels.
   *
   * Stops early, perhaps at the first line, at a line that does not fit before `capacity` or into
   * the kernel's windows.
   */
  copy({ page, labels, lastLine, end }: LabelledLines, out: Buffer, capacity: number): void {
    const { bytes, integers, insert, PAGE_AT, LABELS_AT, INSERTS_AT, EDITS_AT } = this.#kernel;
    const { PAGE_BYTES, WRITTEN_AT, WRITTEN_BYTES, MAX_LINES } = this.#kernel;
    const { body, inserts } = page;
    const room = Math.min(capacity - this.at, WRITTEN_BYTES); // also bounds the page's bytes
    const known = Math.min(end, this.from + Math.min(room, PAGE_BYTES));
    body.bytes.copy(bytes, PAGE_AT, this.from, known);
    labels.copy(bytes, LABELS_AT);
    const lines = Math.min(lastLine - this.line, MAX_LINES, Math.ceil(room / labels.length));
    const first = INSERTS_AT / INTEGER_BYTES;
    for (let at = 0; at < lines; at++) integers[first + at] = inserts[this.line + at]!;
    const base = PAGE_AT - this.from;
    insert(
      PAGE_AT,
      base + known,
      base,
      INSERTS_AT,
      INSERTS_AT + lines * INTEGER_BYTES,
      EDITS_AT,
      EDITS_AT + this.#showEdits(page, known) * INTEGER_BYTES,
      LABELS_AT,
      labels.length,
      WRITTEN_AT,
      WRITTEN_AT + room,
    );
    this.at += bytes.copy(out, this.at, WRITTEN_AT, integers[INSERTED.outEnd]);
    this.from = integers[INSERTED.from]!;
    this.line += integers[INSERTED.insertsEnd]! / INTEGER_BYTES - first;
    this.edit += (integers[INSERTED.editsEnd]! - EDITS_AT) / INTEGER_BYTES;
  }

  /** Copies the page's edits before an offset to the kernel. @returns how many integers they are */
  #showEdits({ edits }: PrintedPage, before: number): number {
    if (edits === undefined) return 0;
    const { integers, EDITS_AT, EDITS_BYTES } = this.#kernel;
    const first = EDITS_AT / INTEGER_BYTES;
    const most = Math.min(edits.length, this.edit + EDITS_BYTES / INTEGER_BYTES);
    let at = this.edit;
    for (; at < most && edits[at]! < before; at += EDIT) {
      integers[first + at - this.edit] = edits[at]!;
      integers[first + at - this.edit + 1] = edits[at + 1]!;
    }
    return at - this.edit;
  }
}
