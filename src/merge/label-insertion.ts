/**
 * Lets the kernel copy lines of a page and insert labels.
 */
import {
  INSERTED,
  INSERTS_AT,
  kernel,
  LABELS_AT,
  LABELS_BYTES,
  MAX_LINES,
  PAGE_AT,
  PAGE_BYTES,
  WRITTEN_AT,
  WRITTEN_BYTES,
} from './kernel.ts';
import type { PrintedPage } from './plan.ts';

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
  return lines >= MANY_LINES && honored === undefined && length > 0 && length <= LABELS_BYTES;
}

/** A copy in progress. */
export class LabelInsertion {
  readonly #kernel = kernel();
  /** The number of the next line. */
  line = 0;
  /** The offset of the page's next byte. */
  from = 0;
  /** The offset in the output. */
  at = 0;

  /**
   * Copies lines to `out`, from the line at `line` on, each up to and with the inserted labels.
   *
   * Stops early, perhaps at the first line, at a line that does not fit before `capacity` or into
   * the kernel's windows.
   */
  copy({ page, labels, lastLine, end }: LabelledLines, out: Buffer, capacity: number): void {
    const { bytes, integers, insert } = this.#kernel;
    const { body, inserts } = page;
    const room = Math.min(capacity - this.at, WRITTEN_BYTES); // also bounds the page's bytes
    const known = Math.min(end, this.from + Math.min(room, PAGE_BYTES));
    body.bytes.copy(bytes, PAGE_AT, this.from, known);
    labels.copy(bytes, LABELS_AT);
    const lines = Math.min(lastLine - this.line, MAX_LINES, Math.ceil(room / labels.length));
    const first = INSERTS_AT / Int32Array.BYTES_PER_ELEMENT;
    for (let at = 0; at < lines; at++) integers[first + at] = inserts[this.line + at]!;
    const base = PAGE_AT - this.from;
    insert(
      PAGE_AT,
      base + known,
      base,
      INSERTS_AT,
      INSERTS_AT + lines * Int32Array.BYTES_PER_ELEMENT,
      LABELS_AT,
      labels.length,
      WRITTEN_AT,
      WRITTEN_AT + room,
    );
    this.at += bytes.copy(out, this.at, WRITTEN_AT, integers[INSERTED.outEnd]);
    this.from = integers[INSERTED.from]!;
    this.line += integers[INSERTED.insertsEnd]! / Int32Array.BYTES_PER_ELEMENT - first;
  }
}
