/**
 * A page as lines of JSON in a few buffers, which the worker hands to the main thread.
 *
 * Buffers change threads without a copy, and the main thread reads them in small steps. The first
 * line is the head, every other line a chunk.
 */
import type { Listing } from '../listing.ts';
import { splitLines } from '../listing-lines.ts';
import { mapText } from '../mapped-memory.ts';
import type { Chunk, Page, PageHead } from './page.ts';

const BLOCK_CHARACTERS = 256 * 1024;

/** The buffers own their memory, so that they can be transferred. A line never spans two. */
export function writePage({ head, chunks }: Page): Uint8Array<ArrayBuffer>[] {
  const blocks: Uint8Array<ArrayBuffer>[] = [];
  let text = `${JSON.stringify(head)}\n`;
  for (const chunk of chunks) {
    text += `${JSON.stringify(chunk)}\n`;
    if (text.length < BLOCK_CHARACTERS) continue;
    blocks.push(mapText(text));
    text = '';
  }
  if (text !== '') blocks.push(mapText(text));
  return blocks;
}

/** Reads what `writePage` wrote, and does not check it. */
export function readLines(blocks: Listing['blocks']): Page {
  const lines = splitLines(blocks);
  const first = lines.next();
  const head = JSON.parse(first.done ? '{}' : first.value()) as PageHead;
  return { head, chunks: parsed(lines) };
}

function* parsed(lines: Iterable<() => string>): Generator<Chunk> {
  for (const line of lines) yield JSON.parse(line()) as Chunk;
}
