/**
 * Where a page is parsed: a small one here, a large one in a worker that lives for this one page.
 *
 * Measured with 20,000 endpoints, 18 MB: see `test/discover/page-feed.test.ts`, which holds that
 * the main thread is never away for 20 ms.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { everyTurn } from '../clock.ts';
import { type PageRoute, readLines } from './page-lines.ts';
import type { WorkerAnswer } from './page-worker.ts';
import type { OnRefused } from './refusal.ts';
import { notingApps, readPage } from './route-page.ts';
import { SourceError } from './source-error.ts';

/** A page above this size is parsed in a worker. */
const WORKER_BYTES = 1024 * 1024;
const TURN_MS = 2;

/** A page with its routes, which are read as they are asked for. */
export interface ParsedPage {
  readonly routes: Iterable<PageRoute>;
  /** How many different apps it lists. */
  readonly apps: number;
}

/**
 * Parses a page.
 *
 * @param blocks - the bytes in order; a large page's are transferred and cannot be used again
 * @throws {SourceError} when there is no table in it
 */
export async function parsePage(
  blocks: readonly Uint8Array<ArrayBuffer>[],
  onRefused: OnRefused,
  signal: AbortSignal,
): Promise<ParsedPage> {
  const sizeBytes = blocks.reduce((sum, block) => sum + block.length, 0);
  if (sizeBytes > WORKER_BYTES) return parseInWorker(blocks, onRefused, signal);
  return parseHere(blocks, onRefused);
}

async function parseHere(blocks: readonly Uint8Array[], onRefused: OnRefused): Promise<ParsedPage> {
  const pace = everyTurn(TURN_MS);
  const appIds = new Set<string>();
  const routes: PageRoute[] = [];
  for (const { route, endpoints } of notingApps(readPage(blocks, onRefused), appIds)) {
    routes.push({ route, digest: undefined, lists: () => [endpoints] });
    await pace();
  }
  return { routes, apps: appIds.size };
}

async function parseInWorker(
  blocks: readonly Uint8Array<ArrayBuffer>[],
  onRefused: OnRefused,
  signal: AbortSignal,
): Promise<ParsedPage> {
  const worker = new Worker(new URL('./page-worker.ts', import.meta.url), {
    workerData: blocks,
    transferList: blocks.map(({ buffer }) => buffer),
  });
  const exited = once(worker, 'exit');
  try {
    const [answer] = (await Promise.race([
      once(worker, 'message', { signal }),
      exited.then(([code]) => {
        throw new SourceError('internal', `the parsing worker ended with code ${code}`);
      }),
    ])) as [WorkerAnswer];
    if ('fault' in answer) throw new SourceError(answer.fault, answer.message);
    for (const [reason, count] of answer.refusals) onRefused(reason, count);
    return { routes: readLines(answer.blocks), apps: answer.apps };
  } finally {
    await worker.terminate();
  }
}
