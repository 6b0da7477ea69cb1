/** Answers of real app servers that a strict parser refuses: written raw, at once and byte by byte. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net, { type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { LenientAnswer } from '../../src/fetch/connections.ts';
import {
  ask,
  closedAddress,
  type InstanceServer,
  listen,
  openScraper,
  scrape,
  target,
} from './instance-server.ts';

const page = 'app_jobs_total 1\n';
const OK = 'HTTP/1.1 200 OK\r\n';
const LENGTH = `Content-Length: ${page.length}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const CHUNKS = `11\r\n${page}\r\n0\r\n\r\n`;
const zipped = gzipSync(page).toString('latin1');

/** Answers every request with the next of `answers`, and keeps the connection. */
function serveAnswers(
  answers: readonly string[],
  write: (socket: Socket, bytes: string) => void,
): Promise<InstanceServer> {
  let turn = 0;
  return listen(
    net.createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('data', () => write(socket, answers[turn++ % answers.length]!));
    }),
  );
}

const WAYS: Readonly<Record<string, (socket: Socket, bytes: string) => void>> = {
  'at once': (socket, bytes) => void socket.write(bytes, 'latin1'),
  'byte by byte': (socket, bytes) => {
    let at = 0;
    const next = (): void => {
      if (at >= bytes.length || socket.destroyed) return;
      socket.write(bytes.charAt(at++), 'latin1', () => setImmediate(next));
    };
    next();
  },
};

describe('an instance whose HTTP only a lenient parser reads', () => {
  const cases: Readonly<Record<string, string>> = {
    'Content-Length before chunked': `${OK}Content-Length: 3\r\n${CHUNKED}\r\n${CHUNKS}`,
    'Content-Length behind chunked': `${OK}${CHUNKED}Content-Length: 9999\r\n\r\n${CHUNKS}`,
    'a huge Content-Length beside chunked': `${OK}Content-Length: 99999999999\r\n${CHUNKED}\r\n${CHUNKS}`,
    'the same, gzipped': `${OK}Content-Encoding: gzip\r\n${LENGTH}${CHUNKED}\r\n${zipped.length.toString(16)}\r\n${zipped}\r\n0\r\n\r\n`,
    'a blank behind Content-Length': `${OK}Content-Length: 17 \r\n\r\n${page}`,
    'a tab behind Content-Length': `${OK}Content-Length: 17\t\r\n\r\n${page}`,
    '100 Continue': `HTTP/1.1 100 Continue\r\n\r\n${OK}${LENGTH}\r\n${page}`,
    'several interim responses': `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n${OK}${LENGTH}\r\n${page}`,
    'Content-Length twice': `${OK}${LENGTH}X: y\r\n${LENGTH}\r\n${page}`,
    'Content-Length twice in one line': `${OK}Content-Length: 17, 17\r\n\r\n${page}`,
    'bare line feeds': `${OK}${LENGTH}\r\n${page}`.replaceAll('\r\n', '\n'),
    'a bare line feed in one header': `${OK}X: y\n${LENGTH}\r\n${page}`,
    'bare line feeds around chunks': `HTTP/1.1 200 OK\n${CHUNKED}\n11\n${page}\n0\n\n`,
    'a folded header': `${OK}X: y\r\n z\r\n\tzz\r\n${LENGTH}\r\n${page}`,
    'a folded Content-Length': `${OK}Content-Length:\r\n 17\r\n\r\n${page}`,
    'a blank behind a chunk size': `${OK}${CHUNKED}\r\n11 \r\n${page}\r\n0 \r\n\r\n`,
    'a blank before an extension': `${OK}${CHUNKED}\r\n11 ;a=b\r\n${page}\r\n0\r\nT: u\r\n\r\n`,
    'a blank before a colon': `${OK}Content-Length : 17\r\n\r\n${page}`,
    'a control character in a value': `${OK}X: \x01\r\n${LENGTH}\r\n${page}`,
    'headers whose names are none': `${OK}: x\r\nX Y: z\r\nX\xe9: z\r\n${LENGTH}\r\n${page}`,
    'two blanks in the status line': `HTTP/1.1  200 OK\r\n${LENGTH}\r\n${page}`,
    'a newer minor version': `HTTP/1.2 200 OK\r\n${LENGTH}\r\n${page}`,
  };
  for (const [name, bytes] of Object.entries(cases)) {
    for (const [way, write] of Object.entries(WAYS)) {
      it(`gives its page: ${name}, ${way}`, async () => {
        const seen: LenientAnswer[] = [];
        await using scraper = openScraper({ onLenient: (answer) => seen.push(answer) });
        await using server = await serveAnswers([bytes], write);

        const pages = [
          await ask(scraper, server.address),
          await ask(scraper, server.address),
          await ask(scraper, server.address),
        ];

        assert.deepEqual(pages, [page, page, page]);
        assert.equal(seen.length, 3);
        assert.equal(typeof seen[0]?.because, 'string');
        assert.deepEqual(seen[1], { address: server.address, because: undefined });
        assert.equal(server.connected, 4, 'the strict parser is asked once, nothing is used again');
        const { idleConnections, busyConnections, bytes: held, slots } = scraper.load;
        assert.deepEqual([idleConnections, busyConnections, held, slots], [0, 0, 0, 0]);
      });
    }
  }

  for (const encoding of ['identity', 'gzip']) {
    it(`gives a large page (${encoding}) that has to wait for its turn and for room`, async () => {
      const large = randomBytes(1_500_000).toString('hex');
      const body = encoding === 'gzip' ? gzipSync(large, { level: 1 }) : Buffer.from(large);
      const head = `${OK}Content-Encoding: ${encoding}\r\nContent-Length: 7\r\n${CHUNKED}\r\n`;
      const chunks: string[] = [];
      for (let at = 0; at < body.length; at += 100_000) {
        const chunk = body.subarray(at, at + 100_000);
        chunks.push(`${chunk.length.toString(16)}\r\n${chunk.toString('latin1')}\r\n`);
      }
      const bytes = `${head}${chunks.join('')}0\r\n\r\n`;
      await using scraper = openScraper({ maxBytes: 5_000_000 });
      await using server = await serveAnswers([bytes], WAYS['at once']!);

      for (let i = 0; i < 3; i++) assert.ok((await ask(scraper, server.address)) === large);

      assert.equal(scraper.load.bytes, 0);
    });
  }

  it('begins anew where the strict parser stumbles in the midst of a large page', async () => {
    const chunk = `186a0\r\n${'x'.repeat(100_000)}\r\n`;
    const bytes = `${OK}${CHUNKED}\r\n${chunk.repeat(20)}5 \r\nup 1\n\r\n0\r\n\r\n`;
    await using scraper = openScraper({ maxBytes: 4_000_000 });
    await using server = await serveAnswers([bytes], WAYS['at once']!);

    const text = await ask(scraper, server.address);

    assert.ok(text === `${'x'.repeat(2_000_000)}up 1\n`);
    assert.equal(scraper.load.bytes, 0);
    assert.equal(scraper.load.slots, 0);
  });

  it('follows its redirect, to a path with raw blanks and UTF-8', async () => {
    const paths: string[] = [];
    await using scraper = openScraper();
    await using server = await listen(
      net.createServer((socket) => {
        socket.on('data', (bytes) => {
          const path = bytes.toString('latin1').split(' ')[1]!;
          paths.push(path);
          const moved = `HTTP/1.1 302 Found\nLocation: /a b/caf\xc3\xa9\nContent-Length: 0\n\n`;
          socket.write(path === '/metrics' ? moved : `${OK}${LENGTH}\r\n${page}`, 'latin1');
        });
      }),
    );

    assert.equal(await ask(scraper, server.address), page);
    assert.deepEqual(paths, ['/metrics', '/metrics', '/a%20b/caf%C3%A9']);
  });

  it('is asked strictly again once its address has left the table', async () => {
    const seen: LenientAnswer[] = [];
    await using scraper = openScraper({ onLenient: (answer) => seen.push(answer) });
    await using server = await serveAnswers([cases['100 Continue']!], WAYS['at once']!);
    await ask(scraper, server.address);

    scraper.forget(server.address);
    await ask(scraper, server.address);

    assert.ok(seen.every(({ because }) => because !== undefined));
    assert.equal(seen.length, 2);
  });

  it('is heard when it answers now so, now so', async () => {
    await using scraper = openScraper();
    const strict = `${OK}${LENGTH}\r\n${page}`;
    const odd = cases['Content-Length before chunked']!;
    await using server = await serveAnswers(
      [strict, odd, odd, strict, 'SSH-2.0\r\n', strict],
      (socket, bytes) => socket.write(bytes, 'latin1'),
    );

    const words: string[] = [];
    for (let i = 0; i < 5; i++) words.push(await ask(scraper, server.address));

    assert.deepEqual(words, [page, page, page, 'not-http', page]);
  });

  it('is not asked twice for a page whose body was cut', async () => {
    await using scraper = openScraper();
    await using server = await serveAnswers(
      [`${OK}Connection: close\r\n${LENGTH}\r\nup`],
      (socket, bytes) => socket.end(bytes, 'latin1'),
    );

    assert.equal(await ask(scraper, server.address), 'truncated (200)');
    assert.equal(server.connected, 1);
  });

  it('tells why, for the log, when the lenient parser refuses it too', async () => {
    await using scraper = openScraper();
    await using server = await serveAnswers(['SSH-2.0-OpenSSH_9.2\r\n'], WAYS['at once']!);

    const [answer] = await scrape(scraper, [target(server.address)]);

    assert.equal(answer?.failure, 'not-http');
    assert.match(answer.cause ?? '', /"SSH-2.*; strict parser: /);
  });

  it('is one of many kinds of failure that tell why', async () => {
    await using scraper = openScraper();
    await using cut = await serveAnswers(
      [`${OK}Content-Encoding: gzip\r\n\r\n\x1f`],
      (socket, bytes) => socket.end(bytes, 'latin1'),
    );

    const answers = await scrape(scraper, [
      target(await closedAddress()),
      target(cut.address),
      target(cut.address, { tls: true }),
    ]);

    const causes = answers.map((one) => (one.failure ? `${one.failure}: ${one.cause}` : 'up'));
    assert.match(causes[0]!, /^refused: .*ECONNREFUSED/);
    assert.match(causes[1]!, /^truncated: gzip: unexpected end of file$/);
    assert.match(causes[2]!, /^tls: no connection to .*: tls: ./);
  });
});
