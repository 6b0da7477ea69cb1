/** Bytes that are no page end at a bound, not at the deadline: counted by a server that writes them without end. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ScrapeTarget } from '../../src/fetch/target.ts';
import { WireLimit } from '../../src/fetch/wire-limit.ts';
import { brief, listen, openScraper, scrape, serve, target, until } from './instance-server.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
/** The same for the lenient parser. */
const LOOSE = CHUNKED.replaceAll('\r\n', '\n');
const MAX_BODY_BYTES = 1_048_576;
/** What a socket's buffers may take beyond what was read. */
const BUFFERS_BYTES = 16 * 2 ** 20;
const member = gzipSync('').toString('latin1');

/** Writes `head`, then `more` again and again, until the connection is closed. */
async function askEndless(
  head: string | Buffer,
  more: string | Buffer,
  protocol: Partial<ScrapeTarget> = {},
): Promise<{ word: string; sent: number }> {
  let sent = 0;
  const one = Buffer.from(more as string, 'latin1'); // of a Buffer the encoding is ignored
  const bytes = Buffer.alloc(Math.ceil(16_384 / one.length) * one.length, one);
  await using scraper = openScraper({ maxBodyBytes: MAX_BODY_BYTES });
  await using server = await listen(
    net.createServer((socket) => {
      const flood = (): void => {
        sent += bytes.length;
        if (socket.writable) socket.write(bytes, flood);
      };
      socket.once('data', () => {
        sent = 0; // the lenient parser asks again
        socket.write(Buffer.from(head as string, 'latin1'), flood);
      });
    }),
  );
  await using good = await serve((_request, response) => response.end('up 1\n'));

  const targets = [target(server.address, protocol), target(good.address)];
  const [flooded, beside] = await scrape(scraper, targets, {
    deadlineMs: Number.POSITIVE_INFINITY, // it ends by itself
  });

  assert.equal(brief(beside), 'up 1\n');
  assert.equal(scraper.load.bytes, 0);
  await until(() => server.open.size === 0, 'the connection is closed');
  return { word: brief(flooded), sent };
}

describe('an answer without end', () => {
  const beforeBody: Readonly<Record<string, [head: string, more: string]>> = {
    'blank lines before the status line': ['', '\r\n'],
    'bare line feeds before the status line': ['', '\n'],
    'a reason phrase': ['HTTP/1.1 200 ', 'x'],
    'a header': [`${OK}X: `, 'x'],
    headers: [OK, 'X: y\r\n'],
    'folded headers': [`${OK}X: y\r\n`, ' z\r\n'],
    '100 Continue': ['', 'HTTP/1.1 100 Continue\r\n\r\n'],
    '103 Early Hints': ['', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  };
  for (const [name, [head, more]] of Object.entries(beforeBody)) {
    it(`is too large: ${name}`, async () => {
      const { word, sent } = await askEndless(head, more);
      assert.equal(word, 'too-large');
      assert.ok(sent < 2 * 65_536 + BUFFERS_BYTES, `${sent} bytes were sent`);
    });
  }

  const inBody: Readonly<Record<string, [head: string, more: string]>> = {
    'a chunk extension': [`${CHUNKED}1;`, 'x'],
    'chunk extensions': [CHUNKED, `1;${'x'.repeat(100)}\r\nx\r\n`],
    'zeros in a chunk size': [CHUNKED, '0'],
    'chunks of one byte': [CHUNKED, '1\r\nx\r\n'],
    trailers: [`${CHUNKED}0\r\n`, 'X: y\r\n'],
    'empty gzip members': [`${OK}Content-Encoding: gzip\r\n\r\n`, member],
    'empty gzip members in chunks of one byte': [
      CHUNKED.replace('\r\n', '\r\nContent-Encoding: gzip\r\n'),
      [...member].map((byte) => `1\r\n${byte}\r\n`).join(''),
    ],
    'a chunk extension behind bare line feeds': [`${LOOSE}1;`, 'x'],
    'chunk extensions behind bare line feeds': [LOOSE, `1;${'x'.repeat(100)}\nx\n`],
    'zeros behind bare line feeds': [LOOSE, '0'],
    'chunks of one byte behind bare line feeds': [LOOSE, '1\nx\n'],
    'trailers behind bare line feeds': [`${LOOSE}0\n`, 'X: y\n'],
  };
  for (const [name, [head, more]] of Object.entries(inBody)) {
    it(`is too large: ${name}`, async () => {
      const { word, sent } = await askEndless(head, more);
      assert.equal(word, 'too-large (200)');
      assert.ok(
        sent < MAX_BODY_BYTES + 2 ** 20 + 65_536 + BUFFERS_BYTES,
        `${sent} bytes were sent`,
      );
    });
  }
});

describe('an answer without end over HTTP/2', () => {
  const frame = (type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer =>
    Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
  const settings = frame(4, 0, 0);
  const status200 = frame(1, 4, 1, Buffer.from([0x88])); // HEADERS, END_HEADERS, `:status: 200`
  const floods: Readonly<Record<string, [head: Buffer, more: Buffer]>> = {
    'empty frames of data': [Buffer.concat([settings, status200]), frame(0, 0, 1)],
    'frames of no known type': [settings, frame(99, 0, 0, Buffer.alloc(100))],
    'padding that is no data': [
      Buffer.concat([settings, frame(4, 1, 0), status200]),
      frame(0, 8, 1, Buffer.alloc(100).fill(99, 0, 1)), // DATA, PADDED: 99 bytes of padding
    ],
  };
  for (const [name, [head, more]] of Object.entries(floods)) {
    it(`ends: ${name}`, async () => {
      const { word } = await askEndless(head, more, { http2: true });
      assert.match(word, /^(?:too-large|truncated|not-http)(?: \(200\))?$/);
    });
  }
});

describe('WireLimit', () => {
  it('ends what is over 64 KiB before the body, and over the bound and 1 MiB in all', () => {
    const wire = new WireLimit();

    assert.equal(wire.take(65_536), undefined);
    assert.equal(wire.take(1), undefined);
    assert.match(String(wire.take(1)), /more than 65536 bytes/);

    wire.begin();
    assert.equal(wire.take(65_536), undefined);
    wire.bodyBegins(1000);
    assert.equal(wire.take(2 ** 20 + 1000 - 65_536), undefined);
    assert.equal(wire.take(1), undefined);
    assert.match(String(wire.take(1)), /more than 1049576 bytes/);
  });
});
