/**
 * The program of the worker that parses one large page outside the main thread.
 *
 * `page-parser.ts` starts it. Like `main.ts`, this file works when it is loaded.
 */
import type { Listing } from '../listing.ts';
import { answerTask } from '../parsing-worker.ts';
import { type ListKind, readPage } from './page.ts';
import { writePage } from './page-lines.ts';

export interface WorkerTask {
  readonly kind: ListKind;
  readonly blocks: Listing['blocks'];
}

answerTask(({ blocks, kind }: WorkerTask) => ({ blocks: writePage(readPage(blocks, kind)) }));
