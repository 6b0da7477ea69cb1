/**
 * Frees memory at once when nobody needs it any more.
 *
 * The garbage collector would free it late, since it does not see how much memory a small object
 * holds. Measured with 1,000 pages of 50 KB: 350 MB of RSS without, 280 MB with this, and a
 * quarter less CPU per scrape, since the collector runs less often.
 */
import { spareMemory } from './spare-memory.ts';

/** Bytes freed in one turn of the event loop: the system takes 0.2 ms per MB to unmap them. */
const FREED_PER_TURN_BYTES = 8_388_608;

/** Frees pages, in several turns if they are large. Other holders then see empty pages. */
export function freePages(pages: readonly Buffer[]): void {
  let bytes = 0;
  for (const [at, page] of pages.entries()) {
    bytes += page.buffer.byteLength;
    free(page.buffer);
    if (bytes < FREED_PER_TURN_BYTES) continue;
    setImmediate(freePages, pages.slice(at + 1));
    return;
  }
}

/**
 * The socket buffers of one HTTP/1.1 response, whose bytes the body has copied.
 *
 * undici no longer needs a buffer when bytes of the next one arrive. So one buffer is held at most,
 * and a body of 16 MiB takes no other 16 MiB. The last buffer stays longer: it may hold the start
 * of a trailer, and undici keeps the unparsed bytes of a paused response.
 */
export class ReadMemory {
  #last: ArrayBufferLike | undefined;
  #paused = false;

  /** Notes the buffer of a chunk, and frees the buffer before; chunks may share a buffer. */
  add(chunk: Buffer): void {
    // All empty chunks of undici share one buffer.
    if (chunk.length === 0 || this.#last === chunk.buffer) return;
    if (this.#last) free(this.#last);
    this.#last = chunk.buffer;
    this.#paused = false;
  }

  /** The response is paused: the last buffer stays until more bytes arrive. */
  keep(): void {
    this.#paused = true;
  }

  /**
   * Frees the last buffer after the current task, since undici's parser may still use it. Only for
   * complete responses.
   */
  freeSoon(): void {
    const last = this.#last;
    this.#last = undefined;
    if (last && !this.#paused) setImmediate(() => free(last));
  }
}

/** Frees a buffer, unless it belongs to Node's pool. */
export function free(buffer: ArrayBufferLike): void {
  // Node makes small buffers as parts of a shared pool, which must not be freed.
  const pooled = buffer.byteLength === Buffer.poolSize;
  if (pooled || !(buffer instanceof ArrayBuffer) || buffer.detached) return;
  if (!spareMemory.keep(buffer)) buffer.transferToFixedLength(0);
}
