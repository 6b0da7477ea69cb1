/**
 * Parses a small listing on the main thread, and a large one in a worker that then ends.
 *
 * Measured with 20,000 endpoints, 18 MB: `test/discover/listing-feed.test.ts` proves that the main
 * thread is never blocked for 20 ms.
 */
import { everyTurn } from '../clock.ts';
import { type ListingRoute, readLines } from './listing-lines.ts';
import type { WorkerAnswer } from './listing-worker.ts';
import { parseInWorker } from './parsing-worker.ts';
import type { OnRefused } from './refusal.ts';
import { notingApps, readListing } from './route-listing.ts';

/** A listing above this size is parsed in a worker. */
const WORKER_BYTES = 1024 * 1024;
const TURN_MS = 2;

/** A listing whose routes are decoded while they are iterated. */
export interface ParsedListing {
  readonly routes: Iterable<ListingRoute>;
  /** The number of different apps in the listing. */
  readonly apps: number;
}

/**
 * Parses a listing.
 *
 * @param blocks - the bytes in order; a large listing is transferred, so use `blocks` no more
 * @throws {SourceError} when the bytes are no JSON object of routes
 */
export async function parseListing(
  blocks: readonly Uint8Array<ArrayBuffer>[],
  onRefused: OnRefused,
  signal: AbortSignal,
): Promise<ParsedListing> {
  const sizeBytes = blocks.reduce((sum, block) => sum + block.length, 0);
  if (sizeBytes <= WORKER_BYTES) return parseHere(blocks, onRefused);
  const program = new URL('./listing-worker.ts', import.meta.url);
  const answer = await parseInWorker<WorkerAnswer>(program, { blocks }, signal);
  for (const [reason, count] of answer.refusals) onRefused(reason, count);
  return { routes: readLines(answer.blocks), apps: answer.apps };
}

async function parseHere(
  blocks: readonly Uint8Array[],
  onRefused: OnRefused,
): Promise<ParsedListing> {
  const pace = everyTurn(TURN_MS);
  const appIds = new Set<string>();
  const routes: ListingRoute[] = [];
  for (const { route, endpoints } of notingApps(readListing(blocks, onRefused), appIds)) {
    routes.push({ route, digest: undefined, lists: () => [endpoints] });
    await pace();
  }
  return { routes, apps: appIds.size };
}
