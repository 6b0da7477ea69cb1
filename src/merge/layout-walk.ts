/**
 * Walks the lines of a page that are the layout's, in WebAssembly (`layout-walk.wat`).
 *
 * It compares sixteen bytes at once, which JavaScript cannot; `bench/` measures what that saves.
 * Page and layout are copied into its memory in windows: pages come and go, and that memory never
 * shrinks. It is 1.5 MB, whatever is walked.
 */
import { readFileSync } from 'node:fs';
import type { Body } from '../exposition/body.ts';
import type { Layout } from './layout.ts';
import type { PageIndexWriter } from './page-index.ts';

/** Its memory: what `walk` returns, the windows on the layout and the page, two lists. */
const LAYOUT_AT = 4_096;
const LAYOUT_BYTES = 1 << 20;
const PAGE_AT = LAYOUT_AT + LAYOUT_BYTES;
const PAGE_BYTES = 65_536;
/** Bytes behind the page that it may read: they decide nothing. */
const SLACK = 64;
const INSERTS_AT = PAGE_AT + PAGE_BYTES + SLACK;
/** The shortest sample line has four bytes: `a 1`. */
const MAX_LINES = PAGE_BYTES / 4;
const SPANS_AT = INSERTS_AT + MAX_LINES * Int32Array.BYTES_PER_ELEMENT;

interface Kernel {
  readonly memory: WebAssembly.Memory;
  readonly walk: (
    record: number,
    recordsEnd: number,
    at: number,
    end: number,
    base: number,
    insertAt: number,
    spanAt: number,
    lines: number,
    family: number,
    from: number,
    first: number,
  ) => void;
}

/** Where a page and its layout are, between two lines. */
interface Place {
  readonly layout: Layout;
  /** The layout's next line. */
  readonly line: number;
  readonly body: Body;
  /** The page's next byte. */
  readonly from: number;
}

class LayoutWalk {
  readonly #kernel: Kernel;
  readonly #bytes: Buffer;
  readonly #integers: Int32Array<ArrayBuffer>;
  /** Which of the page's bytes stand in its window. */
  #pageFrom = 0;
  #pageTo = 0;
  /** Which lines of which layout stand in the other. */
  #layoutKey = 0;
  #layoutFrom = 0;
  #layoutTo = 0;
  /** The offset in the page to which `walk` came. */
  at = 0;

  constructor() {
    const source = readFileSync(new URL('layout-walk.wasm', import.meta.url));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
    this.#kernel = exports as Kernel;
    const { buffer } = this.#kernel.memory;
    this.#bytes = Buffer.from(buffer);
    this.#integers = new Int32Array(buffer);
  }

  /** From now on another page is walked, or the same one after others had their turn. */
  begin(): void {
    this.#pageTo = this.#pageFrom;
  }

  /**
   * Adds sample lines to `writer` as long as they are the layout's.
   *
   * It stops earlier where a window ends, and at a value that it does not know.
   *
   * @returns how many lines were walked, others than samples too
   */
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
      SPANS_AT,
      writer.lines,
      writer.family,
      writer.from,
      writer.first,
    );
    const integers = this.#integers;
    const lines = integers[2]! - writer.lines;
    this.at = integers[0]!;
    if (integers[1] === 0) return 0;
    writer.append({
      inserts: integers.subarray(INSERTS_AT / 4, INSERTS_AT / 4 + lines),
      spans: integers.subarray(SPANS_AT / 4, integers[3]! / 4),
      family: integers[4]!,
      from: integers[5]!,
      first: integers[6]!,
    });
    return integers[1]!;
  }

  #showPage({ bytes, length }: Body, from: number): void {
    if (from >= this.#pageFrom && from < this.#pageTo) return;
    this.#pageFrom = from;
    this.#pageTo = Math.min(from + PAGE_BYTES, length);
    bytes.copy(this.#bytes, PAGE_AT, from, this.#pageTo);
  }

  #showLayout({ key, lines, records, recordsAt }: Layout, line: number): void {
    if (key === this.#layoutKey && line >= this.#layoutFrom && line < this.#layoutTo) return;
    const from = recordsAt[line]!;
    this.#layoutKey = key;
    this.#layoutFrom = line;
    this.#layoutTo = lastNotAbove(recordsAt, from + LAYOUT_BYTES, lines);
    records.copy(this.#bytes, LAYOUT_AT, from, recordsAt[this.#layoutTo]);
  }
}

let shared: LayoutWalk | undefined;

/** The one of the process: one page is walked at a time. */
export function layoutWalk(): LayoutWalk {
  shared ??= new LayoutWalk();
  return shared;
}

/** The last of the ascending numbers, up to the one at `last`, that is not above `bound`. */
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
