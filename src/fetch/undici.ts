/**
 * One GET over one connection of undici.
 *
 * `connections.ts` decides which connection is used again and when it closes; `connect.ts` opens
 * sockets; `page.ts` handles redirects and deadlines, `body-reader.ts` decompression and sizes.
 *
 * Measured: `dispatch` costs 65 us CPU per GET of 50 KB, undici.request 103, node:http 172.
 */
import type { Dispatcher } from 'undici';
import { ConnectError } from './connect.ts';
import { causeOf, failureOf, isRefusal } from './diagnosis.ts';
import type { FailedGet, Get, Receiver, ResponseHeaders } from './get.ts';
import type { ScrapeTarget } from './target.ts';
import { type Connection, type ConnectionSource, undici } from './undici-connection.ts';
import { WireLimitError } from './wire-limit.ts';

/** Time between retries without a descriptor; nothing reports that one is free again. */
const DESCRIPTOR_RETRY_MS = 100;
/** How often HTTP/2's bytes are counted: undici does not report frames outside bodies. */
const HTTP2_LOOK_MS = 50;
/** Bound on interim responses (1xx), so that an instance cannot send them without end. */
const MAX_INTERIM = 32;

/**
 * One GET under way. undici calls the methods whose names begin with `on`.
 *
 * Sending and resuming wait for the end of the current task: the end of one GET may let another
 * continue, and undici's parser, still busy with the first, fails if it gets bytes of another.
 */
export class Exchange implements Dispatcher.DispatchHandler, Get {
  readonly #connections: ConnectionSource;
  readonly #options: Dispatcher.DispatchOptions & { readonly servername: string };
  readonly #target: ScrapeTarget;
  readonly #receiver: Receiver;
  #connection: Connection;
  #controller: Dispatcher.DispatchController | undefined;
  #openedBefore = 0;
  /** The timer that counts HTTP/2's bytes. */
  #watch: NodeJS.Timeout | undefined;
  #bytesSeen = 0;
  #interim = 0;
  /** Whether any part of a response has arrived. */
  #heard = false;
  /** The headers of the final response, once they have arrived. */
  #headers: ResponseHeaders | undefined;
  #retried = false;
  #done = false;
  #paused = false;
  /** Set while the GET waits to retry without a descriptor. */
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
      // Without `servername` undici takes the name from Host, and reconnects when Host changes.
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

  get wantsDescriptor(): boolean {
    return this.#retryTimer !== undefined;
  }

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
    // A TLS 1.3 refusal arrives late, and undici loses it when the connection then closes.
    const cause =
      error instanceof undici().errors.SocketError ? this.#connection.brokenBy : undefined;
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
    // Abort first: undici 8.12 crashes if an HTTP/2 client is destroyed before its requests.
    this.#controller?.abort(new Error('given up'));
    this.#connections.discard(this.#connection);
  }
}
