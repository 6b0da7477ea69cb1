/**
 * The rules of HTTP caching for a shared cache: what may be stored, how long it is fresh, and what a
 * stored response may be used for.
 *
 * Pure functions over header fields and times. `vary.ts` chooses among the responses of one address,
 * `conditional.ts` validates them, `http-store.ts` keeps them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9111
 */
import {
  type Directives,
  NO_DIRECTIVES,
  parseCacheControl,
  parseSeconds,
  secondsOf,
} from './cache-control.ts';
import { Fields, listOf } from './fields.ts';
import { parseHttpDate } from './http-date.ts';
import { parseTargetedCacheControl } from './structured-dictionary.ts';
import { type Selector, selectorsOf } from './vary.ts';

/** What a request to the origin brought. Times are milliseconds since 1970. */
export interface Exchange {
  readonly method: string;
  readonly request: Fields;
  readonly status: number;
  readonly response: Fields;
  readonly requestMs: number;
  readonly responseMs: number;
}

export interface Rules {
  /** How long a response without freshness information is fresh; undefined: as RFC 9111 says. */
  readonly cacheAllMs?: number | undefined;
}

/** Why a response is not stored: a closed set. */
export type NotStored =
  | 'method'
  | 'status'
  | 'request-no-store'
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary'
  | 'no-use';

/** What decides how a stored response may be used. */
export interface Freshness {
  readonly lifetimeMs: number;
  /** The age at `responseMs`. */
  readonly initialAgeMs: number;
  readonly responseMs: number;
  /** Must be validated before each use. */
  readonly noCache: boolean;
  /** Must never be served stale. */
  readonly neverStale: boolean;
  readonly staleWhileRevalidateMs: number;
  /** What the response itself says; undefined if nothing. */
  readonly staleIfErrorMs: number | undefined;
}

/** A response that may be stored. */
export interface Storable {
  readonly freshness: Freshness;
  readonly selectors: readonly Selector[];
  /** The response itself says that it may be stored. */
  readonly isExplicit: boolean;
  /** The header fields to store: without the connection's, with a `Date`, without `Age`. */
  readonly fields: Fields;
}

/** Statuses that are fresh by default for as long as a heuristic says (RFC 9110, 15.1). */
const HEURISTIC: ReadonlySet<number> = new Set([
  ...[200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501],
]);
/** Statuses whose meaning for caches this file knows, for `must-understand`. */
const UNDERSTOOD: ReadonlySet<number> = new Set([...HEURISTIC, 302, 303, 307, 400, 403, 500, 503]);
/** Statuses that `cacheAllMs` is for, besides the heuristic ones. */
const REDIRECTS: ReadonlySet<number> = new Set([302, 307]);
/** A response to part of a request, or to a condition, is no whole response. */
const PARTIAL: ReadonlySet<number> = new Set([206, 304, 416]);

/** Request fields that say who asks; they choose among responses that do not speak of caching. */
const PERSONAL: readonly string[] = [
  ...['cookie', 'x-api-key', 'api-key', 'x-auth-token', 'x-access-token', 'x-session-token'],
  ...['private-token', 'x-forwarded-user', 'x-remote-user', 'x-forwarded-client-cert'],
];

const HEURISTIC_SHARE = 0.1;
const MAX_HEURISTIC_MS = 86_400_000;
/** Errors are kept no longer than this by `cacheAllMs`, since they may be mended at any time. */
const MAX_ERROR_MS = 3_000;

/** Whether a response may be stored, and with what. */
export function storable(exchange: Exchange, rules: Rules = {}): Storable | NotStored {
  const { method, request, status, response } = exchange;
  const fields = response.endToEnd();
  const { directives, isTargeted } = directivesOf(fields);
  if (method !== 'GET') return 'method';
  if (status < 200 || PARTIAL.has(status)) return 'status';
  const asked = parseCacheControl(request.get('cache-control'));
  if (asked.has('no-store')) return 'request-no-store';
  if (directives.has('must-understand')) {
    if (!UNDERSTOOD.has(status)) return 'status';
  } else if (directives.has('no-store')) return 'no-store';
  if (directives.get('private') === '') return 'private';
  if (request.has('authorization') && !isShared(directives)) return 'authorization';
  const isExplicit = hasExplicitFreshness(directives, isTargeted ? undefined : fields);
  if (!isExplicit && fields.has('set-cookie')) return 'set-cookie';
  // Without a word of the origin, the page of one reader is not taken for everybody's.
  const selectors = selectorsOf(fields.get('vary'), request, isExplicit ? [] : PERSONAL);
  if (selectors === undefined) return 'vary';
  const freshness = freshnessOf(exchange, { directives, isTargeted, rules });
  if (!isUseful(freshness, fields)) return 'no-use';
  const kept = fieldsToStore(fields, directives, exchange.responseMs);
  return { freshness, selectors, isExplicit, fields: kept };
}

/**
 * The directives that count: those of `CDN-Cache-Control` where there are any, which then stand in
 * place of `Cache-Control` and `Expires`.
 */
function directivesOf(fields: Fields): {
  readonly directives: Directives;
  readonly isTargeted: boolean;
} {
  const targeted = parseTargetedCacheControl(fields.get('cdn-cache-control'));
  if (targeted) return { directives: targeted, isTargeted: true };
  return { directives: parseCacheControl(fields.get('cache-control')), isTargeted: false };
}

/** Whether the answer to a reader with a credential may be stored at all (RFC 9111, 3.5). */
function isShared(directives: Directives): boolean {
  return ['public', 's-maxage', 'must-revalidate'].some((name) => directives.has(name));
}

function hasExplicitFreshness(directives: Directives, fields: Fields | undefined): boolean {
  return (
    ['public', 's-maxage', 'max-age'].some((name) => directives.has(name)) ||
    fields?.has('expires') === true
  );
}

interface FreshnessSource {
  readonly directives: Directives;
  readonly isTargeted: boolean;
  readonly rules: Rules;
}

function freshnessOf(exchange: Exchange, source: FreshnessSource): Freshness {
  const { directives } = source;
  const stale = secondsOf(directives, 'stale-if-error');
  return {
    lifetimeMs: lifetimeMs(exchange, source),
    initialAgeMs: initialAgeMs(exchange),
    responseMs: exchange.responseMs,
    noCache: directives.get('no-cache') === '',
    neverStale: ['must-revalidate', 'proxy-revalidate', 's-maxage', 'no-cache'].some((name) =>
      directives.has(name),
    ),
    staleWhileRevalidateMs: (secondsOf(directives, 'stale-while-revalidate') ?? 0) * 1000,
    staleIfErrorMs: stale === undefined ? undefined : stale * 1000,
  };
}

/** @see https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1 */
function lifetimeMs(
  exchange: Exchange,
  { directives, isTargeted, rules }: FreshnessSource,
): number {
  const { response, responseMs, status } = exchange;
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  if (seconds !== undefined) return seconds * 1000;
  const dateMs = dateOf(response, responseMs) ?? responseMs;
  const expires = isTargeted ? undefined : response.get('expires');
  if (expires !== undefined) {
    const expiresMs = parseHttpDate(expires, responseMs);
    return expiresMs === undefined ? 0 : Math.max(0, expiresMs - dateMs);
  }
  if (rules.cacheAllMs !== undefined) {
    if (!HEURISTIC.has(status) && !REDIRECTS.has(status)) return 0;
    return status >= 400 ? Math.min(rules.cacheAllMs, MAX_ERROR_MS) : rules.cacheAllMs;
  }
  const mayGuess = HEURISTIC.has(status) || directives.has('public');
  const modifiedMs = parseHttpDate(response.get('last-modified') ?? '', responseMs);
  if (!mayGuess || modifiedMs === undefined) return 0;
  const guessMs = (dateMs - modifiedMs) * HEURISTIC_SHARE;
  return Math.max(0, Math.min(guessMs, MAX_HEURISTIC_MS));
}

/** @see https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3 */
function initialAgeMs({ response, requestMs, responseMs }: Exchange): number {
  const dateMs = dateOf(response, responseMs) ?? responseMs;
  const [first = ''] = listOf(response.first('age') ?? ''); // of several the first counts
  const ageMs = (parseSeconds(first) ?? 0) * 1000;
  const delayMs = Math.max(0, responseMs - requestMs);
  return Math.max(0, responseMs - dateMs, ageMs + delayMs);
}

function dateOf(response: Fields, nowMs: number): number | undefined {
  return parseHttpDate(response.get('date') ?? '', nowMs);
}

/** Whether a stored response could ever answer anything. */
function isUseful(freshness: Freshness, fields: Fields): boolean {
  const { lifetimeMs, noCache, staleWhileRevalidateMs, staleIfErrorMs = 0 } = freshness;
  const hasValidator = fields.has('etag') || fields.has('last-modified');
  if (hasValidator) return true;
  return !noCache && (lifetimeMs > 0 || staleWhileRevalidateMs > 0 || staleIfErrorMs > 0);
}

function fieldsToStore(fields: Fields, directives: Directives, responseMs: number): Fields {
  const listed = ['no-cache', 'private'].flatMap((name) =>
    listOf((directives.get(name) ?? '').toLowerCase()),
  );
  const kept = fields.without(new Set(['age', 'x-cache', ...listed]));
  if (kept.has('date')) return kept;
  return new Fields([...kept.raw, 'Date', new Date(responseMs).toUTCString()]);
}

export function ageMs({ initialAgeMs, responseMs }: Freshness, nowMs: number): number {
  return initialAgeMs + Math.max(0, nowMs - responseMs);
}

/** For how long the response is fresh yet; negative once it is stale. */
export function ttlMs(freshness: Freshness, nowMs: number): number {
  return freshness.lifetimeMs - ageMs(freshness, nowMs);
}

/** `revalidate`: the reader gets it although it is stale, while it is validated in the background. */
export type Reuse = 'fresh' | 'revalidate' | 'validate';

/** What a stored response may be used for. @param asked - the request's `Cache-Control` */
export function reuseOf(
  freshness: Freshness,
  nowMs: number,
  asked: Directives = NO_DIRECTIVES,
): Reuse {
  if (freshness.noCache || asked.has('no-cache')) return 'validate';
  const ttl = ttlMs(freshness, nowMs);
  const maxAge = secondsOf(asked, 'max-age');
  if (maxAge !== undefined && ageMs(freshness, nowMs) > maxAge * 1000) return 'validate';
  if (maxAge === 0) return 'validate';
  const minFresh = (secondsOf(asked, 'min-fresh') ?? 0) * 1000;
  if (ttl > 0 && ttl >= minFresh) return 'fresh';
  if (freshness.neverStale || minFresh > 0) return 'validate';
  if (acceptsStale(asked, -ttl)) return 'fresh';
  return -ttl < freshness.staleWhileRevalidateMs ? 'revalidate' : 'validate';
}

function acceptsStale(asked: Directives, staleMs: number): boolean {
  const limit = asked.get('max-stale');
  if (limit === undefined) return false;
  return limit === '' || staleMs <= (secondsOf(asked, 'max-stale') ?? 0) * 1000;
}

/** `no-answer`: no response arrived; `error-status`: a response with 500, 502, 503 or 504. */
export type OriginTrouble = 'no-answer' | 'error-status';

/** How long a stale response stands in for an origin that gives no answer, unless it says more. */
const DEFAULT_STALE_IF_ERROR_MS = 60_000;

/** Whether a stored response may stand in for an answer that the origin did not give. */
export function mayStandIn(
  freshness: Freshness,
  nowMs: number,
  trouble: OriginTrouble,
  asked: Directives = NO_DIRECTIVES,
): boolean {
  if (freshness.neverStale || asked.has('no-cache')) return false;
  const fallbackMs = trouble === 'no-answer' ? DEFAULT_STALE_IF_ERROR_MS : 0;
  return -ttlMs(freshness, nowMs) < (freshness.staleIfErrorMs ?? fallbackMs);
}

/** Statuses for which `stale-if-error` lets a stored response stand in (RFC 5861, 4). */
export const ERROR_STATUSES: ReadonlySet<number> = new Set([500, 502, 503, 504]);

/** Methods that change nothing at the origin; a response to any other makes stored ones invalid. */
const SAFE: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'SEARCH',
]);

export function invalidates(method: string, status: number): boolean {
  return !SAFE.has(method) && status >= 200 && status < 400;
}
