/**
 * One connection to a target: an undici `Client` that carries one GET at a time, so that a GET that
 * hangs delays no other.
 */
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { LookupFunction, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Client } from 'undici';
import { ConnectError, connect } from './connect.ts';
import { settingsFailure } from './instance-identity.ts';
import { onlyOne } from './socket-lookup.ts';
import type { ScrapeTarget } from './target.ts';
import type { Trust } from './trust.ts';
import { WireLimit } from './wire-limit.ts';

const require = createRequire(import.meta.url);

/** Loads undici with the first connection, since its 131 files take a seventh of promgate's start. */
export const undici = (): typeof import('undici') => require('undici');

const MAX_HEADER_BYTES = 16_384;

/** The state that `connections.ts` keeps per address; opaque to other files. */
export interface Origin {
  /** An address, or one route at the address of a router. */
  readonly place: string;
  readonly idle: Connection[];
  busy: number;
  /** Whether the address has left the table: its busy connections must not be kept. */
  forgotten: boolean;
}

/** Gives a GET its connection, and takes the connection back. */
export interface ConnectionSource {
  /** Returns an idle connection or a new one; with `fresh` always a new one. */
  take(target: ScrapeTarget, fresh: boolean): Connection;
  /** Takes back a connection that another GET may use. */
  giveBack(connection: Connection): void;
  /** Closes a connection that no other GET may use. */
  discard(connection: Connection): void;
  /** Reports that the process had no descriptor for a connection. */
  noDescriptors(): void;
}

export interface ConnectionOptions {
  readonly trust: Readonly<Record<ScrapeTarget['trust'], Trust>>;
  readonly connectTimeoutMs: number;
  /** Finds the addresses of the names of routers and containers. Default: Node's own. */
  readonly lookup?: LookupFunction | undefined;
  /** How long an idle connection is kept, unless the instance asks for less. */
  readonly idleTimeoutMs: number;
  /** Called when a socket has closed; an idle connection must then be dropped. */
  readonly onClosed: (connection: Connection) => void;
}

/** One connection. Its first GET opens the socket; a later GET opens another if it closed. */
export class Connection {
  /** Whether the connection waits for its next GET. */
  idles = false;
  readonly origin: Origin;
  readonly target: ScrapeTarget;
  readonly client: Client;
  /** How many sockets were opened; tells whether a GET got a new socket. */
  opened = 0;
  /** The socket's error: a body that ended with this error is incomplete. */
  brokenBy: Error | undefined;
  readonly wire = new WireLimit();
  #socket: Socket | undefined;
  #context: unknown;
  readonly #options: ConnectionOptions;

  constructor(origin: Origin, target: ScrapeTarget, options: ConnectionOptions) {
    this.origin = origin;
    this.target = target;
    this.#options = options;
    // The URL only selects TLS: `connect` has the address, and every GET brings its Host.
    this.client = new (undici().Client)(target.tls ? 'https://instance' : 'http://instance', {
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
    // undici reports bugs of handlers here; an error event without a listener ends the process.
    const emitter: EventEmitter = this.client;
    emitter.on('error', () => undefined);
  }

  /** Whether the TLS settings have changed since the connection was opened. */
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

  /** Bytes read from the current socket since it was opened. */
  get bytesRead(): number {
    return this.#socket?.bytesRead ?? 0;
  }

  /** Closes the connection; no GET may be under way. Never rejects. */
  async close(): Promise<void> {
    this.#socket?.destroy(); // undici would wait for a socket that is still connecting
    await this.client.destroy();
  }

  /** Opens a socket for undici, which speaks HTTP/2 on it if `alpnProtocol` says so. */
  async #open(callback: Opened): Promise<void> {
    const { address, tls, serverName, http2, trust, via } = this.target;
    const timeoutMs = this.target.connectTimeoutMs ?? this.#options.connectTimeoutMs;
    const alpn = http2 ? ['h2', 'http/1.1'] : ['http/1.1'];
    try {
      const context = tls ? await this.#options.trust[trust].context() : undefined;
      if (this.client.destroyed) throw new ConnectError('aborted', address);
      this.#context = context;
      this.opened++;
      this.brokenBy = undefined;
      const lookup = lookupOf(this.#options, via);
      const secure = context && { context, serverName, alpn };
      const options = { address, timeoutMs, lookup, tls: secure };
      this.#socket = connect(options, (error, socket) => {
        if (socket) this.#use(socket, callback);
        else callback(error ?? new ConnectError('aborted', address), null);
      });
    } catch (cause) {
      const failed = cause instanceof ConnectError; // else TLS refused the settings or the name
      callback(failed ? cause : new ConnectError(settingsFailure(cause), address, { cause }), null);
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
   * Counts bytes before undici reads them. Node calls `push` once for all bytes, while undici may
   * put bytes back and read them again. HTTP/2 bypasses the stream: `Exchange` polls `bytesRead`.
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

/** Only one container may have the name of an index. */
export function lookupOf(
  { lookup }: Pick<ConnectionOptions, 'lookup'>,
  via: ScrapeTarget['via'],
): LookupFunction | undefined {
  return lookup && via === 'internal' ? onlyOne(lookup) : lookup;
}

/** undici's callback for a socket. */
type Opened = (...args: [Error, null] | [null, Socket]) => void;
