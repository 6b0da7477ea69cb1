/**
 * Reads a whole list of the CF API, page by page.
 *
 * promgate counts the pages itself and never follows a link, which could lead its token elsewhere.
 * Pages shift when resources are deleted meanwhile: a resource may come twice, or not at all.
 */
import { everyTurn } from '../../clock.ts';
import { SourceError } from '../source-error.ts';
import type { Purpose } from './budget.ts';
import type { CfClient } from './client.ts';
import type { Chunk, ListKind } from './page.ts';
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
  /** Resources in all pages, as they came. */
  readonly count: number;
  readonly refused: number;
  /** Whether as many resources came as the last page says there are. */
  readonly complete: boolean;
}

const PER_PAGE = 5000;
const TURN_MS = 2;
/** Pages of a list may be less full than asked for, but a list of tiny pages must end, too. */
const SPARE_PAGES = 10;

/** @throws {SourceError} when a page fails, or the pages have no end */
export async function readList(
  client: CfClient,
  request: ListRequest,
  signal: AbortSignal,
): Promise<ListResult> {
  const { kind, path, perPage = PER_PAGE, maxResources, maxPageBytes, purpose, take } = request;
  const pace = everyTurn(TURN_MS);
  const maxPages = Math.ceil(maxResources / perPage) + SPARE_PAGES;
  let [count, refused] = [0, 0];
  for (let page = 1; ; page += 1) {
    const query = `${path.includes('?') ? '&' : '?'}per_page=${perPage}&page=${page}`;
    const question = { kind, path: path + query, maxBytes: maxPageBytes };
    const blocks = await client.get(question, purpose, signal);
    const { head, chunks } = await parsePage(blocks, kind, signal);
    for (const chunk of chunks) {
      take(chunk);
      await pace();
    }
    count += head.count;
    refused += head.refused;
    if (!head.hasNext) return { count, refused, complete: count >= head.totalResults };
    if (head.count === 0) {
      throw new SourceError('pages', `page ${page} of ${kind} is empty, but names a next one`);
    }
    if (count >= maxResources || page >= maxPages) {
      throw new SourceError(
        'pages',
        `the list of ${kind} has no end after ${page} pages with ${count}`,
      );
    }
  }
}
