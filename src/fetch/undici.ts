/**
 * HTTP to instances: GETs over connections that are kept from scrape to scrape.
 *
 * One undici `Client` is one connection, and carries one GET at a time. Idle ones are kept per
 * address and identity, up to a bound over all; those of an address go when it leaves the table.
 * Redirects, decompression, sizes and deadlines are `page.ts`'s; opening sockets is `connect.ts`'s.
 *
 * Measured: `dispatch` costs 65 us CPU per GET of 50 KB, undici.request 103, node:http 172.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { Client, type Dispatcher, errors } from 'undici';
import { ConnectError, connect } from './connect.ts';
import type { Failure } from './failure.ts';
import { type Linked, LinkedList } from './linked-list.ts';
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

export interface ConnectionsOptions {
  readonly trust: Readonly<Record<ScrapeTarget['trust'], Trust>>;
  readonly connectTimeoutMs?: number;
  /** How long an idle connection is kept, unless the instance says less. */
  readonly idleTimeoutMs?: number;
  /** How many are kept over the whole program. */
  readonly maxIdle?: number;
}

interface Settings extends Required<ConnectionsOptions> {
  readonly onClosed: (connection: Connection) => void;
}

/** What there is of connections to one address. */
interface Origin {
  readonly address: string;
  readonly idle: Connection[];
  busy: number;
  /** The address has left the table: what is busy is not to be kept. */
  forgotten: boolean;
}

const MAX_HEADER_BYTES = 16_384;
/** Interim responses (1xx) before the final one; a flood of them never ends otherwise. */
const MAX_INTERIM = 32;

export class Connections implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #origins = new Map<string, Origin>();
  /** All idle ones, the longest idle first. */
  readonly #idle = new LinkedList<Connection>();
  readonly #closing = new Set<Promise<void>>();
  #busy = 0;
  #closed = false;

  constructor({
    trust,
    connectTimeoutMs = 2000,
    idleTimeoutMs = 90_000,
    maxIdle = 8192,
  }: ConnectionsOptions) {
    const onClosed = (connection: Connection): void => {
      if (connection.list) this.#closeIdle(connection);
    };
    this.#settings = { trust, connectTimeoutMs, idleTimeoutMs, maxIdle, onClosed };
  }

  /** How many connections there are, by what they do. */
  get sizes(): { readonly idle: number; readonly busy: number } {
    return { idle: this.#idle.size, busy: this.#busy };
  }

  /**
   * Asks `target` for `path`, with `headers` (flat: name, value, …; `Host` is one of them).
   *
   * A connection that turns out to have died while it idled is replaced once by a new one.
   */
  get(
    target: ScrapeTarget,
    path: string,
    headers: readonly string[],
    receiver: Receiver,
  ): Exchange {
    return new Exchange(this, target, path, headers, receiver);
  }

  /** A connection for `target`: the one that idles since the shortest time, or a new one. */
  take(target: ScrapeTarget, fresh: boolean): Connection {
    let origin = this.#origins.get(target.address);
    if (!origin) {
      origin = { address: target.address, idle: [], busy: 0, forgotten: false };
      this.#origins.set(target.address, origin);
    }
    const found = fresh ? undefined : this.#findIdle(origin, target);
    const connection = found ?? new Connection(origin, target, this.#settings);
    origin.busy++;
    this.#busy++;
    return connection;
  }

  /** Takes a connection back that may be used again. */
  giveBack(connection: Connection): void {
    const { origin } = connection;
    if (this.#closed || origin.forgotten || connection.outdated) {
      this.discard(connection);
      return;
    }
    this.#busy--;
    origin.busy--;
    origin.idle.push(connection);
    this.#idle.push(connection);
    const oldest = this.#idle.first;
    if (this.#idle.size > this.#settings.maxIdle && oldest) this.#closeIdle(oldest);
  }

  /** Ends a connection that is of no more use. */
  discard(connection: Connection): void {
    this.#busy--;
    connection.origin.busy--;
    this.#tidy(connection.origin);
    this.#close(connection);
  }

  /** The address left the table: its idle connections close now, busy ones after their GET. */
  forget(address: string): void {
    const origin = this.#origins.get(address);
    if (!origin) return;
    origin.forgotten = true;
    for (const connection of [...origin.idle]) this.#closeIdle(connection);
    this.#origins.delete(address);
  }

  /** Closes the idle connections, those given back later too, and waits for all that close. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (let one = this.#idle.first; one; one = this.#idle.first) this.#closeIdle(one);
    await Promise.all(this.#closing);
  }

  #findIdle({ idle }: Origin, target: ScrapeTarget): Connection | undefined {
    for (let i = idle.length - 1; i >= 0; i--) {
      const connection = idle[i]!; // only entries from `i` on are taken out below
      if (!connection.fits(target)) continue;
      this.#leaveIdle(connection);
      if (!connection.outdated) return connection;
      this.#close(connection);
    }
    return undefined;
  }

  #closeIdle(connection: Connection): void {
    this.#leaveIdle(connection);
    this.#tidy(connection.origin);
    this.#close(connection);
  }

  #close(connection: Connection): void {
    const closing = connection.close().then(() => {
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
  }

  #leaveIdle(connection: Connection): void {
    const { idle } = connection.origin;
    this.#idle.remove(connection);
    idle.splice(idle.indexOf(connection), 1);
  }

  #tidy(origin: Origin): void {
    if (origin.busy > 0 || origin.idle.length > 0 || origin.forgotten) return;
    this.#origins.delete(origin.address);
  }
}

/** One connection: it opens when it is first used, and again if it was closed in between. */
class Connection implements Linked<Connection> {
  list: LinkedList<Connection> | undefined;
  before: Connection | undefined;
  after: Connection | undefined;
  readonly origin: Origin;
  readonly target: ScrapeTarget;
  readonly client: Client;
  /** How many sockets were opened: whether a GET got a new one. */
  opened = 0;
  /** What broke the socket: a body that ends with it has not been told to end. */
  brokenBy: Error | undefined;
  #socket: Socket | undefined;
  #context: unknown;
  readonly #settings: Settings;

  constructor(origin: Origin, target: ScrapeTarget, settings: Settings) {
    this.origin = origin;
    this.target = target;
    this.#settings = settings;
    // The URL only says whether TLS is spoken: `connect` knows the address, and every GET its Host.
    this.client = new Client(target.tls ? 'https://instance' : 'http://instance', {
      connect: (_options, callback) => void this.#open(callback),
      allowH2: target.http2,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 0, // the scrape's deadline bounds both
      bodyTimeout: 0,
      keepAliveTimeout: settings.idleTimeoutMs,
      keepAliveMaxTimeout: settings.idleTimeoutMs,
      ...(target.http2 ? { h2Options: { pingInterval: 0, maxConcurrentStreams: 1 } } : {}),
    });
    this.client.on('disconnect', () => settings.onClosed(this));
    // undici tells a bug of a handler here; an error event that nobody hears ends the process.
    const emitter: EventEmitter = this.client;
    emitter.on('error', () => undefined);
  }

  /** TLS settings have changed since it was opened. */
  get outdated(): boolean {
    return this.target.tls && this.#context !== this.#settings.trust[this.target.trust].latest();
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
  async #open(callback: (...args: [Error, null] | [null, Socket]) => void): Promise<void> {
    const { address, tls, serverName, http2, trust } = this.target;
    const context = tls ? await this.#settings.trust[trust].context() : undefined;
    if (this.client.destroyed) {
      callback(new ConnectError('aborted', address), null);
      return;
    }
    this.#context = context;
    this.opened++;
    this.brokenBy = undefined;
    const alpn = http2 ? ['h2', 'http/1.1'] : ['http/1.1'];
    const options = {
      address,
      timeoutMs: this.#settings.connectTimeoutMs,
      tls: context && { context, serverName, alpn },
    };
    this.#socket = connect(options, (error, socket) => {
      if (error || !socket) {
        callback(error ?? new ConnectError('aborted', address), null);
        return;
      }
      socket.once('error', (cause) => {
        this.brokenBy = cause;
      });
      callback(null, http2 && !tls ? Object.assign(socket, { alpnProtocol: 'h2' }) : socket);
    });
  }
}

/** One GET under way. Its other methods are undici's. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #connections: Connections;
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

  constructor(
    connections: Connections,
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
    this.#send();
  }

  /** Stops the flow until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#controller?.resume();
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

  #send(): void {
    this.#openedBefore = this.#connection.opened;
    this.#connection.client.dispatch(this.#options, this);
  }

  #retry(): void {
    this.#retried = true;
    this.#controller = undefined;
    this.#connections.discard(this.#connection);
    this.#connection = this.#connections.take(this.#target, true);
    this.#send();
  }

  #fail(failure: Failure, hung = false): void {
    this.#end();
    this.#receiver.failed(failure, hung);
  }

  #end(): void {
    this.#done = true;
    // First: undici 8.12 ends the process when an HTTP/2 client is destroyed before its requests.
    this.#controller?.abort(new Error('given up'));
    this.#connections.discard(this.#connection);
  }
}

/** The word for what undici, a socket or `connect.ts` reports; `started`: headers had come. */
function failureOf(error: Error & { readonly code?: unknown }, started: boolean): Failure {
  if (error instanceof ConnectError) return error.failure;
  const code = String(error.code);
  switch (code) {
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'too-large';
    case 'UND_ERR_INVALID_ARG': // a route that is no Host, a path that is no request target
      return 'unreachable';
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return 'aborted';
    case 'UND_ERR_SOCKET': // an answer that may not come (100, 101), else a closed connection
      return error.message.startsWith('bad ') ? 'status-other' : 'truncated';
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
  }
  if (code.startsWith('ERR_SSL')) return 'tls'; // TLS 1.3 refuses our certificate after connecting
  const nonsense =
    error instanceof errors.HTTPParserError ||
    error instanceof errors.ResponseContentLengthMismatchError ||
    code.startsWith('ERR_HTTP2');
  return nonsense && !started ? 'status-other' : 'truncated';
}
