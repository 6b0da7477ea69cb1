/**
 * Which headers an instance gets: the reader's end-to-end ones, and promgate's own.
 *
 * Lists are flat (name, value, name, value, …), as node:http's `rawHeaders` and undici take them.
 * `Host` and the remaining timeout differ from instance to instance: `fan-out.ts` adds them.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { findToken } from './token.ts';

/** The headers of one scrape, without `Host` and the timeout. */
export interface ScrapeHeaders {
  readonly instances: readonly string[];
  /** External exporters get no header of the reader. */
  readonly exporters: readonly string[];
}

export interface ForwardOptions {
  /** Whose the `Authorization` is: the app's in `auth.mode: open`, promgate's in all others. */
  readonly authorizationOf: 'app' | 'promgate';
  /** What the instances are asked for. */
  readonly accept: string;
  /** Who asks, for the loop guard: replicas of one promgate share it. */
  readonly id: string;
  /** How the reader came, as far as is known: apps that insist on https look at it. */
  readonly forwardedProto: string;
  /** The reader's address. */
  readonly forwardedFor: string;
}

/** Names whom a request went through; an app that is a promgate itself refuses what it sent. */
export const VIA_HEADER = 'X-Promgate-Via';
export const TIMEOUT_HEADER = 'X-Prometheus-Scrape-Timeout-Seconds';

/**
 * Nobody's but promgate's, a page's own headers neither: hop-by-hop (RFC 9110, 7.6.1), what decides
 * on the form of the answer's bytes, and what says who asks.
 */
const FIXED = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'accept-encoding',
  'range',
  'expect',
  'x-promfetcher-scrapping',
  VIA_HEADER.toLowerCase(),
  TIMEOUT_HEADER.toLowerCase(),
]);
const FIXED_PREFIXES = ['content-', 'if-', 'proxy-'];

/** Not passed on from the reader: further, what is about promgate rather than the app. */
const NOT_FORWARDED = new Set([...FIXED, 'cookie', 'via', 'forwarded', 'x-real-ip', 'accept']);
const NOT_FORWARDED_PREFIXES = [...FIXED_PREFIXES, 'x-forwarded-', 'x-cf-'];

const CREDENTIALS = new Set(['authorization', 'x-forward-authorization']);

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Picks what of a reader's request goes on to the instances, and adds promgate's own headers.
 *
 * A name or value with characters that no header may hold is dropped: it could split the request. So
 * is, as name or value, a binding's token: the apps of others would collect it.
 *
 * @param reader - node:http's `rawHeaders` of the reader's request
 */
export function scrapeHeaders(reader: readonly string[], options: ForwardOptions): ScrapeHeaders {
  const named = namedByConnection(reader);
  const passed: string[] = [];
  const via: string[] = [];
  for (let i = 0; i + 1 < reader.length; i += 2) {
    const name = reader[i]!;
    const value = reader[i + 1]!;
    const lower = name.toLowerCase();
    if (!TOKEN.test(name) || !VALUE.test(value)) continue;
    if (findToken(name) !== undefined || findToken(value) !== undefined) continue;
    if (lower === VIA_HEADER.toLowerCase()) via.push(value);
    else if (named.has(lower) || !isForwarded(lower)) continue;
    else if (options.authorizationOf === 'app') passed.push(name, value);
    else if (lower === 'x-forward-authorization') passed.push('Authorization', value);
    else if (lower !== 'authorization') passed.push(name, value);
  }
  const own = [
    'Accept',
    options.accept,
    'Accept-Encoding',
    'gzip',
    'X-Promfetcher-Scrapping',
    'true',
  ];
  const forwarded = [
    'X-Forwarded-Proto',
    options.forwardedProto,
    'X-Forwarded-For',
    options.forwardedFor,
  ];
  const guard = [VIA_HEADER, [...via, options.id].join(', ')];
  return {
    instances: [...passed, ...own, ...forwarded, ...guard],
    exporters: [...own, ...guard],
  };
}

/**
 * Puts a page's own headers in place of the shared ones of the same names, upper and lower case alike.
 *
 * @param own - what no request may carry, or only promgate may set, is left out
 */
export function withOwnHeaders(shared: readonly string[], own: readonly string[]): string[] {
  const sent: string[] = [];
  const names = new Set<string>();
  for (let i = 0; i + 1 < own.length; i += 2) {
    const lower = own[i]!.toLowerCase();
    if (!TOKEN.test(lower) || !VALUE.test(own[i + 1]!) || isFixed(lower)) continue;
    sent.push(own[i]!, own[i + 1]!);
    names.add(lower);
  }
  const kept: string[] = [];
  for (let i = 0; i + 1 < shared.length; i += 2) {
    if (!names.has(shared[i]!.toLowerCase())) kept.push(shared[i]!, shared[i + 1]!);
  }
  return [...kept, ...sent];
}

/**
 * The shared headers without a reader's credential: for an endpoint that has nothing to prove who
 * it is. Where `Authorization` is the app's, the other name is passed on as it stands.
 */
export function withoutCredentials(shared: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < shared.length; i += 2) {
    if (!CREDENTIALS.has(shared[i]!.toLowerCase())) kept.push(shared[i]!, shared[i + 1]!);
  }
  return kept;
}

function isFixed(lower: string): boolean {
  return FIXED.has(lower) || FIXED_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

/** Whether the promgate with `id` has already sent this request on: it would go round for ever. */
export function passedThrough(headers: IncomingHttpHeaders, id: string): boolean {
  const via = headers[VIA_HEADER.toLowerCase()];
  const list = Array.isArray(via) ? via.join(',') : (via ?? '');
  return list.split(',').some((one) => one.trim() === id);
}

function isForwarded(lower: string): boolean {
  return (
    !NOT_FORWARDED.has(lower) && !NOT_FORWARDED_PREFIXES.some((prefix) => lower.startsWith(prefix))
  );
}

/** The headers that `Connection` makes hop-by-hop for this request. */
function namedByConnection(reader: readonly string[]): ReadonlySet<string> {
  const named = new Set<string>();
  for (let i = 0; i + 1 < reader.length; i += 2) {
    if (reader[i]!.toLowerCase() !== 'connection') continue;
    for (const name of reader[i + 1]!.split(',')) named.add(name.trim().toLowerCase());
  }
  return named;
}
