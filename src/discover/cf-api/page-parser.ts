/**
 * Parses a small page on the main thread, and a large one in a worker that then ends.
 *
 * A page of 5,000 apps has 10 MB and more. `test/discover/cf-api/large-pages.test.ts` proves that
 * the main thread takes it over in small steps.
 */
import type { Listing } from '../listing.ts';
import { parseInWorker } from '../parsing-worker.ts';
import { type ListKind, type Page, readPage } from './page.ts';
import { readLines } from './page-lines.ts';
import { mostParsingBytes } from './page-memory.ts';
import type { WorkerTask } from './page-worker.ts';

/** A page above this size is parsed in a worker: JSON of this size takes 2 to 4 ms. */
const WORKER_BYTES = 256 * 1024;

/**
 * Parses a page.
 *
 * @param blocks - the bytes in order; a large page is transferred, so use `blocks` no more
 * @throws {SourceError} when the bytes are no page of a list, or 'too-large' for the memory
 */
export async function parsePage(
  blocks: Listing['blocks'],
  kind: ListKind,
  signal: AbortSignal,
): Promise<Page> {
  const sizeBytes = blocks.reduce((sum, block) => sum + block.length, 0);
  if (sizeBytes <= WORKER_BYTES) return readPage(blocks, kind);
  const task: WorkerTask = { kind, blocks, mostBytes: mostParsingBytes() };
  const program = new URL('./page-worker.ts', import.meta.url);
  return readLines((await parseInWorker(program, task, signal)).blocks);
}
