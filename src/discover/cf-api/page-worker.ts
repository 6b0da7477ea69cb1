/**
 * The program of the worker that parses one large page outside the main thread.
 *
 * `page-parser.ts` starts it. Like `main.ts`, this file works when it is loaded.
 */
import type { Listing } from '../listing.ts';
import { answerTask } from '../parsing-worker.ts';
import { type ListKind, readPage } from './page.ts';
import { writePage } from './page-lines.ts';
import { requireMemory } from './page-memory.ts';

export interface WorkerTask {
  readonly kind: ListKind;
  /** The memory that parsing may take. */
  readonly mostBytes: number;
  readonly blocks: Listing['blocks'];
}

answerTask(({ blocks, kind, mostBytes }: WorkerTask) => {
  requireMemory(blocks, mostBytes);
  return { blocks: writePage(readPage(blocks, kind)) };
});
