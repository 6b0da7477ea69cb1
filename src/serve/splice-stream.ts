/**
 * Writes a merged page to a reader, as fast as the reader takes it.
 *
 * The page never exists as a whole: a few chunks of memory are filled in turn. Node does not copy
 * the chunks that it writes, so a chunk is filled again only after its write callback.
 */
import { PassThrough, type Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { everyTurn } from '../clock.ts';
import type { SplicePlan } from '../merge/plan.ts';
import { type Chunk, createChunk, Splicer } from '../merge/splice.ts';

const CHUNK_BYTES = 65_536;
/** Of compressed pages, which are much smaller. */
const ZIPPED_CHUNK_BYTES = 16_384;
/** How many chunks a response has: while some are being sent, the next one is filled. */
const RING = 4;
/** Compresses a merged page 33:1, in a quarter of the time that level 6 takes. */
export const GZIP_LEVEL = 2;
/**
 * How long chunks are filled before other requests run: a reader that takes all chunks at once
 * would otherwise keep them waiting. A small scrape takes about five turns.
 */
const TURN_MS = 0.25;

export interface WriteOptions {
  readonly gzip: boolean;
  /**
   * Aborts when the reader has left. Not every stream reports that: Node never closes a pipelined
   * response whose turn has not come.
   */
  readonly signal: AbortSignal;
  /**
   * Called when the reader is slow, and again while there is no room. The rest of the page is then
   * compressed into memory, so that the plan is free before the reader has taken the page. Default:
   * the plan waits for the reader.
   *
   * @returns how many bytes may be held in memory, at most `mostBytes`; 0 if there is no room now
   */
  readonly hold?: (mostBytes: number) => number;
  /**
   * Called if bytes are held in memory: once the plan is not needed any more, and then repeatedly
   * until the end, with a bound on the bytes that are still held.
   */
  readonly onSpliced?: (heldBytes: number) => void;
  /** How long a reader may take nothing before it counts as slow. Default 500 ms. */
  readonly stallMs?: number;
}

/** The default of `stallMs`. */
const STALL_MS = 500;
/** A reader also counts as slow if it has not taken the whole page after this many `stallMs`. */
const SLOW_STALLS = 4;
/** The interval between two calls of `onSpliced`. */
const TELL_MS = 500;
/** Bound on the bytes to hold for one slow reader. */
const HELD_BYTES = 4_194_304;

/**
 * Writes the page of a plan.
 *
 * @param out - ended after the last byte of the page
 * @returns when the plan is not needed any more, and no bytes are held
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

/** Holds the rest of the page compressed in memory, and decompresses it as the reader takes it. */
async function writePacked(
  splicer: Splicer,
  out: Writable,
  mostBytes: number,
  { signal, onSpliced }: WriteOptions,
): Promise<void> {
  const zipped = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  const held = new PassThrough({ highWaterMark: mostBytes });
  const sending = pipeline(zipped, held, createGunzip(), out, { signal });
  sending.catch(() => undefined); // awaiting `sending` below throws the error
  await Promise.race([sending, writeChunks(splicer, zipped, { signal })]);
  const heldBytes = (): number => zipped.readableLength + held.writableLength + held.readableLength;
  await tellUntil(sending, () => onSpliced?.(Math.min(mostBytes, heldBytes() + CHUNK_BYTES)));
}

/** Calls `tell` at once, and every `TELL_MS` until `done` is settled. */
async function tellUntil(done: Promise<unknown>, tell: () => void): Promise<void> {
  tell();
  const telling = setInterval(tell, TELL_MS);
  try {
    await done;
  } finally {
    clearInterval(telling);
  }
}

/** Writes the page compressed, for a reader that accepts gzip. */
async function writeZipped(
  splicer: Splicer,
  out: Writable,
  { signal, hold, onSpliced, stallMs = STALL_MS }: WriteOptions,
): Promise<void> {
  const zipped = createGzip({ level: GZIP_LEVEL, chunkSize: ZIPPED_CHUNK_BYTES });
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

/** Prints a page of known length behind `head`, for a reader that gets both as one buffer. */
export function printWhole(plan: SplicePlan, pageBytes: number, head: Buffer): Buffer {
  const whole = createChunk(head.length + pageBytes).bytes;
  whole.set(head);
  const bytes = whole.subarray(head.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const splicer = new Splicer(plan);
  if (splicer.fill({ bytes, view, capacity: pageBytes }) !== pageBytes) {
    throw new Error('the page has another length than its plan');
  }
  return whole.subarray(0, head.length + pageBytes);
}

interface ChunkOptions {
  readonly signal: AbortSignal;
  /** How long to wait for a reader that takes nothing. Default: without end. */
  readonly stallMs?: number;
  /** Called when the reader is slow. @returns true to stop: the caller writes the rest */
  readonly onStall?: () => boolean;
}

/** Writes the page chunk by chunk. @returns false if `onStall` stopped it before the end */
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
    ring.end();
  }
}

interface Slot {
  readonly chunk: Chunk;
  /** Whether the chunk's last write has not ended yet. */
  busy: boolean;
}

/**
 * Chunks that no response uses. Small pages come and go all the time: with new chunks for each, the
 * collector runs three times as often.
 */
const spareChunks: Chunk[] = [];
const MAX_SPARE_CHUNKS = 32;

/** The chunks of one response, which are filled in turn. */
class Ring {
  readonly #slots: Slot[] = [];
  #turn = 0;
  #failure: { readonly reason: unknown } | undefined;
  #wake = (): void => undefined;

  /** Whether the next chunk is still being written, and so must not be filled. */
  get isFull(): boolean {
    return this.#slots[this.#turn]?.busy === true;
  }

  /** Whether any chunk is still being written. */
  get isBusy(): boolean {
    return this.#slots.some(({ busy }) => busy);
  }

  /** Takes the next chunk. Call it only if `isFull` is false. */
  next(): Slot {
    const slot = this.#slots[this.#turn] ?? newSlot();
    this.#slots[this.#turn] = slot;
    this.#turn = (this.#turn + 1) % RING;
    return slot;
  }

  /** Gives back the chunks, unless a write failed: its stream might still read them. */
  end(): void {
    if (this.#failure !== undefined) return;
    for (const { busy, chunk } of this.#slots.splice(0)) {
      if (!busy && spareChunks.length < MAX_SPARE_CHUNKS) spareChunks.push(chunk);
    }
  }

  /** Notes that the last write of a chunk has ended. */
  written(slot: Slot, error: Error | null | undefined): void {
    slot.busy = false;
    if (error) this.fail(error);
    this.#wake();
  }

  /** Makes `check` and `change` throw from now on; the first reason counts. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** @throws the reason given to `fail`, if any */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  /**
   * Waits until a write ends, or until `fail`.
   *
   * @returns false if no write has ended for `stallMs`
   * @throws the reason given to `fail`
   */
  async change(stallMs?: number): Promise<boolean> {
    this.check();
    let timer: NodeJS.Timeout | undefined;
    const changed = await new Promise<boolean>((resolve) => {
      const wake = (): void => resolve(true);
      this.#wake = wake;
      if (stallMs !== undefined) timer = setTimeout(resolve, stallMs, false);
    });
    clearTimeout(timer);
    this.check();
    return changed;
  }
}

function newSlot(): Slot {
  return { chunk: spareChunks.pop() ?? createChunk(CHUNK_BYTES), busy: false };
}
