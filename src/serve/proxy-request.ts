/**
 * A reader's request as the caching proxy sees it: checked, keyed, and as the origin is to get it.
 */
import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { Fields } from '../refresh/fields.ts';
import type { CacheRequest } from '../refresh/origin-flight.ts';
import { Problem } from './errors.ts';
import { checkTarget, splitTarget } from './request.ts';

/** What this proxy is called in `Via` and `Cache-Status`. */
export const PROXY_NAME = 'promgate';

/**
 * Fields from which many frameworks make addresses or methods. They are sent on, so requests that
 * differ in them never share an answer: else one reader could choose the page of all others.
 */
const IN_KEY: ReadonlySet<string> = new Set([
  ...['authorization', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port'],
  ...['x-forwarded-scheme', 'x-forwarded-prefix', 'x-forwarded-server', 'x-forwarded-ssl'],
  ...['x-host', 'x-original-host', 'x-original-url', 'x-rewrite-url'],
  ...['x-http-method-override', 'x-http-method', 'x-method-override', 'front-end-https'],
]);

/** Fields that are ours to write, or mean this connection. */
const NOT_SENT_ON: ReadonlySet<string> = new Set([
  'host',
  'expect',
  'forwarded',
  'x-forwarded-for',
]);

export interface ProxyIdentity {
  /** Tells this process from others in `Via`. */
  readonly id: string;
  /** Keys the hashes of credentials; never leaves the process. */
  readonly secret: Buffer;
}

/** @throws {Problem} if the request cannot be sent on */
export function readProxyRequest(request: IncomingMessage, identity: ProxyIdentity): CacheRequest {
  const { method = 'GET', rawHeaders, url = '' } = request;
  const fields = new Fields(rawHeaders);
  refuse(request, fields, identity);
  const key = { target: reduceTarget(url), scope: scopeOf(rawHeaders, identity.secret) };
  const length = fields.get('content-length');
  const hasBody = fields.has('transfer-encoding') || (length !== undefined && length !== '0');
  return {
    ...{ method, key, fields },
    forward: () => forwarded(request, fields, identity),
    body: hasBody ? bodyOf(request) : undefined,
  };
}

/** The body as a stream of its own, since undici destroys what it has sent, and Node needs its own. */
function bodyOf(request: IncomingMessage): Readable {
  const body = new PassThrough();
  body.on('error', () => undefined); // the request to the origin reports it
  body.once('close', () => request.unpipe(body));
  request.once('close', () => {
    if (!request.complete) body.destroy(new Error('the reader left amid its request'));
  });
  return request.pipe(body);
}

/** What the origin gets. */
function forwarded(request: IncomingMessage, fields: Fields, { id }: ProxyIdentity): Fields {
  const kept = fields.endToEnd().without(NOT_SENT_ON).raw;
  const before = fields.get('x-forwarded-for');
  const address = request.socket.remoteAddress ?? 'unknown';
  const chain = before === undefined ? address : `${before}, ${address}`;
  const via = `${request.httpVersion} ${id}`;
  return new Fields([...kept, 'X-Forwarded-For', chain, 'Via', via]);
}

function refuse({ method, httpVersion }: IncomingMessage, fields: Fields, { id }: ProxyIdentity) {
  if (!httpVersion.startsWith('1.')) {
    throw new Problem('bad-request', `HTTP/${httpVersion} is not spoken here: use HTTP/1.1`);
  }
  if (fields.count('host') > 1) {
    throw new Problem('bad-request', 'the request has several Host headers');
  }
  const upgrade = fields.get('upgrade')?.toLowerCase() ?? '';
  if (upgrade.includes('websocket')) {
    const detail = 'this proxy does not carry WebSockets: connect to the origin itself';
    throw new Problem('upgrade-refused', detail);
  }
  const coding = fields.get('transfer-encoding')?.trim().toLowerCase() ?? 'chunked';
  if (coding !== 'chunked') {
    const detail = 'the only transfer coding that is understood here is "chunked", once';
    throw new Problem('unknown-coding', detail);
  }
  if (method === 'TRACE') throw new Problem('method-not-allowed', 'TRACE is not sent on');
  if (fields.get('via')?.includes(id)) {
    const detail = 'the request came back to this proxy: the origin must not be the proxy itself';
    throw new Problem('loop', detail);
  }
}

/** @returns path and query as they were sent, also of an absolute-form target */
function reduceTarget(url: string): string {
  const target = splitTarget(url);
  checkTarget(target);
  const mark = target.query !== '' || url.endsWith('?') ? '?' : '';
  return `${target.path}${mark}${target.query}`;
}

/** What tells requests apart besides their address; each part says how long it is. */
function scopeOf(raw: readonly string[], secret: Buffer): string {
  let scope = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (!IN_KEY.has(name)) continue;
    const sent = raw[i + 1]!;
    const value = name === 'authorization' ? hashOf(sent, secret) : sent;
    scope += `${name}:${value.length}:${value}`;
  }
  return scope;
}

function hashOf(credential: string, secret: Buffer): string {
  return createHmac('sha256', secret).update(credential).digest('base64url');
}
