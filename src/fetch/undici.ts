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
import type { TLSSocket } from 'node:tls';
import type { Dispatcher, Client as UndiciClient } from 'undici';
import errors from 'undici/lib/core/errors.js';
import Client from 'undici/lib/dispatcher/client.js';
import { ConnectError, connect } from './connect.ts';
import { causeOf, failureOf, isRefusal } from './diagnosis.ts';
import type { FailedGet, Get, Receiver, ResponseHeaders } from './get.ts';
import type { ScrapeTarget } from './target.ts';
import type { Trust } from './trust.ts';
import { WireLimit, WireLimitError } from './wire-limit.ts';

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
/** How often HTTP/2's bytes are looked at: nothing tells of frames that belong to no body. */
const HTTP2_LOOK_MS = 50;
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
  readonly wire = new WireLimit();
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

  get speaksHttp2(): boolean {
    const { http2, tls } = this.target;
    return http2 && (!tls || (this.#socket as TLSSocket | undefined)?.alpnProtocol === 'h2');
  }

  fits(target: ScrapeTarget): boolean {
    return (
      this.target.tls === target.tls &&
      this.target.serverName === target.serverName &&
      this.target.trust === target.trust &&
      this.target.http2 === target.http2
    );
  }

  /** Of its socket, since it was opened. */
  get bytesRead(): number {
    return this.#socket?.bytesRead ?? 0;
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
    this.#count(socket);
    const priorKnowledge = this.target.http2 && !this.target.tls;
    callback(null, priorKnowledge ? Object.assign(socket, { alpnProtocol: 'h2' }) : socket);
  }

  /**
   * Counts what is read before anybody sees it. `push` is where Node hands it to the stream, once;
   * undici reads what it has put back several times. HTTP/2 bypasses the stream: `Exchange` looks now and then.
   */
  #count(socket: Socket): void {
    const push = socket.push;
    socket.push = (chunk: Buffer | null, encoding) => {
      const error = chunk === null ? undefined : this.wire.take(chunk.length);
      if (error === undefined) return push.call(socket, chunk, encoding);
      socket.destroy(error);
      return false;
    };
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
export class Exchange implements Dispatcher.DispatchHandler, Get {
  readonly #connections: ConnectionSource;
  readonly #options: Dispatcher.DispatchOptions & { readonly servername: string };
  readonly #target: ScrapeTarget;
  readonly #receiver: Receiver;
  #connection: Connection;
  #controller: Dispatcher.DispatchController | undefined;
  #openedBefore = 0;
  /** Looks at the bytes of HTTP/2. */
  #watch: NodeJS.Timeout | undefined;
  #bytesSeen = 0;
  #interim = 0;
  /** Something of an answer has come. */
  #heard = false;
  /** Those of its final status, once they have come. */
  #headers: ResponseHeaders | undefined;
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

  bodyBegins(maxBodyBytes: number): void {
    this.#connection.wire.bodyBegins(maxBodyBytes);
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
      this.#headers = headers;
      this.#receiver.started(status, headers);
    } else if (++this.#interim > MAX_INTERIM) {
      this.#fail({ failure: 'too-large', cause: `more than ${MAX_INTERIM} interim responses` });
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#done) this.#receiver.received(chunk);
  }

  onResponseEnd(): void {
    if (this.#done) return;
    const { brokenBy } = this.#connection;
    if (brokenBy) {
      this.#failBy(brokenBy);
      return;
    }
    this.#done = true;
    clearInterval(this.#watch);
    this.#connections.giveBack(this.#connection);
    this.#receiver.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#done) return;
    if (error instanceof ConnectError && error.failure === 'no-descriptors') {
      this.#connections.noDescriptors();
      this.#controller = undefined;
      this.#retryTimer = setTimeout(this.#sendAgain, DESCRIPTOR_RETRY_MS);
      return;
    }
    const idled = this.#connection.opened > 0 && this.#connection.opened === this.#openedBefore;
    const isFlood = error instanceof WireLimitError;
    if (idled && !this.#heard && !this.#retried && !isFlood) {
      this.#retry();
      return;
    }
    // A refusal by TLS 1.3 comes late, and undici forgets it when the connection closes after it.
    const cause = error instanceof errors.SocketError ? this.#connection.brokenBy : undefined;
    this.#failBy(cause ?? error);
  }

  #failBy(error: Error): void {
    this.#fail({
      failure: failureOf(error, this.#headers !== undefined),
      hung: error instanceof ConnectError && error.hung,
      refused: !this.#connection.speaksHttp2 && isRefusal(error, this.#headers),
      cause: causeOf(error),
    });
  }

  readonly #send = (): void => {
    if (this.#done) return;
    this.#retryTimer = undefined;
    this.#openedBefore = this.#connection.opened;
    this.#connection.wire.begin();
    if (this.#target.http2) this.#startWatch();
    this.#connection.client.dispatch(this.#options, this);
  };

  readonly #sendAgain = (): void => {
    if (this.#done || (this.#receiver.mayRetry?.() ?? true)) this.#send();
    else this.#fail({ failure: 'moved', cause: 'its address is no longer its own' });
  };

  #startWatch(): void {
    this.#bytesSeen = this.#connection.bytesRead;
    this.#watch ??= setInterval(this.#look, HTTP2_LOOK_MS);
  }

  readonly #look = (): void => {
    const { bytesRead, wire, speaksHttp2 } = this.#connection;
    const bytes = bytesRead - this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    const error = speaksHttp2 && bytes > 0 ? wire.take(bytes) : undefined;
    if (error) this.#failBy(error);
  };

  readonly #flow = (): void => {
    if (!this.#done && !this.#paused) this.#controller?.resume();
  };

  #retry(): void {
    this.#retried = true;
    this.#controller = undefined;
    this.#connections.discard(this.#connection);
    this.#connection = this.#connections.take(this.#target, true);
    queueMicrotask(this.#sendAgain);
  }

  #fail(failed: FailedGet): void {
    this.#end();
    this.#receiver.failed(failed);
  }

  #end(): void {
    this.#done = true;
    clearInterval(this.#watch);
    clearTimeout(this.#retryTimer);
    // First: undici 8.12 ends the process when an HTTP/2 client is destroyed before its requests.
    this.#controller?.abort(new Error('given up'));
    this.#connections.discard(this.#connection);
  }
}
