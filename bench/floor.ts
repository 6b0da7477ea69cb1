/**
 * The floor of a whole scrape: a server that fetches the same bodies and writes as many bytes as
 * promgate, but merges nothing.
 *
 * `node floor.ts '{"apps":[{"addresses":["127.1.0.1:4001"],"answerBytes":20000000}]}'` prints the
 * server's address and serves the first app at `/0`. With `Accept-Encoding: gzip` it compresses the
 * text of `answerFile`. It checks and logs nothing, and sends bytes that lie ready.
 */
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGzip } from 'node:zlib';
import { type FloorWay, fetcher } from './floor-fetch.ts';

export interface FloorOptions {
  /** A file with these options, which may be too long for an argument. */
  readonly file?: string;
  readonly apps: readonly FloorApp[];
  /** Default `request`. */
  readonly way?: FloorWay;
  /** Of compressed answers; default: promgate's. */
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
const {
  apps,
  gzipLevel = 2,
  way = 'request',
} = given.file === undefined ? given : read(given.file);
const fetchPage = fetcher(way);
const texts = apps.map(({ answerFile }) => answerFile && readFileSync(answerFile));

const server = createServer(async ({ url = '', headers }, response) => {
  const at = Number(url.slice(1));
  const { addresses, answerBytes, paths = ['/metrics'] } = apps[at]!;
  const bodies = await Promise.all(
    addresses.flatMap((address) => paths.map((path) => fetchPage(address, path))),
  );
  const text = texts[at];
  if (text && headers['accept-encoding'] === 'gzip') writeZipped(response, text);
  else writeBytes(response, bodies.length === 0 ? 0 : answerBytes);
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
