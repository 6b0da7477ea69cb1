/**
 * Writes the merged page of an app to its reader.
 */
import { finished } from 'node:stream/promises';
import type { Negotiated } from '../exposition/negotiate.ts';
import type { DeadlineOptions } from '../fetch/deadline.ts';
import { lengthOf } from '../merge/splice.ts';
import type { KeptAppPage } from './app-pages.ts';
import { cacheMarks } from './cache-marks.ts';
import { cutOff } from './cut-off.ts';
import type { Lane } from './lane.ts';
import { hurrySignal, leftBefore } from './presence.ts';
import type { RequestContext } from './request.ts';
import type { ReaderPage } from './shared-page.ts';
import { writePlan } from './splice-stream.ts';

interface AnswerOptions extends Pick<DeadlineOptions, 'maxTimeoutMs'> {
  readonly lane?: Lane | undefined;
  readonly contentType: Negotiated['contentType'];
}

/**
 * Writes the page without koa, as fast as the reader takes it.
 *
 * promgate cuts off a reader that takes longer than the longest scrape may: the reader has given up
 * by then, and other scrapes need the page's bytes.
 */
export async function answerPage(
  ctx: RequestContext,
  kept: KeptAppPage,
  { maxTimeoutMs, lane, contentType }: AnswerOptions,
): Promise<void> {
  const { page, isKept } = kept;
  const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  const zipped = gzip ? await page.zipped() : undefined;
  if (gzip) ctx.set('Content-Encoding', 'gzip');
  if (isKept) ctx.set(cacheMarks(kept));
  ctx.set('Content-Type', contentType[page.format]);
  if (gzip && kept.from === 'hit') takeLane(ctx, kept, { lane, contentType });
  ctx.respond = false;
  ctx.res.statusCode = 200;
  const length = gzip ? zipped?.length : lengthOf(page.plan);
  if (length !== undefined) ctx.set('Content-Length', String(length));
  if (hurrySignal(ctx.res).aborted && (await leftBefore(ctx.res))) return;
  const reader = new AbortController();
  const leave = (): void => reader.abort();
  ctx.socket.once('close', leave);
  const cut = (): void => cutOff(ctx.socket);
  const tooSlow = setTimeout(cut, maxTimeoutMs);
  page.onRevoked(cut);
  try {
    if (ctx.socket.destroyed) leave();
    if (zipped) await writeZipped(ctx, page, zipped);
    else await writeSpliced(ctx, page, { gzip, signal: reader.signal });
  } catch (error) {
    // Once the reader has left, a write may fail in many ways, and nobody is there to answer.
    if (ctx.socket.destroyed) return;
    ctx.respond = !ctx.headerSent; // koa can answer with an error until the head is sent
    throw error;
  } finally {
    clearTimeout(tooSlow);
    ctx.socket.off('close', leave);
  }
}

/**
 * Lets equal requests be answered from the cache at once, if this one may see everything and the
 * instances got no credential of it.
 */
function takeLane(
  { req, res, state: { scope, handler } }: RequestContext,
  { current, withCredentials }: KeptAppPage,
  { lane, contentType }: Pick<AnswerOptions, 'lane' | 'contentType'>,
): void {
  if (scope !== 'all' || withCredentials) return;
  const names = ['Content-Encoding', 'Vary'];
  const headers = Object.fromEntries(names.map((name) => [name, String(res.getHeader(name))]));
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
        headers: { ...type, ...headers, ...cacheMarks(kept) },
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
  { res }: RequestContext,
  page: ReaderPage,
  zipped: Buffer,
): Promise<void> {
  page.shrink(0);
  res.end(zipped);
  await finished(res);
}

function writeSpliced(
  { res }: RequestContext,
  { plan, hold, shrink }: ReaderPage,
  options: { readonly gzip: boolean; readonly signal: AbortSignal },
): Promise<void> {
  return writePlan(plan, res, { ...options, hold, onSpliced: shrink });
}
