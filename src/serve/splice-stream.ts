/**
 * Writes a merged page to a reader, as fast as the reader takes it.
 *
 * The page never exists as a whole: a few chunks of memory are filled in turn. Node does not copy
 * what it is given to write, so a chunk is filled again only after its write callback.
 */
import { PassThrough, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { everyTurn } from '../clock.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { type Chunk, createChunk, Splicer } from '../merge/splice.ts';

const CHUNK_BYTES = 65_536;
/** Chunks of one response: while some are being sent, the next is filled. */
const RING = 4;
/** Of a merged page, 33:1 at a quarter of level 6's time. */
const GZIP_LEVEL = 2;
/**
 * A reader that takes all at once leaves no wait in between for other requests to be served in. A
 * small scrape takes some five turns.
 */
const TURN_MS = 0.25;

export interface WriteOptions {
  readonly gzip: boolean;
  /**
   * Aborts when the reader has left. Not every stream says so by itself: a pipelined response whose
   * turn has not come is never closed.
   */
  readonly signal: AbortSignal;
  /**
   * Asked when the reader is slower than the page is made, and again while there is no room: how many
   * bytes may be held for it, at most `mostBytes`. A page that is zipped is small: where it may be held,
   * its plan is not.
   */
  readonly hold?: (mostBytes: number) => number;
  /** Nothing of the plan is needed any more; so many bytes wait to be written. Told again as they become fewer. */
  readonly onSpliced?: (heldBytes: number) => void;
  /** How long a reader may take nothing before it is slow. Default 500 ms. */
  readonly stallMs?: number;
}

/** A reader that has taken nothing for so long is slow. */
const STALL_MS = 500;
/** A reader that has not taken the whole page after this many stall times is slow, too. */
const SLOW_STALLS = 4;
/** Interval between two calls of `onSpliced`. */
const TELL_MS = 500;
/** Zipped bytes that are held for a slow reader; without `hold` what a stream holds by itself. */
const HELD_BYTES = 4_194_304;

/**
 * @param out - is ended when the page has been written
 * @returns when nothing of the plan is needed any more, and nothing is held
 * @throws the error of `out`, or the signal's reason
 */
export async function writePlan(
  plan: SplicePlan,
  out: Writable,
  options: WriteOptions,
): Promise<void> {
  const { gzip, signal } = options;
  const splicer = new Splicer(plan);
  if (gzip) {
    await writeZipped(splicer, out, options);
    return;
  }
  const { hold, stallMs = STALL_MS } = options;
  let mostBytes = 0;
  const onStall = (): boolean => {
    mostBytes = hold?.(HELD_BYTES) ?? 0;
    return mostBytes > 0;
  };
  const stalls = hold && { stallMs, onStall };
  if (await writeChunks(splicer, out, { signal, ...stalls })) return;
  await writePacked(splicer, out, mostBytes, options);
}

/** What is left goes into memory zipped, as far as it may, and is unzipped as the reader takes it. */
async function writePacked(
  splicer: Splicer,
  out: Writable,
  mostBytes: number,
  { signal, onSpliced }: WriteOptions,
): Promise<void> {
  const zipped = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  const held = new PassThrough({ highWaterMark: mostBytes });
  const sending = pipeline(zipped, held, createGunzip(), out, { signal });
  sending.catch(() => undefined); // thrown below
  await Promise.race([sending, writeChunks(splicer, zipped, { signal })]);
  const heldBytes = (): number => zipped.readableLength + held.writableLength + held.readableLength;
  await tellUntil(sending, () => onSpliced?.(Math.min(mostBytes, heldBytes() + CHUNK_BYTES)));
}

/** Tells at once, and every now and then until `done`. */
async function tellUntil(done: Promise<unknown>, tell: () => void): Promise<void> {
  tell();
  const telling = setInterval(tell, TELL_MS);
  try {
    await done;
  } finally {
    clearInterval(telling);
  }
}

async function writeZipped(
  splicer: Splicer,
  out: Writable,
  { signal, hold, onSpliced, stallMs = STALL_MS }: WriteOptions,
): Promise<void> {
  const zipped = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  zipped.once('error', () => out.destroy());
  let most = 0;
  let timer: NodeJS.Timeout | undefined;
  const stalled = (): void => {
    if (!hold) return;
    most = hold(HELD_BYTES);
    if (most > 0) zipped.resume();
    else timer = setTimeout(stalled, stallMs);
  };
  zipped.on('data', (part: Buffer) => {
    if (out.destroyed) zipped.destroy();
    if (out.destroyed || out.write(part) || out.writableLength <= most) return;
    zipped.pause();
    if (most === 0) timer ??= setTimeout(stalled, stallMs);
  });
  out.on('drain', () => zipped.resume());
  zipped.once('end', () => out.end());
  try {
    await writeChunks(splicer, zipped, { signal });
    if (most === 0) return;
    const heldBytes = (): number => zipped.readableLength + out.writableLength;
    const sending = finished(out, { signal, readable: false });
    await tellUntil(sending, () => onSpliced?.(Math.min(most, heldBytes() + CHUNK_BYTES)));
  } catch (error) {
    zipped.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

interface ChunkOptions {
  readonly signal: AbortSignal;
  /** How long it waits for a reader that takes nothing; without it for ever. */
  readonly stallMs?: number;
  /** The reader is slow. @returns whether the rest is written in another way */
  readonly onStall?: () => boolean;
}

/** @returns false when `onStall` has stopped it, and more is left */
async function writeChunks(
  splicer: Splicer,
  out: Writable,
  { signal, stallMs, onStall }: ChunkOptions,
): Promise<boolean> {
  const pace = everyTurn(TURN_MS);
  let slowMs = performance.now() + (stallMs ?? 0) * SLOW_STALLS;
  const ring = new Ring();
  const onAbort = (): void => ring.fail(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    for (;;) {
      while (ring.isFull) {
        const leftMs = slowMs - performance.now();
        const waitMs = stallMs && Math.max(0, Math.min(stallMs, leftMs));
        if (await ring.change(waitMs)) continue;
        if (onStall?.()) return false;
        slowMs = performance.now() + (stallMs ?? 0) * SLOW_STALLS;
      }
      await pace();
      ring.check();
      const slot = ring.next();
      const filled = splicer.fill(slot.chunk);
      if (filled === 0) break;
      slot.busy = true;
      out.write(slot.chunk.bytes.subarray(0, filled), (error) => ring.written(slot, error));
    }
    out.end();
    while (ring.isBusy) await ring.change();
    return true;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

interface Slot {
  readonly chunk: Chunk;
  /** What was last written from the chunk is still needed. */
  busy: boolean;
}

/** The chunks of one response, used in turn. */
class Ring {
  readonly #slots: Slot[] = [];
  #turn = 0;
  #failure: { readonly reason: unknown } | undefined;
  #wake = (): void => undefined;

  /** The chunk whose turn it is may not be filled yet. */
  get isFull(): boolean {
    return this.#slots[this.#turn]?.busy === true;
  }

  get isBusy(): boolean {
    return this.#slots.some(({ busy }) => busy);
  }

  next(): Slot {
    const slot = this.#slots[this.#turn] ?? { chunk: createChunk(CHUNK_BYTES), busy: false };
    this.#slots[this.#turn] = slot;
    this.#turn = (this.#turn + 1) % RING;
    return slot;
  }

  written(slot: Slot, error: Error | null | undefined): void {
    slot.busy = false;
    if (error) this.fail(error);
    this.#wake();
  }

  /** Nothing is to be written any more; the first reason counts. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** @throws what it failed with */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /**
   * @returns false when nothing has changed for `stallMs`
   * @throws what it failed with
   */
  async change(stallMs?: number): Promise<boolean> {
    this.check();
    let timer: NodeJS.Timeout | undefined;
    const changed = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
      if (stallMs !== undefined) timer = setTimeout(resolve, stallMs, false);
    });
    clearTimeout(timer);
    this.check();
    return changed;
  }
}
