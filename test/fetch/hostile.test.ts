/** Whatever an instance sends: the scrape ends, says a word of the list, and leaves nothing behind. */
import assert from 'node:assert/strict';
import net from 'node:net';
import fc from 'fast-check';
import { FAILURES } from '../../src/fetch/failure.ts';
import { listen, openScraper, scrape, target, until } from './instance-server.ts';

/** What a connection does, request after request. */
interface Script {
  readonly writes: readonly Buffer[];
  readonly finally: 'nothing' | 'end' | 'destroy' | 'reset';
}

const http1 = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'HTTP/1.1 200 OK\r\n',
        'HTTP/1.0 200 OK\r\n\r\n',
        'HTTP/1.1 302 X\r\n',
        'HTTP/1.1 404 X\r\n',
        'HTTP/1.1 100 Continue\r\n\r\n',
        'HTTP/1.1 103 X\r\n\r\n',
        'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
        'Content-Length: 5\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Content-Encoding: gzip\r\n',
        'Connection: close\r\n',
        'Keep-Alive: timeout=0\r\n',
        'Location: /x\r\n',
        'Trailer: a\r\n',
        'a: b\r\n',
        '\r\n',
        'up 1\n',
        '5\r\n',
        '0\r\n\r\n',
        'HTTP/1.1 200 OK\n',
        'Content-Length: 5 \n',
        ' folded\r\n',
        '5 \r\nup 1\n\r\n',
        '\n',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 5 }),
    ),
    { maxLength: 10, size: 'max' },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

/** Frames as RFC 9113, 4.1 lays them out, with any type, flags, stream and payload. */
const http2 = fc
  .array(
    fc.record({
      type: fc.nat(10),
      flags: fc.constantFrom(0, 1, 4, 5, 8, 32, 255),
      stream: fc.constantFrom(0, 1, 1, 1, 2, 3),
      payload: fc.uint8Array({ maxLength: 20 }),
    }),
    { maxLength: 8, size: 'max' },
  )
  .map((frames) => {
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const bytes = frames.map(({ type, flags, stream, payload }) =>
      Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload]),
    );
    return Buffer.concat([settings, ...bytes]);
  });

const scripts = (bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Script> =>
  fc.record({
    writes: fc.array(bytes, { minLength: 1, maxLength: 3 }),
    finally: fc.constantFrom('nothing', 'end', 'destroy', 'reset'),
  });

describe('a hostile instance', () => {
  for (const [protocol, bytes] of [
    ['HTTP/1', http1],
    ['HTTP/2', http2],
  ] as const) {
    it(`that speaks something like ${protocol} costs nothing but its answer`, async () => {
      let script: Script = { writes: [], finally: 'nothing' };
      await using server = await listen(
        net.createServer((socket) => {
          const { writes, finally: end } = script;
          let turn = 0;
          socket.on('data', () => {
            const write = writes[turn++];
            if (write) socket.write(write);
            if (turn < writes.length) return;
            if (end === 'end') socket.end();
            else if (end === 'destroy') socket.destroy();
            else if (end === 'reset') socket.resetAndDestroy();
          });
        }),
      );
      const one = target(server.address, { http2: protocol === 'HTTP/2' });
      await fc.assert(
        fc.asyncProperty(scripts(bytes), async (next) => {
          script = next;
          await using scraper = openScraper();
          for (let i = 0; i < 2; i++) {
            const deadlineMs = performance.now() + 5;
            for (const { failure } of await scrape(scraper, [one, one], { deadlineMs })) {
              assert.ok(failure === undefined || FAILURES.includes(failure));
            }
            const { slots, bytes: held, busyConnections } = scraper.load;
            assert.deepEqual(
              { slots, held, busyConnections },
              { slots: 0, held: 0, busyConnections: 0 },
            );
          }
        }),
        { numRuns: 150 },
      );
      await until(() => server.open.size === 0, 'all connections are closed');
    });
  }
});
