/**
 * The floor of a whole scrape: a server that fetches the same bodies and writes as many bytes as
 * promgate, but merges nothing.
 *
 * `node floor.ts '{"apps":[{"addresses":["127.1.0.1:4001"],"answerBytes":20000000}]}'` prints the
 * server's address and serves the first app at `/0`. With `Accept-Encoding: gzip` it compresses the
 * text of `answerFile`. A server that collects bodies with undici's cheapest call, checks nothing
 * and sends bytes that lie ready can hardly cost less.
 */
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGzip } from 'node:zlib';
import { Client, type Dispatcher } from 'undici';

export interface FloorOptions {
  /** A file with these options, which may be too long for an argument. */
  readonly file?: string;
  readonly apps: readonly FloorApp[];
  /** Of compressed answers. */
  readonly gzipLevel?: number;
}

export interface FloorApp {
  /** The instances to fetch from, as `host:port`. */
  readonly addresses: readonly string[];
  /** The length of the answer. */
  readonly answerBytes: number;
  /** The paths to fetch from each instance; default: `/metrics`. */
  readonly paths?: readonly string[];
  /** A file with the answer, to compress. */
  readonly answerFile?: string;
}

const CHUNK_BYTES = 65_536;
/** How many bytes wait in a socket before more of an answer is written. */
const RING_BYTES = 4 * CHUNK_BYTES;
const CHUNK = Buffer.alloc(CHUNK_BYTES, 'x');
const TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const given = JSON.parse(process.argv[2] ?? '{}') as FloorOptions;
const { apps, gzipLevel = 2 } = given.file === undefined ? given : read(given.file);
const texts = apps.map(({ answerFile }) => answerFile && readFileSync(answerFile));

/** Connections without a request, by address. */
const idle = new Map<string, Client[]>();

/** One GET: keeps the body, as it arrives, in pieces. */
class Fetch implements Dispatcher.DispatchHandler {
  readonly #address: string;
  readonly #client: Client;
  readonly #body: Buffer[] = [];
  readonly #onEnd: (body: readonly Buffer[]) => void;

  constructor(address: string, path: string, onEnd: (body: readonly Buffer[]) => void) {
    this.#address = address;
    this.#client = idle.get(address)?.pop() ?? new Client(`http://${address}`);
    this.#onEnd = onEnd;
    this.#client.dispatch({ method: 'GET', path }, this);
  }

  onRequestStart(): void {}

  onResponseStart(): void {}

  onResponseData(_controller: Dispatcher.DispatchController, part: Buffer): void {
    this.#body.push(part);
  }

  onResponseEnd(): void {
    const others = idle.get(this.#address);
    if (others) others.push(this.#client);
    else idle.set(this.#address, [this.#client]);
    this.#onEnd(this.#body);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    throw error; // no figure counts if an instance fails
  }
}

const server = createServer((request, response) => {
  const at = Number(request.url?.slice(1));
  const { addresses, answerBytes, paths = ['/metrics'] } = apps[at]!;
  const bodies: (readonly Buffer[])[] = [];
  const wanted = addresses.length * paths.length;
  const onBody = (body: readonly Buffer[]): void => {
    if (bodies.push(body) < wanted) return;
    const text = texts[at];
    if (text && request.headers['accept-encoding'] === 'gzip') writeZipped(response, text);
    else writeBytes(response, answerBytes);
  };
  for (const address of addresses) for (const path of paths) new Fetch(address, path, onBody);
});
server.keepAliveTimeout = 0; // readers rest between their turns
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo; // not a pipe, so the address is an object
  process.stdout.write(`127.0.0.1:${port}\n`);
});
process.stdin.resume().once('end', () => process.exit());

function read(file: string): FloorOptions {
  return JSON.parse(readFileSync(file, 'utf8')) as FloorOptions;
}

/** Writes the same chunk again and again, as fast as the reader takes it. */
function writeBytes(response: ServerResponse, sizeBytes: number): void {
  response.writeHead(200, { 'Content-Type': TYPE, 'Content-Length': sizeBytes });
  let at = 0;
  const writeOn = (): void => {
    while (sizeBytes - at > CHUNK_BYTES) {
      at += CHUNK_BYTES;
      response.write(CHUNK);
      if (response.writableLength < RING_BYTES) continue;
      response.once('drain', writeOn);
      return;
    }
    response.end(CHUNK.subarray(0, sizeBytes - at));
  };
  writeOn();
}

function writeZipped(response: ServerResponse, text: Buffer): void {
  response.writeHead(200, { 'Content-Type': TYPE, 'Content-Encoding': 'gzip' });
  const zipped = createGzip({ level: gzipLevel, chunkSize: CHUNK_BYTES });
  zipped.pipe(response);
  zipped.end(text);
}
