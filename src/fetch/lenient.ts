/**
 * One GET to an instance whose responses undici's parser refuses. The GET has a connection of its
 * own, which is closed afterwards; `lenient-parser.ts` reads the response.
 *
 * The strict parser guards connections that carry several GETs: a misread end of one response would
 * damage the next. Here no response follows. `connect.ts` opens the connection and checks its
 * identity, as for all others.
 */
import type { Socket } from 'node:net';
import { ConnectError, connect } from './connect.ts';
import { causeOf, failureOf } from './diagnosis.ts';
import type { Get, Receiver, ResponseHeaders } from './get.ts';
import { settingsFailure } from './instance-identity.ts';
import { LenientParser, type ResponseReader } from './lenient-parser.ts';
import type { ScrapeTarget } from './target.ts';
import { type ConnectionOptions, lookupOf } from './undici-connection.ts';
import { WireLimit } from './wire-limit.ts';

export interface LenientOptions
  extends Pick<ConnectionOptions, 'trust' | 'connectTimeoutMs' | 'lookup'> {
  /** Called at the end. `read`: the whole response was read; `not-http`: the parser refused it. */
  readonly onOver: (read: 'read' | 'not-http' | 'unknown') => void;
}

export class LenientGet implements Get, ResponseReader {
  readonly #target: ScrapeTarget;
  /** Undefined if a character in the path or a header could split the request. */
  readonly #request: string | undefined;
  readonly #receiver: Receiver;
  readonly #options: LenientOptions;
  readonly #parser = new LenientParser(this);
  readonly #wire = new WireLimit();
  /** Always false: without a descriptor this GET fails at once and does not retry. */
  readonly wantsDescriptor = false;
  #socket: Socket | undefined;
  #paused = false;
  #started = false;
  #done = false;

  constructor(
    target: ScrapeTarget,
    path: string,
    headers: readonly string[],
    receiver: Receiver,
    options: LenientOptions,
  ) {
    this.#target = target;
    this.#request = requestOf(path, headers);
    this.#receiver = receiver;
    this.#options = options;
    queueMicrotask(() => void this.#open());
  }

  pause(): void {
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#done) return;
    this.#paused = false;
    this.#socket?.resume();
  }

  abort(): void {
    if (!this.#done) this.#end('unknown');
  }

  bodyBegins(maxBodyBytes: number): void {
    this.#wire.bodyBegins(maxBodyBytes);
  }

  head(status: number, headers: ResponseHeaders): void {
    this.#started = true;
    this.#receiver.started(status, headers);
  }

  body(chunk: Buffer, pieces: number): void {
    if (!this.#done) this.#receiver.received(chunk, pieces);
  }

  whole(): void {
    if (this.#done) return;
    this.#end('read');
    this.#receiver.ended();
  }

  async #open(): Promise<void> {
    if (this.#done) return;
    const { address, tls, serverName, trust } = this.#target;
    try {
      if (this.#request === undefined) {
        throw new ConnectError('unreachable', address, {
          cause: 'no request can carry its route, path or headers',
        });
      }
      const context = tls ? await this.#options.trust[trust].context() : undefined;
      if (this.#done) return;
      const timeoutMs = this.#target.connectTimeoutMs ?? this.#options.connectTimeoutMs;
      const secure = context && { context, serverName, alpn: ['http/1.1'] };
      const lookup = lookupOf(this.#options, this.#target.via);
      this.#socket = connect({ address, timeoutMs, lookup, tls: secure }, (error, socket) => {
        if (socket) this.#send(socket);
        else this.#fail(error ?? new ConnectError('aborted', address));
      });
    } catch (cause) {
      this.#fail(
        cause instanceof ConnectError
          ? cause
          : new ConnectError(settingsFailure(cause), address, { cause }),
      );
    }
  }

  #send(socket: Socket): void {
    if (this.#done) {
      socket.destroy();
      return;
    }
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.#ended());
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('other side closed')));
    socket.write(this.#request!, 'latin1'); // `#open` has checked it
  }

  #read(chunk: Buffer): void {
    if (this.#done) return;
    const tooMuch = this.#wire.take(chunk.length);
    if (tooMuch) {
      this.#fail(tooMuch);
      return;
    }
    try {
      this.#parser.write(chunk);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#fail(error);
    }
  }

  #ended(): void {
    if (!this.#done && !this.#parser.end()) this.#fail(new Error('other side closed'));
  }

  #fail(error: Error): void {
    if (this.#done) return;
    const failure = failureOf(error, this.#started);
    this.#end(failure === 'not-http' ? 'not-http' : 'unknown');
    const hung = error instanceof ConnectError && error.hung;
    this.#receiver.failed({ failure, hung, cause: causeOf(error) });
  }

  #end(how: 'read' | 'not-http' | 'unknown'): void {
    this.#done = true;
    this.#parser.stop();
    this.#socket?.destroy();
    this.#options.onOver(how);
  }
}

const TARGET = /^[\x21-\x7e]+$/;
const HEADER_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

function requestOf(path: string, headers: readonly string[]): string | undefined {
  if (!TARGET.test(path) || !headers.every((text) => HEADER_TEXT.test(text))) return undefined;
  let text = `GET ${path} HTTP/1.1\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${text}Connection: close\r\n\r\n`;
}
