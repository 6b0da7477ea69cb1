/**
 * The merge's kernel in WebAssembly, which looks at sixteen bytes at once: it scans the lines of
 * pages (`line-scan.ts`) and copies them with labels inserted (`label-insertion.ts`). Its source is the
 * AssemblyScript in `assembly/`; `npm run build:kernel` compiles it, and a test holds that
 * kernel.wasm is what stands there.
 *
 * `npm run bench -- --only kernel` measures the merge beside the same merge in plain JavaScript.
 *
 * What it works on is copied into its memory, 4 MB that never shrink. From one call to the next these
 * hold nothing but the names and comments of `vocabulary.ts`, and what a page has declared.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What `scan` and `insert` return: places among the integers. */
export const SCANNED = {
  at: 0,
  lines: 1,
  spansEnd: 2,
  code: 3,
  from: 4,
  first: 5,
  commentsEnd: 6,
  editsEnd: 7,
  why: 8,
} as const;
export const INSERTED = { outEnd: 0, from: 1, insertsEnd: 2, editsEnd: 3 } as const;

/** What a scan is told, as `assembly/scan.ts` explains. */
export const TOLD = { strict: 1, renames: 2, byName: 4, asText: 8, series: 16 } as const;

/** Why a scan ended: `SCANNED.why`. */
export const UNKNOWN_NAME = 1;
export const UNKNOWN_COMMENT = 2;

/** The functions; `assembly/` has their parameters. */
interface Functions {
  readonly scan: (
    start: number,
    end: number,
    base: number,
    told: number,
    page: number,
    linesBefore: number,
  ) => void;
  readonly insert: (
    start: number,
    end: number,
    base: number,
    inserts: number,
    insertsEnd: number,
    edits: number,
    editsEnd: number,
    labels: number,
    labelsLength: number,
    out: number,
    outEnd: number,
  ) => void;
  readonly addName: (place: number) => boolean;
  readonly addComment: (place: number, format: number) => boolean;
  readonly forget: () => void;
  readonly nameHash: (at: number, length: number) => number;
  readonly labelHash: (
    name: number,
    nameLength: number,
    value: number,
    valueLength: number,
  ) => number;
  readonly memory: WebAssembly.Memory;
  readonly setSeed: (high: number, low: number) => void;
  readonly seedSeries: (high: number, low: number) => void;
}

export type Kernel = ReturnType<typeof load>;

let loaded: Kernel | undefined;

/** The one of the process: a call ends before another begins. */
export function kernel(): Kernel {
  loaded ??= load();
  return loaded;
}

function load() {
  const source = readFileSync(new URL('kernel.wasm', import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
  // The module is ours: a test holds that it is what its source says.
  const { memory, setSeed, seedSeries, ...functions } = exports as unknown as Functions;
  const { scan, insert, addName, addComment, forget, nameHash, labelHash } = functions;
  const seed = randomBytes(16);
  setSeed(seed.readInt32LE(0), seed.readInt32LE(4));
  seedSeries(seed.readInt32LE(8), seed.readInt32LE(12));
  const { buffer } = memory;
  /** A constant of `assembly/memory.ts`. */
  const constant = (name: string): number =>
    (exports as Record<string, { readonly value: number }>)[name]!.value;
  // One literal: the runtime makes a slow object of names that are put together.
  return {
    bytes: Buffer.from(buffer),
    integers: new Int32Array(buffer),
    scan,
    insert,
    addName,
    addComment,
    forget,
    nameHash,
    labelHash,
    LABELS_AT: constant('LABELS_AT'),
    LABELS_BYTES: constant('LABELS_BYTES'),
    RESERVED_AT: constant('RESERVED_AT'),
    MAX_RESERVED: constant('MAX_RESERVED'),
    RESERVED_TEXT_AT: constant('RESERVED_TEXT_AT'),
    RESERVED_TEXT_BYTES: constant('RESERVED_TEXT_BYTES'),
    NAMES_AT: constant('NAMES_AT'),
    MAX_NAMES: constant('MAX_NAMES'),
    NAME_BYTES: constant('NAME_BYTES'),
    COMMENTS_AT: constant('COMMENTS_AT'),
    MAX_COMMENTS: constant('MAX_COMMENTS'),
    COMMENT_BYTES: constant('COMMENT_BYTES'),
    TEXT_AT: constant('TEXT_AT'),
    TEXT_BYTES: constant('TEXT_BYTES'),
    PAGE_AT: constant('PAGE_AT'),
    PAGE_BYTES: constant('PAGE_BYTES'),
    MAX_LINES: constant('MAX_LINES'),
    INSERTS_AT: constant('INSERTS_AT'),
    COMMENTED_AT: constant('COMMENTED_AT'),
    EDITS_AT: constant('EDITS_AT'),
    EDITS_BYTES: constant('EDITS_BYTES'),
    SERIES_AT: constant('SERIES_AT'),
    WRITTEN_AT: constant('WRITTEN_AT'),
    WRITTEN_BYTES: constant('WRITTEN_BYTES'),
  };
}
