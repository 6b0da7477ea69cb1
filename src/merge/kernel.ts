/**
 * The merge's kernel in WebAssembly (`kernel.wat`), which compares and copies sixteen bytes at once.
 *
 * `npm run bench -- --only kernel` measures the merge beside the same merge in plain JavaScript. Where
 * all pages have the same lines, the kernel saves about 1 ms of 100 pages of 50 KB, a fifth or more of
 * the merge; where each line is a family of its own, a tenth; where families are shuffled or every
 * line differs, nothing.
 *
 * What it works on is copied into its memory: pages come and go, and that memory never shrinks. It is
 * 1.5 MB, and holds nothing from one call to the next but what its callers say.
 */
import { readFileSync } from 'node:fs';
import { SPAN } from './page-index.ts';

/** What a call returns stands first, then labels, a window on a layout, and one on a page. */
export const LABELS_AT = 1_024;
export const LABELS_BYTES = 8_192;
export const LAYOUT_AT = 16_384;
export const LAYOUT_BYTES = 1 << 20;
export const PAGE_AT = LAYOUT_AT + LAYOUT_BYTES;
export const PAGE_BYTES = 65_536;
/** Bytes behind what a call works on that it may read or overwrite: they decide nothing. */
const SLACK = 64;
/** The places of labels in the lines of the window on the page. */
export const INSERTS_AT = PAGE_AT + PAGE_BYTES + SLACK;
/** The shortest sample line has four bytes: `a 1`. */
export const MAX_LINES = PAGE_BYTES / 4;
/** What a call writes: the spans of so many lines at most, or bytes with labels inserted. */
export const WRITTEN_AT = INSERTS_AT + MAX_LINES * Int32Array.BYTES_PER_ELEMENT;
export const WRITTEN_BYTES = MAX_LINES * SPAN * Int32Array.BYTES_PER_ELEMENT;

/** What `walk` returns, by places among the integers; `kernel.wat` has the parameters. */
export const WALKED = {
  at: 0,
  layoutLines: 1,
  lines: 2,
  spansEnd: 3,
  family: 4,
  from: 5,
  first: 6,
} as const;
/** What `insert` returns, likewise. */
export const INSERTED = { outEnd: 0, from: 1, insertsEnd: 2 } as const;

interface Exports {
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
  readonly insert: (
    from: number,
    end: number,
    base: number,
    inserts: number,
    insertsEnd: number,
    labels: number,
    labelsLength: number,
    out: number,
    outEnd: number,
  ) => void;
}

export interface Kernel extends Omit<Exports, 'memory'> {
  readonly bytes: Buffer;
  readonly integers: Int32Array<ArrayBuffer>;
}

let loaded: Kernel | undefined;

/** The one of the process: a call ends before another begins. */
export function kernel(): Kernel {
  loaded ??= load();
  return loaded;
}

function load(): Kernel {
  const source = readFileSync(new URL('kernel.wasm', import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
  const { memory, walk, insert } = exports as Exports;
  const { buffer } = memory;
  return { bytes: Buffer.from(buffer), integers: new Int32Array(buffer), walk, insert };
}
