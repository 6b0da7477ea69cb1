/**
 * Copies lines of a page with labels inserted, by the kernel.
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
import type { PageIndex } from './page-index.ts';

/** Lines of one family. */
export interface LabelledLines {
  readonly page: PageIndex;
  readonly labels: Buffer;
  readonly lastLine: number;
  /** The byte behind the last line. */
  readonly end: number;
}

/** For fewer lines it is not worth while to show them to the kernel. */
const MANY_LINES = 8;

/** Whether so many lines of a page, with these labels, should be copied by the kernel. */
export function suitsKernel(lines: number, { honored }: PageIndex, labels: Buffer): boolean {
  const { length } = labels;
  return lines >= MANY_LINES && honored === undefined && length > 0 && length <= LABELS_BYTES;
}

/** Where the copying is: the next line, the page's next byte, and where it goes. */
export class LabelInsertion {
  readonly #kernel = kernel();
  line = 0;
  from = 0;
  at = 0;

  /**
   * Copies lines to `out`, each up to behind its labels, from where it is on.
   *
   * It stops earlier where a line has no room before `capacity`, or is longer than the kernel's
   * windows; it may stop at the first line.
   */
  copy({ page, labels, lastLine, end }: LabelledLines, out: Buffer, capacity: number): void {
    const { bytes, integers, insert } = this.#kernel;
    const { body, inserts } = page;
    const room = Math.min(capacity - this.at, WRITTEN_BYTES); // no more can be needed of the page
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
