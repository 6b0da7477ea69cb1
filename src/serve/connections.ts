/**
 * The open connections and answers of a server: what is refused, and how they end in order.
 */
import type { Server as HttpServer, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { sleep } from '../clock.ts';
import { cutOff } from './cut-off.ts';
import { PROBLEM_TYPE, Problem, type ProblemCode, problemBody } from './errors.ts';
import { IdleConnections } from './idle-connections.ts';

/** After the last request was accepted: answers are cut, then connections closed. 2 s + 6 s < 9 s. */
const CUT_AFTER_MS = 4_000;
const CLOSE_AFTER_MS = 2_000;

/** Every layer looks at the end of an answer, once. */
const MAX_LISTENERS = 30;

/**
 * Why a connection gave no request, or none any more: a closed set. `idle`: it was idle longest when a
 * new one needed its place; `too-many-connections`: none was idle, and the new one was closed;
 * `pipelined`: it had the most requests waiting when there were too many.
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

/** Node's parser hands a CONNECT over as a connection, not as a request. */
const CONNECT: Refusal = {
  reason: 'malformed',
  code: 'method-not-allowed',
  detail: 'promgate is no proxy for connections',
};
const MALFORMED: Refusal = {
  reason: 'malformed',
  code: 'bad-request',
  detail: 'this is no HTTP request',
};

/** By Node's error codes; any other that begins with HPE_ is malformed. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    reason: 'headers-too-large',
    code: 'headers-too-large',
    detail: 'all headers together may have 16 KiB',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    reason: 'too-slow',
    code: 'request-timeout',
    detail: 'send the headers within 15 s',
  },
};

export interface ReaderConnectionOptions {
  readonly maxConnections: number;
  /** A connection on which nothing moves for so long is closed, also amid an answer. */
  readonly idleMs: number;
  /** Aborted when open answers must go out with what has arrived. */
  readonly cut: AbortController;
  readonly onClientError?: ((reason: ClientError) => void) | undefined;
  readonly sleep?: typeof sleep | undefined;
}

export class ReaderConnections {
  readonly #server: HttpServer | HttpsServer;
  readonly #options: ReaderConnectionOptions;
  readonly #sockets = new Set<Socket>();
  readonly #idle = new IdleConnections();
  readonly #answers = new Set<ServerResponse>();
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
      socket.once('error', () => socket.destroy()); // Node leaves it to us: it would end the process
      answerRefused(socket, CONNECT);
    });
    // Others than 100-continue need not be met (RFC 9110, 10.1.1): Node would answer 417 by itself.
    server.on('checkExpectation', (request, answer) => server.emit('request', request, answer));
  }

  /**
   * Accepts requests for `waitMs` more, each answer the last of its connection; then lets open ones
   * end, cuts them after 4 s, and waits at most 2 s more.
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

  /** Ends a connection with too many requests waiting. */
  endPipelined(socket: Socket): void {
    this.#count('pipelined');
    cutOff(socket);
  }

  /** Ends everything at once, a drain included. */
  async close(): Promise<void> {
    this.#hurry.abort();
    this.#options.cut.abort();
    const closed = this.#stopListening();
    for (const socket of this.#sockets) cutOff(socket);
    await closed;
  }

  /** Where there are too many connections, the one that has been idle longest ends, or the new one. */
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
      this.#server.close(() => resolve()); // idle connections too; the others after their answer
    });
    return this.#closed;
  }

  #track(answer: ServerResponse): void {
    this.#answers.add(answer);
    answer.setMaxListeners(MAX_LISTENERS);
    const over = this.#idle.answering(answer.req.socket);
    if (this.#draining) lastOfConnection(answer);
    answer.once('close', () => {
      over();
      this.#answers.delete(answer);
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

  /** Answers bytes that are no HTTP request, unless an answer is under way on that connection. */
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

/** Answers what never became a request, and closes the connection. */
function answerRefused(socket: Duplex, { code, detail }: Refusal): void {
  const problem = new Problem(code, detail);
  const body = problemBody(problem);
  const head = `HTTP/1.1 ${problem.status} ${problem.code}\r\nContent-Type: ${PROBLEM_TYPE}`;
  const rest = `\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head + rest), body]), () => socket.destroy());
}

function lastOfConnection(answer: ServerResponse): void {
  answer.shouldKeepAlive = false; // says `Connection: close`, unless the headers are out already
}
