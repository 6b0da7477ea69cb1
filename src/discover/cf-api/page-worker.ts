/**
 * The program of the worker that parses one large page outside the main thread.
 *
 * `page-parser.ts` starts and ends the worker. Like `main.ts`, this file works when it is loaded.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Listing } from '../listing.ts';
import { SourceError, type SourceFault } from '../source-error.ts';
import { type ListKind, readPage } from './page.ts';
import { writePage } from './page-lines.ts';

export interface WorkerTask {
  readonly kind: ListKind;
  readonly blocks: Listing['blocks'];
}

export type WorkerAnswer =
  | { readonly blocks: Listing['blocks'] }
  | { readonly fault: SourceFault; readonly message: string };

function answer({ blocks, kind }: WorkerTask): WorkerAnswer {
  try {
    return { blocks: writePage(readPage(blocks, kind)) };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error; // ends the worker, with a report
    return { fault: error.fault, message: error.message };
  }
}

const result = answer(workerData as WorkerTask);
parentPort?.postMessage(
  result,
  'blocks' in result ? result.blocks.map(({ buffer }) => buffer) : [],
);
