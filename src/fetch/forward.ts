/**
 * Which headers an instance gets: the reader's end-to-end headers, and promgate's own.
 *
 * Lists are flat (name, value, name, value, …), as node:http's `rawHeaders` and undici take them.
 * `Host` and the remaining timeout differ between instances: `run-headers.ts` adds them.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { OWN_HEADER_PREFIXES, OWN_HEADERS } from '../../broker/own-headers.ts';
import { findToken } from './token.ts';

/** The headers of one scrape, without `Host` and the timeout. */
export interface ScrapeHeaders {
  readonly instances: readonly string[];
  /** For external exporters: promgate's own headers, and none of the reader's. */
  readonly exporters: readonly string[];
}

export interface ForwardOptions {
  /** Whom `Authorization` is meant for: the app in `auth.mode: open`, promgate in other modes. */
  readonly authorizationOf: 'app' | 'promgate';
  /** The `Accept` header for the instances. */
  readonly accept: string;
  /** Names this promgate for the loop guard; its replicas share the name. */
  readonly id: string;
  /** The scheme that the reader used, if known: apps that insist on https check this header. */
  readonly forwardedProto: string;
  /** The reader's address. */
  readonly forwardedFor: string;
}

/** Lists each promgate that a request passed; a promgate refuses a request that it sent. */
export const VIA_HEADER = 'X-Promgate-Via';
export const TIMEOUT_HEADER = 'X-Prometheus-Scrape-Timeout-Seconds';

const FIXED = new Set(OWN_HEADERS);

/** Not forwarded from the reader: these include headers meant for promgate, not the app. */
const NOT_FORWARDED = new Set([...FIXED, 'cookie', 'via', 'forwarded', 'x-real-ip', 'accept']);
const NOT_FORWARDED_PREFIXES = [...OWN_HEADER_PREFIXES, 'x-forwarded-', 'x-cf-'];

const CREDENTIALS = new Set(['authorization', 'x-forward-authorization']);

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Picks the headers of a reader's request to forward to the instances, and adds promgate's own.
 *
 * Drops a header with a character that no header may hold, since it could split the request, and
 * a header whose name or value holds a binding's token, since other people's apps would see it.
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
 * Replaces shared headers by a page's own headers of the same names, regardless of case.
 *
 * @param own - headers that are malformed, that only promgate may set, or that hold a token are left out
 */
export function withOwnHeaders(shared: readonly string[], own: readonly string[]): string[] {
  const sent: string[] = [];
  const names = new Set<string>();
  for (let i = 0; i + 1 < own.length; i += 2) {
    const lower = own[i]!.toLowerCase();
    if (!TOKEN.test(lower) || !VALUE.test(own[i + 1]!) || isFixed(lower)) continue;
    if (findToken(own[i]!) !== undefined || findToken(own[i + 1]!) !== undefined) continue;
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
 * The shared headers without a reader's credentials, for an endpoint without TLS: such an endpoint
 * cannot prove its identity. In `auth.mode: open` both names may hold credentials.
 */
export function withoutCredentials(shared: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < shared.length; i += 2) {
    if (!CREDENTIALS.has(shared[i]!.toLowerCase())) kept.push(shared[i]!, shared[i + 1]!);
  }
  return kept;
}

/** Names that tell nothing of who reads: pages that were fetched with them alone are anybody's. */
const HARMLESS = new Set([
  ...['user-agent', 'traceparent', 'tracestate', 'baggage', 'b3', 'uber-trace-id', 'x-request-id'],
  ...['x-vcap-request-id', 'x-correlation-id', 'x-forwarded-for', 'x-request-start'],
  ...['x-amzn-trace-id', 'x-cloud-trace-context', 'sentry-trace'],
]);
const HARMLESS_PREFIXES = ['x-b3-', 'x-datadog-'];
const SECRET =
  /auth|token|secret|key|cookie|session|passw|cert|credential|bearer|jwt|saml|signature|assertion|ticket/;

/**
 * The headers that decide which page an instance answers with: two scrapes may share pages only if
 * theirs are equal. All but those that name the reader's program, its address or its trace.
 */
export function decisiveHeaders(sent: readonly string[]): string[] {
  const decisive: string[] = [];
  for (let i = 0; i + 1 < sent.length; i += 2) {
    const lower = sent[i]!.toLowerCase();
    if (isHarmless(lower)) continue;
    decisive.push(lower, sent[i + 1]!);
  }
  return decisive;
}

/** Whether a header names only the reader's program, its address or its trace. */
export function isHarmless(lower: string): boolean {
  return HARMLESS.has(lower) || HARMLESS_PREFIXES.some((one) => lower.startsWith(one));
}

/** Whether any header may be a credential, by its name. */
export function hasCredentials(sent: readonly string[]): boolean {
  return sent.some((name, at) => at % 2 === 0 && SECRET.test(name.toLowerCase()));
}

function isFixed(lower: string): boolean {
  return FIXED.has(lower) || OWN_HEADER_PREFIXES.some((prefix) => lower.startsWith(prefix));
}

/** Whether the promgate with `id` already forwarded this request, which would loop for ever. */
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

/** The names that the request's `Connection` headers make hop-by-hop. */
function namedByConnection(reader: readonly string[]): ReadonlySet<string> {
  const named = new Set<string>();
  for (let i = 0; i + 1 < reader.length; i += 2) {
    if (reader[i]!.toLowerCase() !== 'connection') continue;
    for (const name of reader[i + 1]!.split(',')) named.add(name.trim().toLowerCase());
  }
  return named;
}
