/**
 * The open connections and answers of a server: which ones promgate refuses, and how a drain ends
 * the others.
 */

import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { sleep } from '../clock.ts';
import { InFlight } from '../in-flight.ts';
import { cutOff } from './cut-off.ts';
import { PROBLEM_TYPE, Problem, type ProblemCode, problemBody } from './errors.ts';
import { IdleConnections } from './idle-connections.ts';

/** After `drain.wait`, open scrapes may run this long; then they answer with what has arrived. */
const CUT_AFTER_MS = 4_000;
/** Then these answers may take this long; both times together are below `STOP_MS` in `main.ts`. */
const CLOSE_AFTER_MS = 2_000;

/** Bound on listeners for one event of an answer: Node would warn of a leak at its default, 10. */
const MAX_LISTENERS = 30;

/**
 * Why promgate refused or ended a connection: a closed set. `idle`: there were too many
 * connections, and this one had been idle longest. `too-many-connections`: no other one was idle,
 * so the new one was closed. `pipelined`: too many requests waited, and most of them here.
 */
export type ClientError =
  | 'malformed'
  | 'headers-too-large'
  | 'too-slow'
  | 'broken'
  | 'tls'
  | 'too-many-connections'
  | 'idle'
  | 'pipelined';

interface Refusal {
  readonly reason: ClientError;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** Refuses a CONNECT request, which Node hands over as a bare connection. */
const CONNECT: Refusal = {
  reason: 'malformed',
  code: 'method-not-allowed',
  detail: 'promgate is not a proxy and does not support CONNECT',
};
const MALFORMED: Refusal = {
  reason: 'malformed',
  code: 'bad-request',
  detail: 'the bytes received are not a valid HTTP request',
};

/** The refusals by Node's error codes; any other code that begins with HPE_ means `MALFORMED`. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    reason: 'headers-too-large',
    code: 'headers-too-large',
    detail: 'the headers may have at most 16 KiB in total',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    reason: 'too-slow',
    code: 'request-timeout',
    detail: 'send the headers within 15 s',
  },
};

export interface ReaderConnectionOptions {
  readonly maxConnections: number;
  /** A connection without traffic for this long is closed, even during an answer. */
  readonly idleMs: number;
  /** `drain` and `close` abort it: open scrapes then answer with what has arrived. */
  readonly cut: AbortController;
  readonly onClientError?: ((reason: ClientError) => void) | undefined;
  readonly sleep?: typeof sleep | undefined;
}

export class ReaderConnections {
  readonly #server: HttpServer | HttpsServer;
  readonly #options: ReaderConnectionOptions;
  readonly #sockets = new Set<Socket>();
  readonly #idle = new IdleConnections();
  readonly #answers = new InFlight<ServerResponse>();
  readonly #hurry = new AbortController();
  #draining = false;
  #closed: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(server: HttpServer | HttpsServer, options: ReaderConnectionOptions) {
    this.#server = server;
    this.#options = options;
    server.timeout = options.idleMs;
    server.on('timeout', cutOff);
    server.on('connection', (socket: Socket) => this.#accept(socket));
    server.on('secureConnection', (socket: Socket) => this.#keep(socket));
    server.prependListener('request', (_, answer: ServerResponse) => this.#track(answer));
    server.on('clientError', (error, socket) => this.#refuse(error, socket));
    server.on('connect', (_, socket) => {
      this.#count(CONNECT.reason);
      socket.once('error', () => socket.destroy()); // an unhandled error would end the process
      answerRefused(socket, CONNECT);
    });
    // A server may ignore expectations but 100-continue (RFC 9110, 10.1.1); Node would answer 417.
    server.on('checkExpectation', (request, answer) => server.emit('request', request, answer));
  }

  /**
   * Ends the connections in order. Requests are still accepted for `waitMs`, but each connection
   * closes after its answer. Then open scrapes have `CUT_AFTER_MS` to end, and the answers of all
   * others `CLOSE_AFTER_MS` to be written.
   */
  async drain(waitMs: number): Promise<void> {
    const { sleep: wait = sleep, cut } = this.#options;
    this.#draining = true;
    for (const answer of this.#answers) lastOfConnection(answer);
    await wait(waitMs, this.#hurry.signal);
    void this.#stopListening();
    const answered = this.#allAnswered();
    await Promise.race([answered, wait(CUT_AFTER_MS, this.#hurry.signal)]);
    cut.abort();
    await Promise.race([answered, wait(CLOSE_AFTER_MS, this.#hurry.signal)]);
  }

  /** Ends a connection because too many of its requests wait. */
  endPipelined(socket: Socket): void {
    this.#count('pipelined');
    cutOff(socket);
  }

  /** Ends all connections at once, also during a drain. */
  async close(): Promise<void> {
    this.#hurry.abort();
    this.#options.cut.abort();
    const closed = this.#stopListening();
    for (const socket of this.#sockets) cutOff(socket);
    await closed;
  }

  /**
   * Accepts a connection. If there are too many, ends the one that has been idle longest, or the
   * new one if no other is idle.
   */
  #accept(socket: Socket): void {
    this.#keep(socket);
    this.#idle.opened(socket);
    if (this.#idle.size <= this.#options.maxConnections) return;
    const longest = this.#idle.longest(socket);
    this.#count(longest ? 'idle' : 'too-many-connections');
    cutOff(longest ?? socket);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /** @returns when the last connection has ended */
  #stopListening(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve()); // closes idle connections too
    });
    return this.#closed;
  }

  #track(answer: ServerResponse): void {
    const place = this.#answers.add(answer);
    answer.setMaxListeners(MAX_LISTENERS);
    const over = this.#idle.answering(answer.req.socket);
    if (this.#draining) lastOfConnection(answer);
    answer.once('close', () => {
      over();
      this.#answers.remove(place);
      if (this.#answers.size === 0) this.#onIdle?.();
      if (this.#closed) this.#server.closeIdleConnections();
    });
  }

  #allAnswered(): Promise<void> {
    if (this.#answers.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /**
   * Refuses what Node could not parse, and a request that came too slowly. Closes the connection
   * without an answer if another answer is under way on it.
   */
  #refuse(error: Error & { readonly code?: string }, socket: Duplex): void {
    const { code = '' } = error;
    const refusal = REFUSALS[code] ?? (code.startsWith('HPE_') ? MALFORMED : undefined);
    const handshake = 'secureConnecting' in socket && socket.secureConnecting === true;
    this.#count(refusal?.reason ?? (handshake ? 'tls' : 'broken'));
    const answering = [...this.#answers].some((answer) => answer.socket === socket);
    if (!refusal || answering || !socket.writable) {
      socket.destroy();
      return;
    }
    answerRefused(socket, refusal);
  }

  #count(reason: ClientError): void {
    this.#options.onClientError?.(reason);
  }
}

/** Answers a refusal on a connection without a parsed request, and closes the connection. */
function answerRefused(socket: Duplex, { code, detail }: Refusal): void {
  const problem = new Problem(code, detail);
  const body = problemBody(problem);
  const head = `HTTP/1.1 ${problem.status} ${problem.code}\r\nContent-Type: ${PROBLEM_TYPE}`;
  const rest = `\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head + rest), body]), () => socket.destroy());
}

function lastOfConnection(answer: ServerResponse): void {
  answer.shouldKeepAlive = false; // sends `Connection: close`, unless the headers are sent already
}
