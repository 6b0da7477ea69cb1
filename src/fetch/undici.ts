/**
 * HTTP to instances: one connection, and one GET over it.
 *
 * One undici `Client` is one connection, and carries one GET at a time: what hangs delays nothing
 * else. Which connection is used again, and when it goes, is `connections.ts`'s; opening sockets
 * is `connect.ts`'s; redirects, decompression, sizes and deadlines are `page.ts`'s.
 *
 * Measured: `dispatch` costs 65 us CPU per GET of 50 KB, undici.request 103, node:http 172.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Dispatcher, Client as UndiciClient } from 'undici';
import errors from 'undici/lib/core/errors.js';
import Client from 'undici/lib/dispatcher/client.js';
import { ConnectError, connect } from './connect.ts';
import { failureOf } from './diagnosis.ts';
import type { Failure } from './failure.ts';
import type { ScrapeTarget } from './target.ts';
import type { Trust } from './trust.ts';

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Who gets a response, piece by piece. Nothing comes after `ended` or `failed`. Must not throw. */
export interface Receiver {
  started(status: number, headers: ResponseHeaders): void;
  /** May still be called a few times after `pause`. */
  received(chunk: Buffer): void;
  ended(): void;
  /** `hung`: because it did not answer in time, as far as connecting is concerned. */
  failed(failure: Failure, hung: boolean): void;
}

/** What `connections.ts` keeps of an address: nothing else looks into it. */
export interface Origin {
  readonly address: string;
  readonly idle: Connection[];
  busy: number;
  /** The address has left the table: what is busy is not to be kept. */
  forgotten: boolean;
}

/** Where a GET gets its connection from, and gives it back to. */
export interface ConnectionSource {
  /** One that idles, or a new one; with `fresh` a new one. */
  take(target: ScrapeTarget, fresh: boolean): Connection;
  /** It may be used again. */
  giveBack(connection: Connection): void;
  /** It is of no more use. */
  discard(connection: Connection): void;
  /** The process had no descriptor for a connection. */
  noDescriptors(): void;
}

export interface ConnectionOptions {
  readonly trust: Readonly<Record<ScrapeTarget['trust'], Trust>>;
  readonly connectTimeoutMs: number;
  /** How long it is kept when it idles, unless the instance says less. */
  readonly idleTimeoutMs: number;
  /** It has closed by itself; if it idles it is of no more use. */
  readonly onClosed: (connection: Connection) => void;
}

/** A descriptor may come free at any time, wherever in the process or the system. */
const DESCRIPTOR_RETRY_MS = 100;
const MAX_HEADER_BYTES = 16_384;
/** Interim responses (1xx) before the final one; a flood of them never ends otherwise. */
const MAX_INTERIM = 32;

/** One connection: it opens when it is first used, and again if it was closed in between. */
export class Connection {
  /** It waits for its next GET. */
  idles = false;
  readonly origin: Origin;
  readonly target: ScrapeTarget;
  readonly client: UndiciClient;
  /** How many sockets were opened: whether a GET got a new one. */
  opened = 0;
  /** What broke the socket: a body that ends with it has not been told to end. */
  brokenBy: Error | undefined;
  #socket: Socket | undefined;
  #context: unknown;
  readonly #options: ConnectionOptions;

  constructor(origin: Origin, target: ScrapeTarget, options: ConnectionOptions) {
    this.origin = origin;
    this.target = target;
    this.#options = options;
    // The URL only says whether TLS is spoken: `connect` knows the address, and every GET its Host.
    this.client = new Client(target.tls ? 'https://instance' : 'http://instance', {
      connect: (_options, callback) => void this.#open(callback),
      allowH2: target.http2,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 0, // the scrape's deadline bounds both
      bodyTimeout: 0,
      keepAliveTimeout: options.idleTimeoutMs,
      keepAliveMaxTimeout: options.idleTimeoutMs,
      ...(target.http2 ? { h2Options: { pingInterval: 0, maxConcurrentStreams: 1 } } : {}),
    });
    this.client.on('disconnect', () => options.onClosed(this));
    // undici tells a bug of a handler here; an error event that nobody hears ends the process.
    const emitter: EventEmitter = this.client;
    emitter.on('error', () => undefined);
  }

  /** TLS settings have changed since it was opened. */
  get outdated(): boolean {
    return this.target.tls && this.#context !== this.#options.trust[this.target.trust].latest();
  }

  fits(target: ScrapeTarget): boolean {
    return (
      this.target.tls === target.tls &&
      this.target.serverName === target.serverName &&
      this.target.trust === target.trust &&
      this.target.http2 === target.http2
    );
  }

  /** Ends it; no GET may be under way. Never rejects. */
  async close(): Promise<void> {
    this.#socket?.destroy(); // also one that is still being opened, which undici would wait for
    await this.client.destroy();
  }

  /** Opens a socket for undici, which speaks HTTP/2 on it if `alpnProtocol` says so. */
  async #open(callback: Opened): Promise<void> {
    const { address, tls, serverName, http2, trust } = this.target;
    const timeoutMs = this.#options.connectTimeoutMs;
    const alpn = http2 ? ['h2', 'http/1.1'] : ['http/1.1'];
    try {
      const context = tls ? await this.#options.trust[trust].context() : undefined;
      if (this.client.destroyed) throw new ConnectError('aborted', address);
      this.#context = context;
      this.opened++;
      this.brokenBy = undefined;
      const options = { address, timeoutMs, tls: context && { context, serverName, alpn } };
      this.#socket = connect(options, (error, socket) => {
        if (socket) this.#use(socket, callback);
        else callback(error ?? new ConnectError('aborted', address), null);
      });
    } catch (cause) {
      const failed = cause instanceof ConnectError; // else settings or a name that TLS cannot take
      callback(failed ? cause : new ConnectError('tls', address, { cause }), null);
    }
  }

  #use(socket: Socket, callback: Opened): void {
    socket.once('error', (cause) => {
      this.brokenBy = cause;
    });
    const priorKnowledge = this.target.http2 && !this.target.tls;
    callback(null, priorKnowledge ? Object.assign(socket, { alpnProtocol: 'h2' }) : socket);
  }
}

/** undici's callback for a socket. */
type Opened = (...args: [Error, null] | [null, Socket]) => void;

/**
 * One GET under way. The methods that begin with `on` are undici's to call.
 *
 * Sending and resuming wait for the end of the current task: the end of one GET lets others go on,
 * and undici's parser, in the midst of the one, fails when it is given another's bytes.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #connections: ConnectionSource;
  readonly #options: Dispatcher.DispatchOptions & { readonly servername: string };
  readonly #target: ScrapeTarget;
  readonly #receiver: Receiver;
  #connection: Connection;
  #controller: Dispatcher.DispatchController | undefined;
  #openedBefore = 0;
  #interim = 0;
  /** Something of an answer has come. */
  #heard = false;
  /** Its final status and headers have come. */
  #started = false;
  #retried = false;
  #done = false;
  #paused = false;
  /** Set while it waits to try again. */
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(
    connections: ConnectionSource,
    target: ScrapeTarget,
    path: string,
    headers: readonly string[],
    receiver: Receiver,
  ) {
    this.#connections = connections;
    this.#target = target;
    this.#receiver = receiver;
    this.#options = {
      method: 'GET',
      path,
      headers: headers as string[], // undici only reads them
      // Without it undici takes the name from Host, and reconnects when that changes.
      servername: 'instance',
    };
    this.#connection = connections.take(target, false);
    queueMicrotask(this.#send);
  }

  /** Stops the flow until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    queueMicrotask(this.#flow);
  }

  /** It could not connect so far: the process has no descriptor left. */
  get wantsDescriptor(): boolean {
    return this.#retryTimer !== undefined;
  }

  /** Ends it at once, with its connection. The receiver hears nothing more. */
  abort(): void {
    if (!this.#done) this.#end();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStarted(): void {
    this.#heard = true;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHeaders,
  ): void {
    if (this.#done) return;
    if (status >= 200) {
      this.#started = true;
      this.#receiver.started(status, headers);
    } else if (++this.#interim > MAX_INTERIM) this.#fail('status-other');
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#done) this.#receiver.received(chunk);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    if (this.#connection.brokenBy) {
      this.#fail('truncated');
      return;
    }
    this.#done = true;
    this.#connections.giveBack(this.#connection);
    this.#receiver.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#done) return;
    if (error instanceof ConnectError && error.failure === 'no-descriptors') {
      this.#connections.noDescriptors();
      this.#controller = undefined;
      this.#retryTimer = setTimeout(this.#send, DESCRIPTOR_RETRY_MS);
      return;
    }
    const idled = this.#connection.opened > 0 && this.#connection.opened === this.#openedBefore;
    if (idled && !this.#heard && !this.#retried) {
      this.#retry();
      return;
    }
    // A refusal by TLS 1.3 comes late, and undici forgets it when the connection closes after it.
    const cause = error instanceof errors.SocketError ? this.#connection.brokenBy : undefined;
    const hung = error instanceof ConnectError && error.hung;
    this.#fail(failureOf(cause ?? error, this.#started), hung);
  }

  readonly #send = (): void => {
    if (this.#done) return;
    this.#retryTimer = undefined;
    this.#openedBefore = this.#connection.opened;
    this.#connection.client.dispatch(this.#options, this);
  };

  readonly #flow = (): void => {
    if (!this.#done && !this.#paused) this.#controller?.resume();
  };

  #retry(): void {
    this.#retried = true;
    this.#controller = undefined;
    this.#connections.discard(this.#connection);
    this.#connection = this.#connections.take(this.#target, true);
    queueMicrotask(this.#send);
  }

  #fail(failure: Failure, hung = false): void {
    this.#end();
    this.#receiver.failed(failure, hung);
  }

  #end(): void {
    this.#done = true;
    clearTimeout(this.#retryTimer);
    // First: undici 8.12 ends the process when an HTTP/2 client is destroyed before its requests.
    this.#controller?.abort(new Error('given up'));
    this.#connections.discard(this.#connection);
  }
}
