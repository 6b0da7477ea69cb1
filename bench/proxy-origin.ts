/**
 * The origin behind the caches that `proxy.ts` measures: pages of metrics that stay fresh for an hour.
 *
 * `node proxy-origin.ts '{"sizesBytes":[10000]}'` serves a page of each size at `/<size>`, compressed
 * for readers who accept gzip, prints its port, and runs until its standard input ends.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expositionPage } from '../test/support/exposition-pages.ts';

export interface OriginOptions {
  readonly sizesBytes: readonly number[];
}

const { sizesBytes } = JSON.parse(process.argv[2] ?? '{}') as OriginOptions;
const pages = new Map(
  sizesBytes.map((sizeBytes) => {
    const plain = expositionPage({ sizeBytes, seed: 1 });
    return [`/${sizeBytes}`, { plain, gzip: gzipSync(plain) }];
  }),
);
const server = createServer((request, response) => {
  const page = pages.get((request.url ?? '').split('?', 1)[0]!);
  const isGzip = request.headers['accept-encoding'] === 'gzip';
  const body = (isGzip ? page?.gzip : page?.plain) ?? Buffer.from('no such page');
  response.writeHead(page ? 200 : 404, {
    'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
    'Cache-Control': 'max-age=3600',
    Vary: 'Accept-Encoding',
    'Content-Length': body.length,
    ...(isGzip ? { 'Content-Encoding': 'gzip' } : {}),
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`); // it listens on TCP
});
process.stdin.resume().once('end', () => process.exit());
