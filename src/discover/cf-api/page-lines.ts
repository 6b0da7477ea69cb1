/**
 * A page as lines of JSON in a few buffers, which the worker hands to the main thread.
 *
 * Buffers change threads without a copy, and the main thread reads them in small steps. The first
 * line is the head, every other line a chunk.
 */
import type { Listing } from '../listing.ts';
import { mapMemory } from '../mapped-memory.ts';
import type { Chunk, Page, PageHead } from './page.ts';

const BLOCK_CHARACTERS = 256 * 1024;
const LF = 10;

/** The buffers own their memory, so that they can be transferred. A line never spans two. */
export function writePage({ head, chunks }: Page): Uint8Array<ArrayBuffer>[] {
  const blocks: Uint8Array<ArrayBuffer>[] = [];
  let text = `${JSON.stringify(head)}\n`;
  for (const chunk of chunks) {
    text += `${JSON.stringify(chunk)}\n`;
    if (text.length < BLOCK_CHARACTERS) continue;
    blocks.push(encoded(text));
    text = '';
  }
  if (text !== '') blocks.push(encoded(text));
  return blocks;
}

function encoded(text: string): Uint8Array<ArrayBuffer> {
  const block = mapMemory(Buffer.byteLength(text));
  Buffer.from(block.buffer, 0, block.length).write(text);
  return block;
}

/** Reads what `writePage` wrote, and does not check it. */
export function readLines(blocks: Listing['blocks']): Page {
  const lines = splitLines(blocks);
  const first = lines.next();
  const head = JSON.parse(first.done ? '{}' : first.value) as PageHead;
  return { head, chunks: parsed(lines) };
}

function* parsed(lines: Iterable<string>): Generator<Chunk> {
  for (const line of lines) yield JSON.parse(line) as Chunk;
}

function* splitLines(blocks: Listing['blocks']): Generator<string, undefined> {
  for (const block of blocks) {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(LF, start);
      yield bytes.toString('utf8', start, end);
      start = end + 1;
    }
  }
}
