/**
 * The floor of a whole scrape: a server that fetches the same bodies and writes as many bytes as
 * promgate, but merges nothing.
 *
 * `node floor.ts '{"apps":[{"addresses":["127.1.0.1:4001"],"answerBytes":20000000}]}'` prints the
 * server's address and serves the first app at `/0`. A server that collects bodies with undici and
 * streams an answer of the same length through reused chunks can hardly cost less.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';

export interface FloorOptions {
  readonly apps: readonly FloorApp[];
}

export interface FloorApp {
  /** The instances to fetch from, as `host:port`. */
  readonly addresses: readonly string[];
  /** The length of the answer. */
  readonly answerBytes: number;
}

const CHUNK_BYTES = 65_536;
const RING_SIZE = 4;

const { apps } = JSON.parse(process.argv[2] ?? '{}') as FloorOptions;
const dispatcher = new Agent({ connections: 1, pipelining: 1 });

const server = createServer(async ({ url = '' }, response) => {
  const { addresses, answerBytes } = apps[Number(url.slice(1))]!;
  const bodies = await Promise.all(addresses.map(fetchBody));
  response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
  await writeBytes(response, bodies.length === 0 ? 0 : answerBytes);
  response.end();
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo; // not a pipe, so the address is an object
  process.stdout.write(`127.0.0.1:${port}\n`);
});
process.stdin.resume().once('end', () => process.exit());

async function fetchBody(address: string): Promise<Buffer> {
  const { body } = await request(`http://${address}/metrics`, { dispatcher });
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Writes from a ring of chunks; each chunk is reused after the callback of its last write. */
async function writeBytes(response: ServerResponse, sizeBytes: number): Promise<void> {
  const ring = Array.from({ length: RING_SIZE }, () => ({
    chunk: Buffer.alloc(CHUNK_BYTES, 'x'),
    written: Promise.resolve(),
  }));
  for (let at = 0, turn = 0; at < sizeBytes; at += CHUNK_BYTES, turn++) {
    const slot = ring[turn % RING_SIZE]!; // the remainder is below RING_SIZE
    await slot.written;
    const piece = slot.chunk.subarray(0, sizeBytes - at);
    slot.written = new Promise((resolve) => response.write(piece, () => resolve()));
  }
}
