/**
 * The bytes of a listing, collected as they arrive and bounded.
 */
import { createHash } from 'node:crypto';
import { mapMemory } from './mapped-memory.ts';
import { SourceError } from './source-error.ts';

/** Default bound on the bytes of a listing: 20,000 endpoints are 18 MB. */
export const MAX_LISTING_BYTES = 256 * 1024 * 1024;

const BLOCK_BYTES = 1024 * 1024;

export interface Listing {
  /** The bytes in order; each block owns its memory, so that it can go to another thread. */
  readonly blocks: readonly Uint8Array<ArrayBuffer>[];
  /** SHA-256 in base64url: equal for equal listings only. */
  readonly digest: string;
}

/**
 * Collects a listing. Each chunk is copied when it arrives: joining 18 MB at the end would block
 * the main thread.
 *
 * @throws {SourceError} 'too-large' as soon as there are more than `maxBytes`
 */
export async function collectListing(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Listing> {
  const blocks: Uint8Array<ArrayBuffer>[] = [];
  const digest = createHash('sha256');
  let last = new Uint8Array(0);
  let used = 0;
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) {
      throw new SourceError('too-large', `the listing has more than ${maxBytes} bytes`);
    }
    digest.update(chunk);
    for (let from = 0; from < chunk.length; ) {
      if (used === last.length) {
        last = mapMemory(Math.min(BLOCK_BYTES, Math.max(64 * 1024, sizeBytes)));
        blocks.push(last);
        used = 0;
      }
      const piece = chunk.subarray(from, from + last.length - used);
      last.set(piece, used);
      used += piece.length;
      from += piece.length;
    }
  }
  const tail = blocks.pop();
  if (tail) blocks.push(tail.subarray(0, used));
  return { blocks, digest: digest.digest('base64url') };
}
