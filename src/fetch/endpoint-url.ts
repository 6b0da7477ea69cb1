/**
 * Reads the URL of `?endpoint=`, and what of it needs no configuration is refused here: characters,
 * length, scheme and user name.
 *
 * Characters are refused before the URL is parsed, since parsers remove some of them silently. All
 * that follows judges what the parser made of the host, never the text: the parser reads `0x7f.1`,
 * `2130706433` and full-width digits as 127.0.0.1.
 *
 * @see https://url.spec.whatwg.org/#concept-ipv4-parser
 */
import { isIP } from 'node:net';
import { EndpointRefusedError } from './endpoint-failure.ts';

/** An endpoint whose form is right; nobody has said yet that promgate may ask it. */
export interface EndpointUrl {
  readonly tls: boolean;
  /** The name or the address, in lower case, without brackets and without a dot at its end. */
  readonly host: string;
  /** The name as written, for a name server: a dot at its end makes the name absolute. */
  readonly name: string;
  /** Whether `host` is an IP address. */
  readonly isAddress: boolean;
  readonly port: number;
  /** The request target: path and query. */
  readonly path: string;
  /** The `Host` header: with the port, unless it is the standard port of the scheme. */
  readonly authority: string;
  /** Scheme, host and port. */
  readonly origin: string;
}

/** What an endpoint and its query have in bytes, at most. */
const MAX_BYTES = 8_192;
const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

/** Blanks, control characters and backslashes. */
const FORBIDDEN = /[\x00-\x20\x7f\\]/;

/** A host without a scheme, as the targets of Prometheus are: `host:9100`, `host/path`, `[::1]:9100`. */
const BARE = /^(?:\[[^\]/?#]*\]|[^\s:/?#[\]@]+)(?::\d+)?(?:[/?#]|$)/;

/**
 * @param text - the URL, or `host:port`, which means `http://host:port/metrics`
 * @param rest - the query that is passed on, as it was sent, without `?`
 * @throws {EndpointRefusedError}
 */
export function readEndpointUrl(text: string, rest: string): EndpointUrl {
  if (Buffer.byteLength(text) + rest.length > MAX_BYTES) {
    throw new EndpointRefusedError(
      'url_too_long',
      `the endpoint and its query have more than ${MAX_BYTES} bytes`,
    );
  }
  if (text === '') throw bad('the parameter endpoint is empty: send a URL, or host:port');
  if (FORBIDDEN.test(text) || FORBIDDEN.test(rest) || rest.includes('#')) {
    throw bad('a blank, a control character, a backslash or # is in the URL');
  }
  const url = URL.parse(withScheme(text));
  if (!url) throw bad('this is no URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const scheme = url.protocol.slice(0, 20);
    throw new EndpointRefusedError('denied_scheme', `${scheme} is neither http: nor https:`);
  }
  if (url.username !== '' || url.password !== '') {
    throw bad('a user name or password in the URL would be seen in logs');
  }
  return endpointOf(url, rest);
}

function endpointOf(url: URL, rest: string): EndpointUrl {
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const host = name.replace(/\.$/, '');
  const isAddress = isIP(host) !== 0;
  if (!isAddress) checkName(host);
  const tls = url.protocol === 'https:';
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port);
  const shown = isIP(host) === 6 ? `[${host}]` : host;
  const authority = url.port === '' ? shown : `${shown}:${port}`;
  return {
    ...{ tls, host, name, isAddress, port, authority },
    path: url.pathname + joined(url.search, rest),
    origin: `${url.protocol}//${shown}:${port}`,
  };
}

/** @throws {EndpointRefusedError} for a name that no name server has */
function checkName(host: string): void {
  const labels = host.split('.');
  const isRight =
    host.length <= MAX_NAME_LENGTH &&
    labels.every((label) => label.length > 0 && label.length <= MAX_LABEL_LENGTH) &&
    /^[a-z0-9_.-]+$/.test(host);
  if (!isRight) throw bad('the host is no name of a machine');
}

/** @param search - '' or a query with its `?` */
function joined(search: string, rest: string): string {
  if (rest === '') return search;
  // The reader's bytes come as one character each.
  const sent = rest.replace(/[^\x21-\x7e]/g, (byte) => percentEncoded(byte.charCodeAt(0)));
  return search.length > 1 ? `${search}&${sent}` : `?${sent}`;
}

function percentEncoded(byte: number): string {
  return `%${(byte & 255).toString(16).toUpperCase().padStart(2, '0')}`;
}

function withScheme(text: string): string {
  if (/^https?:/i.test(text) || !BARE.test(text)) return text;
  const hasPath = /^(?:\[[^\]]*\]|[^/?#[])*[/?#]/.test(text);
  return `http://${text}${hasPath ? '' : '/metrics'}`;
}

function bad(why: string): EndpointRefusedError {
  return new EndpointRefusedError('bad_url', why);
}
