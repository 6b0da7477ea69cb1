/**
 * Writes the merged page of an app to its reader.
 */
import type { ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import type { Negotiated } from '../exposition/negotiate.ts';
import type { DeadlineOptions } from '../fetch/deadline.ts';
import { lengthOf } from '../merge/splice.ts';
import type { KeptAppPage } from './app-pages.ts';
import { cacheMarks } from './cache-marks.ts';
import { cutOff } from './cut-off.ts';
import type { Lane } from './lane.ts';
import { endPrepared, takesPrepared } from './prepared.ts';
import { hurrySignal, leftBefore } from './presence.ts';
import type { Exchange } from './request.ts';
import { MOST_WHOLE_BYTES, type ReaderPage } from './shared-page.ts';
import { writePlan } from './splice-stream.ts';

interface AnswerOptions extends Pick<DeadlineOptions, 'maxTimeoutMs'> {
  readonly lane?: Lane | undefined;
  readonly contentType: Negotiated['contentType'];
  /** Whether the reader prefers a compressed page. */
  readonly gzip: boolean;
}

const ZIPPED = { 'Content-Encoding': 'gzip' };
export const VARY = 'Accept, Accept-Encoding';

/**
 * Writes the page as fast as the reader takes it.
 *
 * promgate cuts off a reader that takes longer than the longest scrape may: the reader has given up
 * by then, and other scrapes need the page's bytes.
 */
export async function answerPage(
  exchange: Exchange,
  kept: KeptAppPage,
  { maxTimeoutMs, lane, contentType, gzip }: AnswerOptions,
): Promise<void> {
  const { page, isKept } = kept;
  const { res, req } = exchange;
  const { socket } = req;
  const zipped = gzip ? await page.zipped() : undefined;
  const type = { 'Content-Type': contentType[page.format] };
  const headers = { Vary: VARY, ...(gzip && ZIPPED), ...(isKept && cacheMarks(kept)), ...type };
  if (gzip && kept.from === 'hit') takeLane(exchange, kept, { lane, contentType });
  const length = gzip ? zipped?.length : lengthOf(page.plan);
  const isHurried = hurrySignal(res).aborted;
  const isEnded = !gzip && !isHurried && endWhole(res, page, { headers, length });
  if (isEnded && res.writableLength === 0 && socket.writableLength === 0) return;
  if (!isEnded)
    res.writeHead(200, length === undefined ? headers : { ...headers, 'Content-Length': length });
  if (isHurried && (await leftBefore(res))) return;
  const reader = new AbortController();
  const leave = (): void => reader.abort();
  socket.once('close', leave);
  const cut = (): void => cutOff(socket);
  const tooSlow = setTimeout(cut, maxTimeoutMs);
  page.onRevoked(cut);
  try {
    if (socket.destroyed) leave();
    const { signal } = reader;
    if (isEnded) await finished(res, { signal });
    else if (zipped) await writeZipped(res, page, { zipped, signal });
    else await writeSpliced(res, page, { gzip, signal });
  } catch (error) {
    // Once the reader has left, a write may fail in many ways, and nobody is there to answer.
    if (!socket.destroyed) throw error;
  } finally {
    clearTimeout(tooSlow);
    socket.off('close', leave);
  }
}

interface Whole {
  readonly headers: Readonly<Record<string, string>>;
  readonly length: number | undefined;
}

/** Ends the answer with a small page, head and page in one write. @returns false for other pages */
function endWhole(res: ServerResponse, page: ReaderPage, { headers, length }: Whole): boolean {
  if (length === undefined || length > MOST_WHOLE_BYTES || !takesPrepared(res)) return false;
  if (!endPrepared(res, 200, page.whole(headers, length))) return false;
  page.shrink(0); // the pages are not needed any more
  return true;
}

/**
 * Lets equal requests be answered from the cache at once, if this one may see everything and the
 * instances got no credential of it.
 */
function takeLane(
  { req, state: { scope, handler } }: Exchange,
  { current, withCredentials }: KeptAppPage,
  { lane, contentType }: Pick<AnswerOptions, 'lane' | 'contentType'>,
): void {
  if (scope !== 'all' || withCredentials) return;
  lane?.add(req, {
    handler,
    current: (reader) => {
      const kept = current(reader);
      if (!kept) return undefined;
      const { page } = kept;
      if (!page.keptZipped) {
        page[Symbol.dispose]();
        return undefined;
      }
      page.shrink(0); // the pages of the instances are not needed
      // A later page may have another format, and other instances may have failed.
      const type = { 'Content-Type': contentType[page.format] };
      return {
        headers: { ...type, ...ZIPPED, Vary: VARY, ...cacheMarks(kept) },
        body: page.keptZipped,
        instances: countInstances(page),
        held: page,
      };
    },
  });
}

/** How many pages of instances and exporters arrived, and how many failed. */
export function countInstances({ outcomes }: Pick<ReaderPage, 'outcomes'>): {
  readonly ok: number;
  readonly failed: number;
} {
  const ok = outcomes.filter(({ failure }) => failure === undefined).length;
  return { ok, failed: outcomes.length - ok };
}

/** Writes a page that is compressed already: its pages are not needed for that. */
async function writeZipped(
  res: ServerResponse,
  page: ReaderPage,
  { zipped, signal }: { readonly zipped: Buffer; readonly signal: AbortSignal },
): Promise<void> {
  page.shrink(0);
  res.end(zipped);
  await finished(res, { signal });
}

function writeSpliced(
  res: ServerResponse,
  { plan, hold, shrink }: ReaderPage,
  options: { readonly gzip: boolean; readonly signal: AbortSignal },
): Promise<void> {
  return writePlan(plan, res, { ...options, hold, onSpliced: shrink });
}
