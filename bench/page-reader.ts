/**
 * Readers of pages, in a process of their own: each has one connection, and asks again as soon as
 * it has an answer.
 *
 * `node page-reader.ts` prints an empty line; then it takes turns, each a line of JSON on its
 * standard input (`ReaderTurn`), and prints what it saw as one line of JSON (`TurnSeen`). It looks
 * at no more of an answer than is needed to find the end, and throws the page away.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { median, percentile } from './statistics.ts';

export interface ReaderTurn {
  readonly port: number;
  /** The paths to ask for, in turn: a turn goes on where the last one of the port has ended. */
  readonly paths: readonly string[];
  readonly readers: number;
  /** No request is sent after this time; those under way are answered. */
  readonly forMs: number;
  /** Whether to ask for compressed pages. */
  readonly gzip: boolean;
  /** Lines of headers, one for each reader in turn; default: none. */
  readonly headers?: readonly string[];
  /** Each reader asks at most this often. Default: until the time is over. */
  readonly most?: number;
}

export interface TurnSeen {
  readonly requests: number;
  /** Of the largest body. */
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Finds the end of an answer, with Content-Length or in chunks. */
class AnswerEnd {
  bytes = 0;
  #head = '';
  /** Bytes left of the body, or of the chunk with its line end; -1 while a line is read. */
  #left = -1;
  #isChunked = false;
  #isInBody = false;
  #isLast = false;
  #size = '';

  /** @returns whether the answer ends with `data` */
  take(data: Buffer): boolean {
    let at = this.#isInBody ? 0 : this.#takeHead(data);
    if (!this.#isInBody) return false;
    if (!this.#isChunked) {
      this.#left -= data.length - at;
      return this.#left <= 0;
    }
    while (at < data.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, data.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#isLast && this.#left === 0) return true;
        continue;
      }
      const end = data.indexOf(10, at);
      this.#size += data.toString('latin1', at, end < 0 ? data.length : end);
      if (end < 0) return false;
      at = end + 1;
      const sizeBytes = Number.parseInt(this.#size, 16);
      this.#size = '';
      this.#isLast = sizeBytes === 0;
      this.bytes += sizeBytes;
      this.#left = sizeBytes + 2;
    }
    return false;
  }

  /** @returns where the body begins, once the head is whole */
  #takeHead(data: Buffer): number {
    const before = this.#head.length;
    this.#head += data.toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return 0;
    const head = this.#head.slice(0, end);
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(`not a page: ${this.#head}`);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    this.#isInBody = true;
    this.#isChunked = length === undefined;
    if (length !== undefined) this.bytes = Number(length);
    this.#left = this.bytes;
    return end + 4 - before;
  }
}

/** How many requests each port has got. */
const asked = new Map<number, number>();

process.stdout.write('\n');
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await read(JSON.parse(line) as ReaderTurn))}\n`);
}

async function read(turn: ReaderTurn): Promise<TurnSeen> {
  const tookMs: number[] = [];
  let bytes = 0;
  const sockets = Array.from({ length: turn.readers }, () => connect(turn.port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket.setNoDelay(), 'connect')));
  const encoding = turn.gzip ? 'gzip' : 'identity';
  const untilMs = performance.now() + turn.forMs;
  const request = (reader: number): string => {
    const count = asked.get(turn.port) ?? 0;
    asked.set(turn.port, count + 1);
    const path = turn.paths[count % turn.paths.length]!; // the remainder is below the length
    const more = turn.headers ? `${turn.headers[reader % turn.headers.length]}\r\n` : '';
    const lines = `Host: promgate\r\nAccept: text/plain\r\nAccept-Encoding: ${encoding}\r\n${more}`;
    return `GET ${path} HTTP/1.1\r\n${lines}\r\n`;
  };
  const readOn = async (socket: Socket, reader: number): Promise<void> => {
    for (let count = 0; count < (turn.most ?? Number.POSITIVE_INFINITY); count++) {
      if (performance.now() > untilMs) break;
      const startedMs = performance.now();
      bytes = Math.max(bytes, await ask(socket, request(reader)));
      tookMs.push(performance.now() - startedMs);
    }
    socket.destroy();
  };
  await Promise.all(sockets.map(readOn));
  return { requests: tookMs.length, bytes, p50Ms: median(tookMs), p99Ms: percentile(tookMs, 0.99) };
}

/** @returns the length of the body */
function ask(socket: Socket, request: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const answer = new AnswerEnd();
    socket.removeAllListeners();
    socket.on('error', reject).on('close', () => reject(new Error('the server hung up')));
    socket.on('data', (data: Buffer) => {
      if (answer.take(data)) resolve(answer.bytes);
    });
    socket.write(request);
  });
}
