/**
 * Serves pushed metrics: `GET /metrics` of the push gateway in the format that the reader asks for,
 * and the groups of Pushgateway's API.
 *
 * Pages are written without koa, piece by piece, as fast as the reader takes them. A reader that
 * stops taking its page is cut off; until then it holds a few pieces, never the whole page.
 */
import { everyTurn, type Pace } from '../clock.ts';
import { acceptsJson, negotiatePage } from '../exposition/negotiate.ts';
import { PageRenderer, type PageRequest } from '../push/page/page-pieces.ts';
import { writeGroups, writeJsonPage } from '../push/page/write-json.ts';
import type { PageSource } from '../push/page-source.ts';
import { gzipFile, type Zippable, zipPiece } from '../push/read/gzip.ts';
import type { Admission } from './admission.ts';
import type { Handler, RequestContext } from './request.ts';
import { type SendLimits, sendChunks } from './send-chunks.ts';

export interface PushPagesOptions extends SendLimits {
  readonly source: PageSource;
  /** Whose metrics a reader gets; undefined for those of all tenants. */
  readonly tenantOf: (ctx: RequestContext) => string | undefined;
  /** Bound on the memory of rendered pieces that are kept for the next page. */
  readonly maxKeptBytes: number;
  /** Bounds how many pages are written at once. */
  readonly admission: Pick<Admission, 'enter'>;
}

export interface PushPages {
  /** Text, OpenMetrics or protobuf by `Accept`; JSON if the reader asks for it. */
  readonly metrics: Handler;
  /** `GET /api/v1/metrics` */
  readonly groups: Handler;
  /** The bytes of rendered pieces that are kept now. */
  keptBytes(): number;
  /** How many families of all tenants are in conflict with others, as on a page of text. */
  conflicts(): Promise<number>;
}

/** How long a page is rendered before other requests run. */
const TURN_MS = 2;
const JSON_TYPE = 'application/json; charset=utf-8';
const GROUPS_HEADERS = {
  'Content-Type': 'application/json',
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': 'Accept, Authorization, Content-Type, Origin',
  'Access-Control-Allow-Methods': 'GET, OPTIONS',
  'Access-Control-Expose-Headers': 'Date',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
};

export function createPushPages(options: PushPagesOptions): PushPages {
  const { source, tenantOf, maxKeptBytes, admission } = options;
  const renderer = new PageRenderer(source, { maxKeptBytes });
  const metrics: Handler = async (ctx) => {
    const tenant = tenantOf(ctx);
    using _ = admission.enter(tenant);
    const answer = answerTo(ctx, renderer, tenant);
    ctx.set('Content-Type', answer.contentType);
    ctx.vary('Accept');
    const beganMs = Date.now();
    if (await write(ctx, answer.chunks, options)) source.seen(tenant, beganMs);
  };
  const groups: Handler = async (ctx) => {
    const tenant = tenantOf(ctx);
    using _ = admission.enter(tenant);
    ctx.set(GROUPS_HEADERS);
    await write(ctx, () => textChunks(writeGroups(source.groups(tenant)), newPace()), options);
  };
  return {
    metrics,
    groups,
    keptBytes: () => renderer.keptBytes,
    conflicts: async () => {
      const style = { format: 'text', escaping: 'allow-utf-8' } as const;
      return (await renderer.plan({ tenant: undefined, style }, newPace())).conflicts;
    },
  };
}

function newPace(): Pace {
  return everyTurn(TURN_MS);
}

/** A part of an answer, as it is and compressed. */
interface Chunk extends Zippable {
  readonly plain: Buffer;
}

interface Answer {
  readonly contentType: string;
  readonly chunks: () => AsyncIterable<Chunk>;
}

function answerTo(ctx: RequestContext, renderer: PageRenderer, tenant: string | undefined): Answer {
  const accept = ctx.get('Accept') || undefined;
  const query = new URLSearchParams(ctx.state.target.query);
  if (query.get('format') === 'json' || acceptsJson(accept)) {
    return { contentType: JSON_TYPE, chunks: () => jsonPage(renderer, tenant) };
  }
  const { format, escaping, contentType } = negotiatePage(accept);
  const request = { tenant, style: { format, escaping } };
  return { contentType, chunks: () => renderer.pieces(request, newPace()) };
}

async function* jsonPage(
  renderer: PageRenderer,
  tenant: string | undefined,
): AsyncGenerator<Chunk, void, void> {
  const request: PageRequest = { tenant, style: { format: 'text', escaping: 'allow-utf-8' } };
  const pace = newPace();
  const plan = await renderer.plan(request, pace);
  const leftOut = await renderer.leftOutOf(plan, request, pace);
  yield* textChunks(writeJsonPage(plan, leftOut), pace);
}

/** Texts are joined until they have so many characters. */
const CHUNK_CHARACTERS = 65_536;

async function* textChunks(texts: Iterable<string>, pace: Pace): AsyncGenerator<Chunk, void, void> {
  let joined = '';
  const chunk = (): Chunk => {
    const plain = Buffer.from(joined);
    joined = '';
    return { plain, zipped: () => zipPiece(plain) };
  };
  for (const text of texts) {
    joined += text;
    if (joined.length < CHUNK_CHARACTERS) continue;
    yield chunk();
    await pace();
  }
  if (joined !== '') yield chunk();
}

/**
 * Writes an answer without koa; to HEAD the headers alone.
 *
 * @returns whether the reader got a whole answer
 */
async function write(
  ctx: RequestContext,
  chunks: () => AsyncIterable<Chunk>,
  limits: SendLimits,
): Promise<boolean> {
  ctx.vary('Accept-Encoding');
  const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  if (gzip) ctx.set('Content-Encoding', 'gzip');
  ctx.respond = false;
  ctx.res.statusCode = 200;
  if (ctx.method === 'HEAD') {
    ctx.res.end();
    return false;
  }
  const parts = gzip ? gzipFile(chunks()) : plainChunks(chunks());
  try {
    return await sendChunks(ctx, parts, limits);
  } catch (error) {
    ctx.respond = !ctx.headerSent; // koa can answer with an error until the head is sent
    if (ctx.respond) ctx.remove('Content-Encoding');
    throw error;
  }
}

async function* plainChunks(chunks: AsyncIterable<Chunk>): AsyncGenerator<Buffer, void, void> {
  for await (const { plain } of chunks) yield plain;
}
