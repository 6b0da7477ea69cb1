/**
 * Which headers an endpoint gets: a few of the reader's, and promgate's own.
 *
 * A page may go out to all readers whose requests have the same key, so each header of a reader that
 * could change the page is part of the key: credentials, and the headers that the configuration
 * names.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { passedThrough, VIA_HEADER } from './forward.ts';
import { findToken } from './token.ts';

export interface EndpointHeadersOptions {
  readonly accept: string;
  /** Whether the endpoint gets the reader's credentials. */
  readonly passAuth: boolean;
  /** Whom `Authorization` is meant for; the endpoint's is `X-Forward-Authorization` otherwise. */
  readonly authorizationOf: 'endpoint' | 'promgate';
  /** `endpoints.pass_headers`, in lower case. */
  readonly passHeaders: readonly string[];
  /** Names this promgate for the loop guard; its replicas share the name. */
  readonly id: string;
}

export interface EndpointHeaders {
  /** Flat: name, value, … Without `Host` and the timeout. */
  readonly sent: readonly string[];
  /** The same without the reader's trace, for refreshes in the background. */
  readonly untraced: readonly string[];
  /** Those of the reader that decide which page comes: name, value, … */
  readonly decisive: readonly string[];
  readonly hasCredentials: boolean;
}

/** Passed on, but no page depends on them. */
const TRACES = new Set(['traceparent', 'tracestate']);
const MAX_VALUE_LENGTH = 8_192;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** @param reader - node:http's `rawHeaders` of the reader's request */
export function endpointHeaders(
  reader: readonly string[],
  options: EndpointHeadersOptions,
): EndpointHeaders {
  const { accept, passAuth, authorizationOf, passHeaders, id } = options;
  const decisive: string[] = [];
  const traces: string[] = [];
  const before = { via: '', loop: '', own: '' };
  let agent = 'promgate';
  let hasCredentials = false;
  for (let i = 0; i + 1 < reader.length; i += 2) {
    const name = reader[i]!.toLowerCase();
    const value = reader[i + 1]!;
    if (!VALUE.test(value) || value.length > MAX_VALUE_LENGTH || findToken(value)) continue;
    const credential = credentialName(name, authorizationOf);
    if (credential !== undefined && passAuth) {
      decisive.push(credential, value);
      hasCredentials = true;
    } else if (passHeaders.includes(name)) decisive.push(name, value);
    else if (TRACES.has(name)) traces.push(name, value);
    else if (name === 'user-agent') agent = value;
    else if (name === 'via') before.via += `${value}, `;
    else if (name === 'cdn-loop') before.loop += `${value}, `;
    else if (name === VIA_HEADER.toLowerCase()) before.own += `${value}, `;
  }
  const untraced = [
    ...['Accept', accept, 'Accept-Encoding', 'gzip', 'User-Agent', agent],
    ...decisive,
    ...['Via', `${before.via}1.1 ${pseudonym(id)}`],
    ...['CDN-Loop', before.loop + pseudonym(id)],
    ...[VIA_HEADER, before.own + id],
  ];
  return { sent: [...untraced, ...traces], untraced, decisive, hasCredentials };
}

/** Whether promgate itself sent this request, by any of the headers that proxies keep. */
export function isOwnRequest(headers: IncomingHttpHeaders, id: string): boolean {
  if (passedThrough(headers, id)) return true;
  const lists = [headers.via, headers['cdn-loop']].join(',').toLowerCase();
  const name = pseudonym(id).toLowerCase();
  return lists.split(',').some((one) =>
    one
      .trim()
      .split(/[\s;]+/)
      .includes(name),
  );
}

function credentialName(
  name: string,
  authorizationOf: EndpointHeadersOptions['authorizationOf'],
): string | undefined {
  if (name === 'cookie') return 'Cookie';
  if (name === 'x-forward-authorization' && authorizationOf === 'promgate') return 'Authorization';
  return name === 'authorization' && authorizationOf === 'endpoint' ? 'Authorization' : undefined;
}

/** The name in `Via` and `CDN-Loop`. */
function pseudonym(id: string): string {
  return `promgate-${id}`;
}
