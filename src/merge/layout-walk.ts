/**
 * Lets the kernel walk the lines of a page that equal the layout's lines. Copies parts of page and
 * layout, the windows, to the kernel's memory.
 */
import type { Body } from '../exposition/body.ts';
import {
  INSERTS_AT,
  kernel,
  LAYOUT_AT,
  LAYOUT_BYTES,
  PAGE_AT,
  PAGE_BYTES,
  WALKED,
  WRITTEN_AT,
} from './kernel.ts';
import type { Layout } from './layout.ts';
import type { PageIndexWriter } from './page-index.ts';

const INTEGER_BYTES = Int32Array.BYTES_PER_ELEMENT;
/** The window on a layout that does not fit as a whole; small, as a page may jump often in it. */
const STEP_BYTES = 16_384;

/** A place between two lines of a page and of its layout. */
export interface Place {
  readonly layout: Layout;
  /** The number of the layout's next line. */
  readonly line: number;
  readonly body: Body;
  /** The offset of the page's next byte. */
  readonly from: number;
}

/** Walks lines of a page that are the layout's. */
export interface LayoutWalk {
  /** The offset in the page to which `walk` came. */
  readonly at: number;
  /** From now on another page is walked, or the same one after others had their turn. */
  begin(): void;
  /**
   * Adds sample lines to `writer` as long as they are the layout's. It may stop earlier.
   *
   * @returns how many lines were walked, others than samples too
   */
  walk(place: Place, writer: PageIndexWriter): number;
}

class KernelWalk implements LayoutWalk {
  readonly #kernel = kernel();
  /** The range of the page's bytes in the window on the page. */
  #pageFrom = 0;
  #pageTo = 0;
  /** The layout in the other window, by its key, and the range of its lines there. */
  #layoutKey = 0;
  #layoutFrom = 0;
  #layoutTo = 0;
  /** The offset in the page at which the last `walk` ended. */
  at = 0;

  begin(): void {
    this.#pageTo = this.#pageFrom;
  }

  /** Stops early at the end of a window, and at values that the kernel cannot check. */
  walk(place: Place, writer: PageIndexWriter): number {
    const { layout, line, body, from } = place;
    this.#showLayout(layout, line);
    this.#showPage(body, from);
    const record = LAYOUT_AT - layout.recordsAt[this.#layoutFrom]!;
    const base = PAGE_AT - this.#pageFrom;
    this.#kernel.walk(
      record + layout.recordsAt[line]!,
      record + layout.recordsAt[this.#layoutTo]!,
      base + from,
      base + this.#pageTo,
      base,
      INSERTS_AT,
      WRITTEN_AT,
      writer.lines,
      writer.family,
      writer.from,
      writer.first,
    );
    const { integers } = this.#kernel;
    const walked = integers[WALKED.layoutLines]!;
    this.at = integers[WALKED.at]!;
    if (walked === 0) return 0;
    const inserts = INSERTS_AT / INTEGER_BYTES;
    const lines = integers[WALKED.lines]! - writer.lines;
    writer.append({
      inserts: integers.subarray(inserts, inserts + lines),
      spans: integers.subarray(
        WRITTEN_AT / INTEGER_BYTES,
        integers[WALKED.spansEnd]! / INTEGER_BYTES,
      ),
      family: integers[WALKED.family]!,
      from: integers[WALKED.from]!,
      first: integers[WALKED.first]!,
    });
    return walked;
  }

  #showPage({ bytes, length }: Body, from: number): void {
    if (from >= this.#pageFrom && from < this.#pageTo) return;
    this.#pageFrom = from;
    this.#pageTo = Math.min(from + PAGE_BYTES, length);
    bytes.copy(this.#kernel.bytes, PAGE_AT, from, this.#pageTo);
  }

  /** Moves the window on the layout to `line`; a layout that fits is copied as a whole. */
  #showLayout({ key, lines, records, recordsAt }: Layout, line: number): void {
    if (key === this.#layoutKey && line >= this.#layoutFrom && line < this.#layoutTo) return;
    const fits = records.length <= LAYOUT_BYTES;
    const first = fits ? 0 : line;
    const from = recordsAt[first]!;
    this.#layoutKey = key;
    this.#layoutFrom = first;
    this.#layoutTo = fits ? lines : lastNotAbove(recordsAt, from + STEP_BYTES, lines);
    records.copy(this.#kernel.bytes, LAYOUT_AT, from, recordsAt[this.#layoutTo]);
  }
}

let shared: KernelWalk | undefined;

/** The process's only walk: one page is walked at a time. */
export function layoutWalk(): LayoutWalk {
  shared ??= new KernelWalk();
  return shared;
}

/** The place of the last number that is not above `bound`; `numbers` ascend up to place `last`. */
function lastNotAbove(numbers: Int32Array, bound: number, last: number): number {
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (numbers[middle]! <= bound) low = middle;
    else high = middle - 1;
  }
  return low;
}
