/**
 * A client that pushes as fast as it gets answers, in a process of its own: on each of its connections
 * one push at a time.
 *
 * `node push-client.ts '{"port":4001,…}'` prints a line when it begins to count, and the figures as
 * JSON in a second line. All requests are made before it begins, so that the client takes little of
 * the machine.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type BodyKind, FRESH, pushedBody } from './push-bodies.ts';
import { percentile } from './statistics.ts';

export interface PushClientOptions {
  readonly port: number;
  readonly method: 'POST' | 'PUT';
  /** The path before the name of the job. */
  readonly path: string;
  /** `Name: value` */
  readonly headers: readonly string[];
  readonly kind: BodyKind;
  /** See `push-bodies.ts`: of each body. */
  readonly workers: number;
  readonly gzip: boolean;
  readonly jobs: number;
  readonly connections: number;
  /** Pushes of the first time are not counted. */
  readonly warmMs: number;
  readonly countedMs: number;
}

export interface PushClientFigures {
  readonly pushes: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the client for each push. */
  readonly clientMicroseconds: number;
}

/** A request, and where it has text that each push must have anew. */
interface PreparedPush {
  readonly bytes: Buffer;
  readonly freshAt: readonly number[];
}

/** What all prepared requests may take together. */
const PREPARED_BYTES = 64_000_000;
const MAX_PER_JOB = 64;

const options = JSON.parse(process.argv[2] ?? '{}') as PushClientOptions;
const prepared = prepare();
/** Each run has text of its own, so that servers cannot know it from an earlier one. */
let freshNumber = process.pid << 16;
let next = 0;
let isCounting = false;
const tookMs: number[] = [];

/** Bodies by turn: the first of each job, then the second of each job. */
function prepare(): PreparedPush[] {
  const first = prepareOne(0, 0);
  const room = Math.floor(PREPARED_BYTES / (first.bytes.length * options.jobs));
  const perJob = Math.min(MAX_PER_JOB, Math.max(2, room));
  return Array.from({ length: perJob * options.jobs }, (_, at) =>
    prepareOne(at % options.jobs, Math.floor(at / options.jobs)),
  );
}

function prepareOne(job: number, at: number): PreparedPush {
  const { method, path, headers, kind, workers, gzip } = options;
  const text = Buffer.from(pushedBody({ kind, workers, at: at + job }));
  const body = gzip ? gzipSync(text) : text;
  const head = [
    `${method} ${path}job-${job} HTTP/1.1`,
    `Host: 127.0.0.1:${options.port}`,
    'Content-Type: text/plain; version=0.0.4; charset=utf-8',
    `Content-Length: ${body.length}`,
    ...(gzip ? ['Content-Encoding: gzip'] : []),
    ...headers,
  ];
  const bytes = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
  const freshAt: number[] = [];
  for (let found = bytes.indexOf(FRESH); found >= 0; found = bytes.indexOf(FRESH, found + 1)) {
    freshAt.push(found);
  }
  return { bytes, freshAt };
}

class Connection {
  readonly #socket: Socket;
  #sentMs = 0;
  #text = '';
  /** The length of the last answer: most answers have the same. */
  #usualLength = -1;

  constructor(socket: Socket) {
    this.#socket = socket
      .on('data', (data: Buffer) => this.#read(data))
      .on('error', (error) => fail(error.message))
      .on('close', () => fail('the server has closed a connection'));
  }

  send(): void {
    const { bytes, freshAt } = prepared[next++ % prepared.length]!; // not empty
    if (freshAt.length > 0) {
      const text = (++freshNumber >>> 0).toString(16).padStart(FRESH.length, '0');
      for (const at of freshAt) bytes.write(text, at, 'latin1');
    }
    this.#sentMs = performance.now();
    this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.removeAllListeners('close').destroy();
  }

  #read(data: Buffer): void {
    // The answer begins with "HTTP/1.1 2".
    const isUsual = data.length === this.#usualLength && this.#text === '' && data[9] === 0x32;
    if (!isUsual && !this.#isWhole(data)) return;
    if (isCounting) tookMs.push(performance.now() - this.#sentMs);
    this.#text = '';
    this.send();
  }

  #isWhole(data: Buffer): boolean {
    this.#text += data.toString('latin1');
    const headEnd = this.#text.indexOf('\r\n\r\n');
    if (headEnd < 0) return false;
    if (!/^HTTP\/1\.1 20[02] /.test(this.#text)) fail(this.#text.slice(0, 1_000));
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1];
    if (length === undefined) fail(`an answer without a length: ${this.#text}`);
    if (this.#text.length < headEnd + 4 + Number(length)) return false;
    this.#usualLength = this.#text.length;
    return true;
  }
}

function fail(why: string): never {
  throw new Error(`${options.method} ${options.path}: ${why}`);
}

const connections: Connection[] = [];
for (let count = 0; count < options.connections; count++) {
  const socket = connect(options.port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  connections.push(new Connection(socket));
}
for (const one of connections) one.send();
setTimeout(() => {
  isCounting = true;
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  process.stdout.write('\n');
  setTimeout(() => {
    isCounting = false;
    const seconds = (performance.now() - startMs) / 1_000;
    const { user, system } = process.cpuUsage(startCpu);
    for (const one of connections) one.end();
    const figures: PushClientFigures = {
      pushes: tookMs.length,
      perSecond: tookMs.length / seconds,
      p50Ms: percentile(tookMs, 0.5),
      p99Ms: percentile(tookMs, 0.99),
      clientMicroseconds: (user + system) / tookMs.length,
    };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  }, options.countedMs);
}, options.warmMs);
