/**
 * The floor of pushes: a server that reads each body, does nothing with it, and answers 200. A gateway
 * on node:http can hardly cost less.
 *
 * `node push-floor.ts '{"pageBytes":0}'` prints its port, and runs until its standard input ends. A GET
 * gets a page of `pageBytes`: the floor of scrapes.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PushFloorOptions {
  readonly pageBytes: number;
}

const { pageBytes } = JSON.parse(process.argv[2] ?? '{}') as PushFloorOptions;
const page = Buffer.alloc(pageBytes, 'x');
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (request.method === 'GET') response.end(page);
    else response.writeHead(body === undefined ? 400 : 200, { 'Content-Length': 0 }).end();
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`); // it listens on TCP
});
process.stdin.resume().once('end', () => process.exit());
