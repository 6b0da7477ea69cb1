/**
 * The program of the worker that parses one large listing outside the main thread.
 *
 * `listing-parser.ts` starts it. Like `main.ts`, this file works when it is loaded.
 */
import type { Listing } from './listing.ts';
import { writeLines } from './listing-lines.ts';
import { answerTask } from './parsing-worker.ts';
import type { RefusedPiece } from './refusal.ts';
import { notingApps, readListing } from './route-listing.ts';

/** The parsed listing. */
export interface WorkerAnswer {
  readonly blocks: Listing['blocks'];
  readonly apps: number;
  readonly refusals: Map<RefusedPiece, number>;
}

answerTask(({ blocks }): WorkerAnswer => {
  const refusals = new Map<RefusedPiece, number>();
  const onRefused = (reason: RefusedPiece, count: number): void => {
    refusals.set(reason, (refusals.get(reason) ?? 0) + count);
  };
  const appIds = new Set<string>();
  const lines = [...writeLines(notingApps(readListing(blocks, onRefused), appIds))];
  return { blocks: lines, apps: appIds.size, refusals };
});
