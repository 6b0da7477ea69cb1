/**
 * Writes a merged page to a reader, as fast as the reader takes it.
 *
 * The page never exists as a whole: a few chunks of memory are filled in turn. Node does not copy
 * what it is given to write, so a chunk is filled again only after its write callback.
 */
import type { Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { everyTurn } from '../discover/pace.ts';
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
}

/**
 * @param out - is ended when the page has been written
 * @returns when nothing of the plan is needed any more
 * @throws the error of `out`, or the signal's reason
 */
export async function writePlan(
  plan: SplicePlan,
  out: Writable,
  { gzip, signal }: WriteOptions,
): Promise<void> {
  if (!gzip) {
    await writeChunks(plan, out, signal);
    return;
  }
  const zipped = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  zipped.once('error', () => out.destroy());
  zipped.pipe(out);
  try {
    await writeChunks(plan, zipped, signal);
  } catch (error) {
    zipped.destroy();
    throw error;
  }
}

async function writeChunks(plan: SplicePlan, out: Writable, signal: AbortSignal): Promise<void> {
  const splicer = new Splicer(plan);
  const pace = everyTurn(TURN_MS);
  const ring = new Ring();
  const onAbort = (): void => ring.fail(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    for (;;) {
      while (ring.isFull) await ring.change();
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

  /** @throws what it failed with */
  async change(): Promise<void> {
    this.check();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.check();
  }
}
