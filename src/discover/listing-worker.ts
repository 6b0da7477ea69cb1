/**
 * The program of the worker that parses one large listing outside the main thread.
 *
 * `listing-parser.ts` starts and ends the worker. Like `main.ts`, this file works when it is
 * loaded.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { writeLines } from './listing-lines.ts';
import type { RefusedPiece } from './refusal.ts';
import { notingApps, readListing } from './route-listing.ts';
import { SourceError, type SourceFault } from './source-error.ts';

/** The message that the worker posts: the parsed listing, or why there is none. */
export type WorkerAnswer =
  | {
      readonly blocks: readonly Uint8Array<ArrayBuffer>[];
      readonly apps: number;
      readonly refusals: Map<RefusedPiece, number>;
    }
  | { readonly fault: SourceFault; readonly message: string };

function answer(blocks: readonly Uint8Array[]): WorkerAnswer {
  const refusals = new Map<RefusedPiece, number>();
  const onRefused = (reason: RefusedPiece, count: number): void => {
    refusals.set(reason, (refusals.get(reason) ?? 0) + count);
  };
  try {
    const appIds = new Set<string>();
    const lines = [...writeLines(notingApps(readListing(blocks, onRefused), appIds))];
    return { blocks: lines, apps: appIds.size, refusals };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error; // ends the worker, with a report
    return { fault: error.fault, message: error.message };
  }
}

const result = answer(workerData as readonly Uint8Array[]);
parentPort?.postMessage(
  result,
  'blocks' in result ? result.blocks.map(({ buffer }) => buffer) : [],
);
