/**
 * A merged page that several readers, and the cache, hold together.
 *
 * Its bytes are freed when nobody needs them any more. A reader that only buffers the rest of its
 * answer needs the buffered bytes, but the pages no longer.
 */
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { SplicePlan } from '../merge/plan.ts';
import { lengthOf } from '../merge/splice.ts';
import type { AppPage } from './app-page.ts';
import { preparedHead } from './prepared.ts';
import { GZIP_LEVEL, printWhole, writePlan } from './splice-stream.ts';

const zip = promisify(gzip);
const NO_HEAD = Buffer.alloc(0);

/** The page of one reader. Disposal ends the reader's share in it. */
export interface ReaderPage extends Omit<AppPage, 'handOver' | 'takeBack'> {
  /**
   * The page compressed, if it is made once for several; undefined if the reader should compress it
   * for itself, piece by piece.
   */
  zipped(): Promise<Buffer | undefined>;
  /**
   * Head and page in one buffer; made once for all readers, who get the same head of a page that the
   * cache does not keep.
   *
   * @param pageBytes - the length of the page, at most `MOST_WHOLE_BYTES`
   */
  whole(headers: Headers, pageBytes: number): Buffer;
  /** The compressed page, if the cache keeps the page. */
  readonly keptZipped: Buffer | undefined;
  /**
   * @param cut - called when the reader has to end: the cache has dropped the page, and its bytes
   *   find no room. Never called after the disposal.
   */
  readonly onRevoked: (cut: () => void) => void;
}

type Headers = Readonly<Record<string, string>>;

/** Larger pages are written in chunks. No room is borrowed for less: a chunk takes as much. */
export const MOST_WHOLE_BYTES = 65_536;

/** How long a reader of a page that the cache has dropped may go on if the page finds no room. */
const REVOKE_MS = 1_000;

/** Room that is borrowed for a compressed page, as a share of the page. */
const ZIPPED_SHARE = 1 / 4;
const MOST_ZIPPED_BYTES = 16_777_216;
/** No room is borrowed for so little: a reader's connection takes more. */
const SMALL_ZIPPED_BYTES = 16_384;

export class SharedPage {
  readonly #page: AppPage;
  /** The bytes of the pages and their index, without the compressed page. */
  readonly sizeBytes: number;
  /** How long the instances had to answer, if any of them did not in time; else infinite. */
  readonly patienceMs: number;
  /** How many need the pages that the plan refers to. */
  #plans = 1;
  /** Reader -> bytes that it still buffers. */
  readonly #buffered = new Map<ReaderPage, number>();
  #zipped: Promise<Buffer | undefined> | undefined;
  #zippedBytes = 0;
  #keptZipped: Buffer | undefined;
  /** What `whole` has made. */
  #whole: Buffer | undefined;
  /** Readers that have not ended -> how to end them. */
  readonly #readers = new Map<ReaderPage, () => void>();
  /** Those that need the plan: if nobody else does, the cache has dropped the page. */
  #planReaders = 0;
  #isKept = false;
  #isOrphan = false;

  /**
   * @param page - whoever makes the shared page holds it at first, and releases it
   * @param givenMs - how long the readers' deadlines let the instances answer
   */
  constructor(page: AppPage, givenMs = Number.POSITIVE_INFINITY) {
    this.#page = page;
    const isLate = page.outcomes.some(({ failure }) => failure === 'timeout');
    this.patienceMs = isLate ? givenMs : Number.POSITIVE_INFINITY;
    this.sizeBytes = sizeOf(page.plan);
  }

  get outcomes(): AppPage['outcomes'] {
    return this.#page.outcomes;
  }

  retain(): void {
    this.#plans++;
  }

  release(): void {
    this.#plans--;
    this.#settle();
    this.#adopt();
  }

  /**
   * Compresses the page once, for all readers, and takes its bytes out of the byte budget: the cache
   * counts them from now on.
   *
   * @returns how many bytes the compressed page has
   */
  async keep(): Promise<number> {
    this.#zipped ??= this.#zip(Number.POSITIVE_INFINITY);
    const zipped = await this.#zipped;
    this.#page.handOver();
    this.#isKept = true;
    this.#keptZipped = zipped;
    return zipped?.length ?? 0;
  }

  /** The length of a page that is so small that a stream would cost more than to compress it. */
  get #smallBytes(): number | undefined {
    const bytes = lengthOf(this.#page.plan);
    return bytes !== undefined && bytes <= MOST_WHOLE_BYTES ? bytes : undefined;
  }

  /** Takes over one hold of the page, for a reader. */
  reader(): ReaderPage {
    const { plan, format, outcomes } = this.#page;
    let needsPlan = true;
    this.#planReaders++;
    const letGo = (): void => {
      if (needsPlan) {
        this.#plans--;
        this.#planReaders--;
      }
      needsPlan = false;
      this.#settle();
    };
    const reader: ReaderPage = {
      ...{ plan, format, outcomes },
      hold: (mostBytes) => this.#page.hold(mostBytes),
      shrink: (bytes) => {
        this.#buffered.set(reader, bytes);
        letGo();
      },
      zipped: () => this.#zippedForSeveral(),
      whole: (headers, pageBytes) => this.#wholeOf(plan, headers, pageBytes),
      keptZipped: this.#keptZipped,
      onRevoked: (cut) => {
        if (this.#readers.has(reader)) this.#readers.set(reader, cut);
      },
      [Symbol.dispose]: () => {
        this.#readers.delete(reader);
        this.#buffered.delete(reader);
        letGo();
      },
    };
    this.#readers.set(reader, () => undefined);
    this.#adopt();
    return reader;
  }

  /**
   * Takes the bytes of a page that the cache has dropped, but readers still take, back into the byte
   * budget: a reader that stops reading would hold memory that nobody counts.
   */
  #adopt(): void {
    const isDropped = this.#isKept && this.#plans === this.#planReaders;
    if (!isDropped || this.#isOrphan || this.#readers.size === 0) return;
    this.#isOrphan = true;
    const zippedBytes = this.#keptZipped?.length ?? 0;
    const bytes = zippedBytes + (this.#plans > 0 ? this.sizeBytes : 0);
    if (this.#page.takeBack(bytes)) this.#zippedBytes = zippedBytes;
    else setTimeout(() => this.#revoke(), REVOKE_MS).unref();
  }

  #revoke(): void {
    for (const cut of [...this.#readers.values()]) cut();
  }

  #wholeOf(plan: SplicePlan, headers: Headers, pageBytes: number): Buffer {
    if (this.#whole !== undefined) return this.#whole;
    const whole = printWhole(plan, pageBytes, preparedHead(headers, pageBytes));
    // The cache does not count these bytes, and its marks differ from reader to reader.
    if (!this.#isKept) this.#whole = whole;
    return whole;
  }

  #zippedForSeveral(): Promise<Buffer | undefined> {
    if (this.#smallBytes !== undefined) this.#zipped ??= this.#zip(MOST_WHOLE_BYTES);
    if (this.#zipped === undefined && this.#plans > 1) {
      const mostBytes = Math.ceil(Math.min(this.sizeBytes * ZIPPED_SHARE, MOST_ZIPPED_BYTES));
      const isSmall = mostBytes <= SMALL_ZIPPED_BYTES;
      this.#zippedBytes = isSmall ? 0 : this.#page.hold(mostBytes);
      const roomBytes = isSmall ? SMALL_ZIPPED_BYTES : this.#zippedBytes;
      if (roomBytes > 0) this.#zipped = this.#zip(roomBytes);
    }
    return this.#zipped ?? Promise.resolve(undefined);
  }

  /** @returns undefined if the compressed page has more than `mostBytes` */
  async #zip(mostBytes: number): Promise<Buffer | undefined> {
    if (this.#smallBytes !== undefined) {
      return zip(printWhole(this.#page.plan, this.#smallBytes, NO_HEAD), { level: GZIP_LEVEL });
    }
    const pieces: Buffer[] = [];
    const tooLarge = new AbortController();
    let bytes = 0;
    const out = new Writable({
      write: (piece: Buffer, _, done) => {
        pieces.push(piece);
        bytes += piece.length;
        if (bytes > mostBytes) tooLarge.abort();
        done();
      },
    });
    this.retain();
    try {
      const ended = finished(out);
      ended.catch(() => undefined); // `writePlan` throws the error
      await writePlan(this.#page.plan, out, { gzip: true, signal: tooLarge.signal });
      await ended;
    } catch (error) {
      if (tooLarge.signal.aborted) return undefined;
      throw error;
    } finally {
      this.release();
    }
    return Buffer.concat(pieces);
  }

  #settle(): void {
    if (this.#plans > 0) return;
    if (this.#readers.size === 0) {
      this.#page[Symbol.dispose]();
      return;
    }
    let bytes = this.#zippedBytes;
    for (const one of this.#buffered.values()) bytes += one;
    this.#page.shrink(bytes);
  }
}

/** What the objects of a page take, beside the bytes that they refer to; measured, rounded up. */
const OBJECTS_BYTES = 4_096;
const OBJECTS_OF_SOURCE_BYTES = 1_536;

function sizeOf({ sources, spans, runs, families, heads, foot }: SplicePlan): number {
  let bytes = OBJECTS_BYTES + sources.length * OBJECTS_OF_SOURCE_BYTES;
  bytes += runs.byteLength + families.byteLength + heads.length + foot.length;
  for (const { page } of sources) {
    bytes += page.body.bytes.buffer.byteLength + page.inserts.byteLength;
  }
  for (const one of spans) bytes += one.byteLength;
  return bytes;
}
