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
/** A reader that takes all at once leaves no wait in between for other requests to be served in. */
const TURN_MS = 2;

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
  const ring: Slot[] = [];
  const left = Promise.withResolvers<void>();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
    left.resolve();
  };
  const onAbort = (): void => fail(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  for (let turn = 0; ; turn++) {
    const slot = ring[turn % RING] ?? newSlot(ring);
    await Promise.race([slot.free, left.promise]);
    await pace();
    const filled = failure === undefined ? splicer.fill(slot.chunk) : 0;
    if (filled === 0) break;
    slot.free = new Promise((resolve) => {
      out.write(slot.chunk.bytes.subarray(0, filled), (error) => {
        if (error) fail(error);
        resolve();
      });
    });
  }
  if (failure === undefined) {
    out.end();
    await Promise.race([Promise.all(ring.map(({ free }) => free)), left.promise]);
  }
  signal.removeEventListener('abort', onAbort);
  if (failure !== undefined) throw failure;
}

interface Slot {
  readonly chunk: Chunk;
  /** Resolves when what was last written from the chunk is no longer needed. */
  free: Promise<void>;
}

function newSlot(ring: Slot[]): Slot {
  const slot = { chunk: createChunk(CHUNK_BYTES), free: Promise.resolve() };
  ring.push(slot);
  return slot;
}
