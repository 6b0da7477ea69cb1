/**
 * Writes a merged page to a reader, as fast as the reader takes it.
 *
 * The page never exists as a whole: a few chunks of memory are filled in turn. Node does not copy
 * what it is given to write, so a chunk is filled again only after its write callback.
 */
import type { Writable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { SplicePlan } from '../merge/plan.ts';
import { type Chunk, createChunk, Splicer } from '../merge/splice.ts';

const CHUNK_BYTES = 65_536;
/** Chunks of one response: while some are being sent, the next is filled. */
const RING = 4;
/** Of a merged page, 33:1 at a quarter of level 6's time. */
const GZIP_LEVEL = 2;

/**
 * @param out - is ended when the page has been written
 * @throws the error of `out` when the reader left
 */
export async function writePlan(
  plan: SplicePlan,
  out: Writable,
  { gzip }: { readonly gzip: boolean },
): Promise<void> {
  if (!gzip) {
    await writeChunks(plan, out);
    return;
  }
  const zipped = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  const leave = (): void => void zipped.destroy(new Error('the reader left'));
  out.once('close', leave);
  zipped.once('error', () => out.destroy());
  zipped.pipe(out);
  try {
    await writeChunks(plan, zipped);
  } finally {
    out.off('close', leave);
  }
}

async function writeChunks(plan: SplicePlan, out: Writable): Promise<void> {
  const splicer = new Splicer(plan);
  const ring: Slot[] = [];
  let failure: Error | null | undefined;
  for (let turn = 0; !failure; turn++) {
    const slot = ring[turn % RING] ?? newSlot(ring);
    await slot.free;
    const filled = failure ? 0 : splicer.fill(slot.chunk);
    if (filled === 0) break;
    slot.free = new Promise((resolve) => {
      out.write(slot.chunk.bytes.subarray(0, filled), (error) => {
        failure ??= error;
        resolve();
      });
    });
  }
  if (!failure) {
    out.end();
    await Promise.all(ring.map(({ free }) => free));
  }
  if (failure) throw failure;
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
