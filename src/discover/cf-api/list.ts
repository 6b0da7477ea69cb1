/**
 * Reads a whole list of the CF API, page by page.
 *
 * promgate counts the pages itself and never follows a link, which could lead its token elsewhere.
 * Pages shift when resources are deleted meanwhile: a resource may come twice, or not at all. A page
 * that exceeds its bound on bytes, or the memory, is read in parts.
 */
import { everyTurn } from '../../clock.ts';
import { SourceError } from '../source-error.ts';
import type { Purpose } from './budget.ts';
import type { CfClient } from './client.ts';
import type { Chunk, ListKind, Page } from './page.ts';
import { parsePage } from './page-parser.ts';

export interface ListRequest {
  readonly kind: ListKind;
  /** Path and query without `page` and `per_page`. */
  readonly path: string;
  /** Resources in a page. Default 5,000, which is the most that the API gives. */
  readonly perPage?: number | undefined;
  /** Bound on the resources of all pages. */
  readonly maxResources: number;
  readonly maxPageBytes: number;
  readonly purpose: Purpose;
  /** Takes the records as they come. */
  readonly take: (chunk: Chunk) => void;
}

export interface ListResult {
  /** Resources that are not of the expected form. */
  readonly refused: number;
  /** Whether as many different resources came as the last page says there are. */
  readonly complete: boolean;
  /** Resources in a page of the size that fitted: the next list of this kind begins with it. */
  readonly perPage: number;
}

const PER_PAGE = 5000;
const TURN_MS = 2;
/** Pages of a list may be less full than asked for, but a list of tiny pages must end, too. */
const SPARE_PAGES = 10;
/** A page that is too large is asked for in parts: 5,000, 2,500, 1,250, 625, 125, 25, 5, 1. */
const PARTS = [2, 5, 3];

/** @throws {SourceError} when a page fails, or the pages have no end */
export async function readList(
  client: CfClient,
  request: ListRequest,
  signal: AbortSignal,
): Promise<ListResult> {
  const { kind, maxResources, take } = request;
  const pace = everyTurn(TURN_MS);
  const seen = new Set<string>();
  let [count, others, refused] = [0, 0, 0];
  let place = { page: 1, perPage: request.perPage ?? PER_PAGE };
  for (;;) {
    const read = await readPageAt(client, request, place, signal);
    place = read.place;
    const { page, perPage } = place;
    const { head, chunks } = read.page;
    const before = seen.size;
    let readable = 0;
    for (const chunk of chunks) {
      if (chunk.kind === kind) {
        readable += chunk.records.length;
        for (const { guid } of chunk.records) seen.add(guid);
      }
      take(chunk);
      await pace();
    }
    count += head.count;
    others += head.count - readable;
    refused += head.refused;
    if (!head.hasNext) {
      return { refused, perPage, complete: seen.size + others >= head.totalResults };
    }
    if (head.count === 0) {
      throw new SourceError('pages', `page ${page} of ${kind} is empty, but names a next one`);
    }
    if (readable === head.count && seen.size === before) {
      throw new SourceError('pages', `page ${page} of ${kind} has only what earlier pages had`);
    }
    if (count >= maxResources || page >= Math.ceil(maxResources / perPage) + SPARE_PAGES) {
      throw new SourceError(
        'pages',
        `the list of ${kind} has no end after ${page} pages with ${count}`,
      );
    }
    place = { perPage, page: page + 1 };
  }
}

interface Place {
  readonly page: number;
  readonly perPage: number;
}

/** Reads a page, or its first part if it is too large. */
async function readPageAt(
  client: CfClient,
  { kind, path, maxPageBytes, purpose }: ListRequest,
  asked: Place,
  signal: AbortSignal,
): Promise<{ readonly page: Page; readonly place: Place }> {
  for (let place = asked; ; ) {
    const query = `${path.includes('?') ? '&' : '?'}per_page=${place.perPage}&page=${place.page}`;
    const question = { kind, path: path + query, maxBytes: maxPageBytes };
    try {
      const blocks = await client.get(question, purpose, signal);
      return { place, page: await parsePage(blocks, kind, signal) };
    } catch (error) {
      const parts = PARTS.find((one) => place.perPage % one === 0);
      const isTooLarge = error instanceof SourceError && error.fault === 'too-large';
      if (!isTooLarge || parts === undefined) throw error;
      place = { perPage: place.perPage / parts, page: (place.page - 1) * parts + 1 };
    }
  }
}
