/**
 * One connection to an instance: one undici `Client`, which carries one GET at a time, so that what
 * hangs delays nothing else.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Client } from 'undici';
import { ConnectError, connect } from './connect.ts';
import type { ScrapeTarget } from './target.ts';
import type { Trust } from './trust.ts';
import { WireLimit } from './wire-limit.ts';

const MAX_HEADER_BYTES = 16_384;

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

/** One connection: it opens when it is first used, and again if it was closed in between. */
export class Connection {
  /** It waits for its next GET. */
  idles = false;
  readonly origin: Origin;
  readonly target: ScrapeTarget;
  readonly client: Client;
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
