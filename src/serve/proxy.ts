/**
 * The caching reverse proxy: each request answered from the cache, or by the origin.
 *
 * `refresh/http-cache.ts` decides where an answer comes from. This file writes it: prepared bytes for a
 * plain hit, else status, fields and body by Node's own means.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isUnconditional } from '../refresh/conditional.ts';
import type { Fields } from '../refresh/fields.ts';
import type { HttpCache } from '../refresh/http-cache.ts';
import type { StoredResponse } from '../refresh/http-store.ts';
import type { OriginFailure, ResponseHead } from '../refresh/origin.ts';
import type { AnswerTaker, CacheRequest, Handling, Mark } from '../refresh/origin-flight.ts';
import type { BodyReader } from '../refresh/shared-body.ts';
import type { Backlog } from './backlog.ts';
import { PROBLEM_TYPE, Problem, type ProblemCode, problemBody } from './errors.ts';
import { endPrepared } from './prepared.ts';
import { type Answer, preparedHit, storedAnswer, streamedAnswer } from './proxy-answer.ts';
import { ProxyLane } from './proxy-lane.ts';
import { type ProxyIdentity, readProxyRequest } from './proxy-request.ts';
import { awaitBody, pumpBody } from './proxy-stream.ts';

/** What is known of a request when its answer has ended. */
export interface ProxyEvent {
  /** Milliseconds since 1970, when the request came. */
  readonly timeMs: number;
  readonly method: string;
  /** Path and query, as sent; credentials in it are not masked. */
  readonly path: string;
  readonly status: number;
  /** `none`: refused before the cache was asked. */
  readonly cacheResult: Mark | 'none';
  readonly durationMs: number;
  /** Sent on the connection, headers included. */
  readonly bytes: number;
  /** Its URL without credentials. */
  readonly origin: string;
  /** Whether the reader left, or the answer broke off, before its end. */
  readonly isBroken: boolean;
}

export interface ProxyOptions {
  readonly cache: HttpCache;
  readonly identity: ProxyIdentity;
  readonly backlog: Backlog;
  /** For events: the origin's URL without credentials. */
  readonly origin: string;
  /** Called once for each request, when its answer has ended. Must not throw. */
  readonly onRequest: (event: ProxyEvent) => void;
}

/** Which problem each failure of the origin is. */
const FAILURE_CODES: Readonly<Record<OriginFailure | 'not-cached', ProblemCode>> = {
  refused: 'origin-failed',
  unreachable: 'origin-failed',
  tls: 'origin-failed',
  timeout: 'origin-timeout',
  closed: 'origin-failed',
  truncated: 'origin-failed',
  'not-http': 'origin-failed',
  'headers-too-large': 'origin-failed',
  'bad-request': 'bad-request',
  busy: 'too-many-requests',
  aborted: 'origin-failed',
  'not-cached': 'not-cached',
};

const FAILURE_DETAILS: Readonly<Record<OriginFailure | 'not-cached', string>> = {
  refused: 'nothing listens at the origin: is it running, and is --origin right?',
  unreachable: 'no connection to the origin within 5 s, or its name is not known: check --origin',
  tls: "the origin's certificate is not trusted or names another host",
  timeout: 'the origin sent nothing for as long as --timeout allows',
  closed: 'the origin closed the connection without an answer',
  truncated: 'the origin broke off its answer',
  'not-http': 'what the origin sent is no HTTP response',
  'headers-too-large': 'the header fields of the origin are larger than 32 KiB',
  'bad-request': 'this request cannot be sent to the origin',
  busy: 'more requests to the origin are under way than this proxy allows: try again',
  aborted: 'the proxy is stopping',
  'not-cached': 'the request says only-if-cached, and nothing that is stored fits it',
};

/** The proxy as a handler of Node's HTTP server. */
export function createProxy(options: ProxyOptions): RequestListener {
  const lane = new ProxyLane(options.cache);
  return (request, response) => {
    const exchange = new ProxyExchange(options, lane, request, response);
    const hit = lane.find(request);
    if (hit && exchange.hit(hit)) return;
    let asked: CacheRequest;
    try {
      asked = readProxyRequest(request, options.identity);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      exchange.refuse(error);
      return;
    }
    exchange.begin(asked);
  };
}

/** One request and its answer. */
class ProxyExchange implements AnswerTaker {
  readonly #options: ProxyOptions;
  readonly #lane: ProxyLane;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #beganMs = Date.now();
  readonly #begun = performance.now();
  readonly #socket: Socket;
  readonly #bytesBefore: number;
  #asked: { readonly method: string; readonly fields: Fields } | undefined;
  #mark: Mark | 'none' = 'none';
  /** Takes the reader off what it waits for. */
  #leave: (() => void) | undefined;

  constructor(
    options: ProxyOptions,
    lane: ProxyLane,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.#options = options;
    this.#lane = lane;
    this.#request = request;
    this.#response = response;
    this.#socket = request.socket;
    this.#bytesBefore = this.#socket.bytesWritten;
    response.sendDate = false;
    response.on('close', () => this.#closed()); // `once` would cost more, and it closes once
  }

  begin(asked: CacheRequest): void {
    this.#asked = asked;
    const leave = this.#options.cache.answer(asked, this);
    if (!this.#response.headersSent) this.#leave ??= leave;
  }

  /**
   * Answers a plain hit of HTTP/1.1 by prepared bytes.
   *
   * @returns false if there are none, and none were written
   */
  hit(stored: StoredResponse): boolean {
    if (!this.#response.shouldKeepAlive) return false;
    const bytes = preparedHit(stored, this.#beganMs);
    if (bytes === undefined || !endPrepared(this.#response, stored.status, bytes)) return false;
    const isStored = (): boolean => stored.isStored && stored.prepared?.bytes === bytes;
    this.#options.backlog.add(this.#response, bytes, isStored);
    this.#mark = 'hit';
    return true;
  }

  refuse(problem: Problem): void {
    const body = problemBody(problem);
    const { status, code, headers } = problem;
    const fields = ['Content-Type', PROBLEM_TYPE, 'Cache-Control', 'no-store'];
    const date = new Date().toUTCString();
    fields.push('Content-Length', String(body.length), 'Date', date);
    for (const [name, value] of Object.entries(headers)) fields.push(name, value);
    // A body that nobody reads would stand before the next request of the connection.
    if (this.#request.headers['content-length'] ?? this.#request.headers['transfer-encoding']) {
      this.#response.shouldKeepAlive = false;
    }
    this.#write({ status, statusMessage: code, fields, body: undefined });
    this.#response.end(this.#request.method === 'HEAD' ? undefined : body);
  }

  interim({ status, fields }: ResponseHead): void {
    const response = this.#response;
    if (response.headersSent || this.#request.httpVersion === '1.0') return;
    try {
      if (status === 102) response.writeProcessing();
      else if (status === 103) response.writeEarlyHints(hintsOf(fields.endToEnd()));
    } catch {
      // Node refuses hints that are not well-formed; the final response comes all the same.
    }
  }

  stored(stored: StoredResponse, handling: Handling): void {
    this.#leave = undefined;
    this.#mark = handling.mark;
    if (this.#writePrepared(stored, handling)) return;
    const answer = storedAnswer(stored, this.#asked!, handling, Date.now());
    if (!this.#write(answer)) return;
    this.#response.end(answer.body);
    if (!answer.body) return;
    // It may be a part, which keeps all of it.
    this.#options.backlog.add(this.#response, stored.body, () => stored.isStored);
  }

  streamed(head: ResponseHead, body: BodyReader, handling: Handling): void {
    this.#mark = handling.mark;
    const answer = streamedAnswer(head, this.#asked!, handling, Date.now());
    if (!this.#write(answer)) {
      body.leave();
      return;
    }
    if (answer.isWhole) {
      this.#leave = undefined;
      this.#response.end();
      // An origin that sends no body ends by itself.
      const leaveLate = (): unknown => body.state !== 'coming' && body.leave();
      if (answer.skipsBody) awaitBody(body);
      else body.onNews = leaveLate;
      return;
    }
    const leave = (): void => body.leave();
    this.#leave = leave;
    pumpBody(body, this.#response);
  }

  failed(failure: OriginFailure | 'not-cached'): void {
    this.#leave = undefined;
    if (this.#response.destroyed) return;
    const problem = new Problem(FAILURE_CODES[failure], FAILURE_DETAILS[failure], {
      members: { failure },
      headers: { 'X-Cache': 'MISS' },
    });
    this.refuse(problem);
  }

  /** @returns false if this answer has no prepared bytes, and none were written */
  #writePrepared(stored: StoredResponse, { mark }: Handling): boolean {
    const { method, fields } = this.#asked!;
    const { httpVersion } = this.#request;
    const isPlain = mark === 'hit' && method === 'GET' && httpVersion === '1.1';
    if (!isPlain || !isUnconditional(fields) || !this.hit(stored)) return false;
    this.#lane.add(this.#request, stored.ticket);
    return true;
  }

  /** @returns false if Node refused the fields; a problem has gone out in their place */
  #write({ status, statusMessage, fields }: Answer): boolean {
    try {
      this.#response.writeHead(status, statusMessage, fields);
      return true;
    } catch {
      if (this.#response.headersSent) this.#response.destroy();
      else this.failed('not-http');
      return false;
    }
  }

  #closed(): void {
    this.#leave?.();
    const { method = '', url = '' } = this.#request;
    const { statusCode, writableFinished } = this.#response;
    this.#options.onRequest({
      timeMs: this.#beganMs,
      method,
      path: url,
      status: statusCode,
      cacheResult: this.#mark,
      durationMs: performance.now() - this.#begun,
      bytes: this.#socket.bytesWritten - this.#bytesBefore,
      origin: this.#options.origin,
      isBroken: !writableFinished,
    });
  }
}

function hintsOf(fields: Fields): Record<string, string | string[]> {
  const hints: Record<string, string | string[]> = {};
  const { raw } = fields;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const before = hints[name];
    hints[name] = before === undefined ? raw[i + 1]! : [before, raw[i + 1]!].flat();
  }
  return hints;
}
