/**
 * Refuses a page whose objects would not fit into the memory of the thread that parses it.
 *
 * V8 cannot interrupt `JSON.parse`: a worker that runs out of memory in it takes the whole process
 * with it, whatever bound the worker has. So the objects are counted before.
 */
import { getHeapStatistics } from 'node:v8';
import type { Listing } from '../listing.ts';
import { SourceError } from '../source-error.ts';

/** The share of the heap that a page may take. */
const SHARE = 0.7;
/** The text is held while it is joined, and the parts of it that become strings. */
const TEXT_FACTOR = 3;
/** Bytes that V8 allocates, at most, for what follows each of these characters. */
const COSTS = new Uint8Array(128);
for (const [character, bytes] of Object.entries({ '{': 64, '[': 64, ',': 32, ':': 16 })) {
  COSTS[character.charCodeAt(0)] = bytes;
}

/** An upper bound on the memory that parsing takes, since texts have these characters as well. */
function parsingBytes(blocks: Listing['blocks']): number {
  let bytes = 0;
  for (const block of blocks) {
    bytes += block.length * TEXT_FACTOR;
    for (const byte of block) bytes += COSTS[byte] ?? 0;
  }
  return bytes;
}

/** How large a page the heap of the main thread takes; a worker's own statistics say too much. */
export function mostParsingBytes(): number {
  return getHeapStatistics().heap_size_limit * SHARE;
}

/** @throws {SourceError} 'too-large' if the page needs more than `limit` bytes to parse */
export function requireMemory(blocks: Listing['blocks'], limit: number): void {
  const needed = parsingBytes(blocks);
  if (needed <= limit) return;
  const [needs, has] = [needed, limit].map((bytes) => Math.ceil(bytes / 2 ** 20));
  throw new SourceError(
    'too-large',
    `a page needs up to ${needs} MiB to parse, and ${has} are left`,
  );
}
