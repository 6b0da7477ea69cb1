/**
 * The origin of the caching proxy, asked over a pool of connections by undici.
 *
 * Streams both ways, follows no redirect, decompresses nothing. `refresh/` decides what an answer
 * means; this file says what came, and gives each failure its word.
 */
import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { type Dispatcher, errors, Pool } from 'undici';

/**
 * Why the origin gave no whole answer: a closed set. `refresh/origin.ts` has the same words, since it
 * imports no other stage; the compiler compares both where `assemble/proxy.ts` connects them.
 */
export type OriginFailure =
  | 'refused'
  | 'unreachable'
  | 'tls'
  | 'timeout'
  | 'closed'
  | 'truncated'
  | 'not-http'
  | 'headers-too-large'
  | 'bad-request'
  | 'busy'
  | 'aborted';

export interface OriginCallRequest {
  readonly method: string;
  /** Path and query as the reader sent them; the origin's own base path is put before. */
  readonly target: string;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  readonly body?: Readable | undefined;
}

interface OriginHead {
  readonly status: number;
  readonly statusMessage: string;
  /** Names and values in turn, as they came. */
  readonly fields: readonly string[];
}

export interface OriginObserver {
  readonly interim: (head: OriginHead) => void;
  readonly started: (head: OriginHead) => void;
  readonly received: (chunk: Buffer) => void;
  readonly ended: () => void;
  readonly failed: (failure: OriginFailure, cause: string) => void;
}

export interface UndiciOriginOptions {
  readonly url: URL;
  /** The longest wait for the head of a response, and between two pieces of its body. */
  readonly timeoutMs: number;
  /** PEM texts; undefined: Node's own. Unused for `http:`. */
  readonly authorities?: readonly string[] | undefined;
}

const CONNECT_MS = 5_000;
const MAX_HEADER_BYTES = 32_768;
const MAX_CONNECTIONS = 512;
/** Requests at once; further ones are refused, since they would only wait. */
const MAX_CALLS = 2_048;
/** Shorter than any server's: a connection that the origin just closed is not asked. */
const IDLE_MS = 4_000;
const MAX_INTERIM = 32;

export class UndiciOrigin {
  readonly #pool: Pool;
  readonly #basePath: string;
  #calls = 0;

  constructor({ url, timeoutMs, authorities }: UndiciOriginOptions) {
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#pool = new Pool(url.origin, {
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      allowH2: false,
      connect: { timeout: CONNECT_MS, ...(authorities ? { ca: [...authorities] } : {}) },
    });
    // undici reports bugs of handlers here; an error event without a listener ends the process.
    const emitter: EventEmitter = this.#pool;
    emitter.on('error', () => undefined);
  }

  /** Sends a request. Its observer is told of everything later, never within this call. */
  call(request: OriginCallRequest, observer: OriginObserver): OriginCall {
    const call = new OriginCall(this.#pool, request, {
      ...{ basePath: this.#basePath, observer },
      onOver: () => {
        this.#calls--;
      },
    });
    const isBusy = this.#calls++ >= MAX_CALLS;
    queueMicrotask(() => call.send(isBusy));
    return call;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

interface CallOptions {
  readonly basePath: string;
  readonly observer: OriginObserver;
  readonly onOver: () => void;
}

/** One request under way. undici calls the methods whose names begin with `on`. */
export class OriginCall implements Dispatcher.DispatchHandler {
  readonly #pool: Pool;
  readonly #request: OriginCallRequest;
  readonly #options: CallOptions;
  #controller: Dispatcher.DispatchController | undefined;
  #hasHead = false;
  #interim = 0;
  #paused = false;
  #retried = false;
  #over = false;

  constructor(pool: Pool, request: OriginCallRequest, options: CallOptions) {
    this.#pool = pool;
    this.#request = request;
    this.#options = options;
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // undici's parser may be busy with the chunk that led here.
    queueMicrotask(() => {
      if (!this.#over && !this.#paused) this.#controller?.resume();
    });
  }

  abort(): void {
    if (!this.#finish()) return;
    this.#controller?.abort(new Error('the answer is not wanted any more'));
  }

  /** @internal called once by `UndiciOrigin`, and for a retry */
  send(isBusy = false): void {
    if (this.#over) return;
    if (isBusy) {
      this.#fail('busy', 'too many requests to the origin are under way');
      return;
    }
    const { method, target, fields, body } = this.#request;
    const path = this.#options.basePath + target;
    try {
      this.#pool.dispatch(
        { method: method as Dispatcher.HttpMethod, path, headers: [...fields], body: body ?? null },
        this,
      );
    } catch (error) {
      this.#fail('bad-request', messageOf(error));
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('the answer is not wanted any more'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusMessage = '',
  ): void {
    if (this.#over) return;
    const head = { status, statusMessage, fields: textsOf(controller.rawHeaders) };
    if (status < 200) {
      if (++this.#interim <= MAX_INTERIM) this.#options.observer.interim(head);
      else this.#failAndAbort('not-http', `more than ${MAX_INTERIM} interim responses`);
      return;
    }
    this.#hasHead = true;
    this.#options.observer.started(head);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over) this.#options.observer.received(chunk);
  }

  onResponseEnd(): void {
    if (this.#finish()) this.#options.observer.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return;
    if (this.#mayRetry(error)) {
      this.#retried = true;
      this.#controller = undefined;
      queueMicrotask(() => this.send());
      return;
    }
    this.#fail(failureOf(error, this.#hasHead), messageOf(error));
  }

  /** The origin may have closed an idle connection at the moment at which it was used again. */
  #mayRetry(error: Error): boolean {
    const { method, body } = this.#request;
    if (this.#retried || this.#hasHead || this.#interim > 0 || body) return false;
    if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return false;
    return error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0;
  }

  #failAndAbort(failure: OriginFailure, cause: string): void {
    this.#fail(failure, cause);
    this.#controller?.abort(new Error(cause));
  }

  #fail(failure: OriginFailure, cause: string): void {
    if (this.#finish()) this.#options.observer.failed(failure, cause);
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#options.onOver();
    return true;
  }
}

type RawHeaders = Dispatcher.DispatchController['rawHeaders'];

function textsOf(raw: RawHeaders): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((text) => (typeof text === 'string' ? text : text.toString('latin1')));
}

/** undici's and Node's codes; others are told apart by whether the head had come. */
const FAILURES: Readonly<Record<string, OriginFailure>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EMFILE: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'unreachable',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'headers-too-large',
  UND_ERR_INVALID_ARG: 'bad-request',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'bad-request',
  UND_ERR_NOT_SUPPORTED: 'bad-request',
  UND_ERR_DESTROYED: 'aborted',
  UND_ERR_CLOSED: 'aborted',
};

function failureOf(error: Error & { readonly code?: unknown }, hasHead: boolean): OriginFailure {
  const code = String(error.code ?? '');
  const known = FAILURES[code];
  if (known) return known;
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) return 'tls';
  if (error.name === 'HTTPParserError' || error.message.startsWith('bad ')) return 'not-http';
  return hasHead ? 'truncated' : 'closed';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : String(error);
}
