/**
 * `GET /metrics?endpoint=URL&…`: the page of any endpoint that the configuration allows, kept warm.
 *
 * The interface is prom-cache's: the remaining query goes to the endpoint as it was sent.
 */
import { finished } from 'node:stream/promises';
import { type DeadlineOptions, scrapeTimeoutMs } from '../fetch/deadline.ts';
import { EndpointRefusedError } from '../fetch/endpoint-failure.ts';
import type { EndpointGuard, EndpointRules } from '../fetch/endpoint-guard.ts';
import {
  type EndpointHeaders,
  type EndpointHeadersOptions,
  endpointHeaders,
  isOwnRequest,
} from '../fetch/endpoint-headers.ts';
import type { EndpointUrl } from '../fetch/endpoint-url.ts';
import { isHarmless, TIMEOUT_HEADER } from '../fetch/forward.ts';
import { LateError } from '../refresh/flight.ts';
import type { From, Kept } from '../refresh/warm-cache.ts';
import type { RecordRequest } from '../telemetry/request-event.ts';
import { cacheMarks } from './cache-marks.ts';
import { readerName } from './client-address.ts';
import { cutOff } from './cut-off.ts';
import type { EndpointAnswered, EndpointCache, EndpointResult } from './endpoint-cache.ts';
import { endpointName, readEndpointQuery } from './endpoint-query.ts';
import { endpointProblem, Problem } from './errors.ts';
import { hasVariant, type KeptPage, type Variant } from './kept-page.ts';
import type { Lane, PreparedAnswer } from './lane.ts';
import { hurrySignal, leftBefore } from './presence.ts';
import type { Handler, RequestContext } from './request.ts';
import type { UnsentBodies } from './unsent-bodies.ts';

export interface EndpointsOptions
  extends DeadlineOptions,
    Pick<EndpointHeadersOptions, 'authorizationOf' | 'passHeaders' | 'id'> {
  readonly cache: Pick<EndpointCache, 'get'>;
  readonly guard: EndpointGuard;
  /** `endpoints.pass_auth` */
  readonly passAuth: EndpointRules;
  /** `host` or `host:port` under which readers reach promgate, beside what their headers say. */
  readonly own: readonly string[];
  /** `endpoints.compat`: 404 for an endpoint that gave no page. */
  readonly compat: boolean;
  readonly lane?: Pick<Lane, 'add'> | undefined;
  /** Bounds the memory that readers hold. */
  readonly unsent: UnsentBodies;
  /** Called when a request has ended. Must not throw. */
  readonly onEvent?: RecordRequest | undefined;
  readonly metrics?: { readonly refused: (code: Problem['code']) => void } | undefined;
}

/** An `Accept` that is longer is not passed on. */
const MAX_ACCEPT_LENGTH = 1_024;
const EVERYTHING = '*/*';

/** The name of the route in metrics and events. */
const HANDLER = 'endpoint';

/** What is known of a request while it is answered, for its event. */
interface Progress {
  origin: string | undefined;
  from: From | undefined;
}

export function endpoints(options: EndpointsOptions): Handler {
  return async (ctx) => {
    ctx.state.handler = HANDLER;
    const progress: Progress = { origin: undefined, from: undefined };
    if (options.onEvent) tellAtEnd(ctx, progress, options.onEvent);
    try {
      await answer(options, ctx, progress);
    } catch (error) {
      const problem = problemOf(error, options);
      if (!problem) throw error;
      options.metrics?.refused(problem.code);
      throw problem;
    }
  };
}

async function answer(
  options: EndpointsOptions,
  ctx: RequestContext,
  progress: Progress,
): Promise<void> {
  const { req, state } = ctx;
  if (isOwnRequest(req.headers, options.id)) {
    throw new EndpointRefusedError(
      'denied_loop',
      'the endpoint is promgate itself, or asks promgate for its own page',
    );
  }
  const endpoint = readEndpointQuery(state.target.query);
  progress.origin = endpoint.origin;
  options.guard.check(endpoint, [...options.own, ...namesInHeaders(ctx)]);
  const timeoutMs = scrapeTimeoutMs(ctx.get(TIMEOUT_HEADER) || undefined, options);
  const accept = acceptOf(ctx);
  const headers = headersFor(options, ctx, { endpoint, accept });
  const answered = await options.cache.get(
    {
      ...{ endpoint, accept, headers, timeoutMs },
      name: endpointName(state.target.query),
      reader: readerName(req),
    },
    {
      deadlineMs: performance.now() + timeoutMs,
      signal: state.signal,
      hurry: hurrySignal(ctx.res),
    },
  );
  const { kept } = answered;
  progress.from = kept.from;
  const { page, failed } = kept.value;
  if (failed) throw endpointProblem(failed.failure, failed.why, { notFound: options.compat });
  const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
  const fixed = fixedHeaders(headers, options);
  if (
    ctx.get('If-None-Match') !== '' &&
    hasVariant(ctx.get('If-None-Match'), variant(page, gzip))
  ) {
    ctx.set({ ...fixed, ...variantHeaders(page, gzip), ...cacheMarks(kept) });
    ctx.status = 304;
    return;
  }
  if (kept.from === 'hit' && !headers.hasCredentials) {
    takeLane(options, ctx, { answered, gzip, fixed, origin: endpoint.origin });
  }
  await write(ctx, prepare(kept, gzip, fixed)!, options); // there is a page
}

/** The error for the reader; undefined for any other error. */
function problemOf(error: unknown, { compat }: EndpointsOptions): Problem | undefined {
  if (error instanceof Problem) return error;
  const how = { notFound: compat };
  if (error instanceof EndpointRefusedError) {
    return endpointProblem(error.refusal, error.message, how);
  }
  if (error instanceof LateError) return endpointProblem('upstream_timeout', error.message, how);
  return undefined;
}

function namesInHeaders(ctx: RequestContext): string[] {
  return ['Host', 'X-Forwarded-Host'].flatMap((name) => {
    const first = ctx.get(name).split(',', 1)[0]!.trim();
    return first === '' ? [] : [first];
  });
}

function acceptOf(ctx: RequestContext): string {
  const sent = ctx.get('Accept').trim();
  const isRight = sent !== '' && sent.length <= MAX_ACCEPT_LENGTH && /^[\t\x20-\x7e]+$/.test(sent);
  return isRight ? sent : EVERYTHING;
}

function headersFor(
  { authorizationOf, passAuth, passHeaders, id }: EndpointsOptions,
  { req, state }: RequestContext,
  { endpoint, accept }: { readonly endpoint: EndpointUrl; readonly accept: string },
): EndpointHeaders {
  return endpointHeaders(req.rawHeaders, {
    ...{ accept, passHeaders, id },
    passAuth: passAuth.fits(endpoint),
    authorizationOf: state.credentialIsOurs ? 'promgate' : authorizationOf,
  });
}

type Fields = Readonly<Record<string, string>>;

/** The headers that all answers to this reader have. */
function fixedHeaders(
  { hasCredentials }: EndpointHeaders,
  { passHeaders }: EndpointsOptions,
): Fields {
  const varied = ['Accept', 'Accept-Encoding', ...passHeaders];
  return {
    Vary: varied.join(', '),
    'X-Content-Type-Options': 'nosniff',
    ...(hasCredentials && { 'Cache-Control': 'private' }),
  };
}

function variant(page: KeptPage, gzip: boolean): Variant {
  return (gzip ? page.gzip : undefined) ?? page.identity;
}

function variantHeaders(page: KeptPage, gzip: boolean): Fields {
  const chosen = variant(page, gzip);
  return {
    'Content-Type': page.contentType,
    ETag: chosen.etag,
    ...(chosen === page.gzip && { 'Content-Encoding': 'gzip' }),
  };
}

/** @returns undefined if there is no page */
function prepare(
  kept: Kept<EndpointResult>,
  gzip: boolean,
  fixed: Fields,
): PreparedAnswer | undefined {
  const { page } = kept.value;
  if (!page) return undefined;
  const headers = { ...fixed, ...variantHeaders(page, gzip), ...cacheMarks(kept) };
  return { headers, body: variant(page, gzip).bytes };
}

interface LaneParts {
  readonly answered: EndpointAnswered;
  readonly gzip: boolean;
  readonly fixed: Fields;
  readonly origin: string;
}

/**
 * Lets equal requests be answered from the cache at once, if this one may see everything and brought
 * no credentials for the endpoint: the place would keep these beyond the end of the refreshes.
 */
function takeLane(
  { lane, onEvent, passHeaders, unsent }: EndpointsOptions,
  { req, state }: RequestContext,
  { answered, gzip, fixed, origin }: LaneParts,
): void {
  if (state.scope !== 'all' || req.headers['if-none-match'] !== undefined) return;
  if (passHeaders.some(isHarmless)) return; // the lane does not look at such headers
  const path = req.url ?? '';
  lane?.add(req, {
    handler: HANDLER,
    current: (reader) => {
      const kept = answered.current(reader);
      const answer = kept && prepare(kept, gzip, fixed);
      return answer && { ...answer, held: unsent.take(answer.body) };
    },
    ended: onEvent && ((ended) => onEvent({ ...ended, path, cache: 'HIT', origin })),
  });
}

/** Writes without koa; a reader that takes longer than the longest scrape is cut off. */
async function write(
  ctx: RequestContext,
  { headers, body }: PreparedAnswer,
  { maxTimeoutMs, unsent }: Pick<EndpointsOptions, 'maxTimeoutMs' | 'unsent'>,
): Promise<void> {
  const { res, socket } = ctx;
  ctx.respond = false;
  if (hurrySignal(res).aborted && (await leftBefore(res))) return;
  const cut = (): void => cutOff(socket);
  using taken = unsent.take(body);
  taken.onRevoked(cut);
  const tooSlow = setTimeout(cut, maxTimeoutMs);
  try {
    res.writeHead(200, { ...headers, 'Content-Length': body.length });
    res.end(body);
    await finished(res);
  } finally {
    clearTimeout(tooSlow);
  }
}

const CACHE_WORDS: Readonly<Record<From, 'HIT' | 'MISS' | 'STALE'>> = {
  hit: 'HIT',
  stale: 'STALE',
  miss: 'MISS',
  shared: 'MISS',
  late: 'MISS',
};

function tellAtEnd(
  { req, res, socket, method }: RequestContext,
  progress: Progress,
  onEvent: RecordRequest,
): void {
  const atMs = Date.now();
  const beganMs = performance.now();
  const beganBytes = socket.bytesWritten;
  res.once('close', () => {
    const { origin, from } = progress;
    onEvent({
      ...{ atMs, method, path: req.url ?? '', status: res.statusCode, origin },
      cache: from && CACHE_WORDS[from],
      durationMs: performance.now() - beganMs,
      bytes: socket.bytesWritten - beganBytes,
    });
  });
}
