import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type LenientHeaders,
  LenientParser,
  NotHttpError,
} from '../../src/fetch/lenient-parser.ts';
import { WireLimitError } from '../../src/fetch/wire-limit.ts';

interface Heard {
  status: number;
  headers: LenientHeaders;
  body: string;
  whole: boolean;
}

/** What a parser says of a response that comes in pieces of these sizes, over and over. */
function read(bytes: string, sizes: readonly number[] = [bytes.length], ends = false): Heard {
  const heard: Heard = { status: 0, headers: {}, body: '', whole: false };
  const parser = new LenientParser({
    head: (status, headers) => Object.assign(heard, { status, headers }),
    body: (chunk) => {
      heard.body += chunk.toString('latin1');
    },
    whole: () => {
      heard.whole = true;
    },
  });
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    parser.write(Buffer.from(bytes.slice(at, at + size), 'latin1'));
    at += size;
  }
  if (ends) assert.equal(parser.end(), heard.whole);
  return heard;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

describe('LenientParser', () => {
  it('gives headers by name, in lower case and without blanks around them', () => {
    const { headers } = read(
      `${OK}A: \t b \t\r\nc : d\r\n\te\r\nA:f\r\nG:\r\n__proto__: h\r\n\r\n`,
    );

    assert.deepEqual(Object.entries(headers), [
      ['a', ['b', 'f']],
      ['c', 'd e'],
      ['g', ''],
      ['__proto__', 'h'],
    ]);
  });

  it('passes over headers whose names are none, and what is folded behind them', () => {
    const { headers, body } = read(
      `${OK}: a\r\nX Y: b\r\n\tc\r\nX\xc3\xa9: d\r\nContent Length: 9\r\nContent-Length: 5\r\n\r\nup 1\n`,
    );

    assert.deepEqual(Object.entries(headers), [['content-length', '5']]);
    assert.equal(body, 'up 1\n');
  });

  it('keeps the bytes of a value that is UTF-8', () => {
    assert.equal(read(`${OK}Location: /\xc3\xa0\r\n\r\n`).headers['location'], '/\xc3\xa0');
  });

  it('ends a body where its framing says, whatever comes behind it', () => {
    for (const bytes of [
      `${OK}Content-Length: 5\r\n\r\nup 1\nHTTP/1.1 404 X\r\n\r\n`,
      `${OK}Content-Length: 005, 5\r\n\r\nup 1\n`,
      `${OK}Content-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nup\r\n003;a\r\n 1\n\r\n0\r\nT: u\r\n\r\nmore`,
      `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nup 1\n`,
      `${OK}Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nup 1\n`,
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n0\r\n\r\n`,
    ]) {
      const { status, body, whole } = read(bytes);
      assert.deepEqual(
        { status, body, whole },
        { status: 200, body: 'up 1\n', whole: true },
        bytes,
      );
    }
  });

  it('reads to the end of the connection where nothing says the length', () => {
    const { body, whole } = read(`${OK}\r\nup 1\n`, [3], true);
    assert.deepEqual({ body, whole }, { body: 'up 1\n', whole: true });
  });

  it('has no body of a status that has none, and takes 101 for a status like others', () => {
    for (const status of [101, 204, 304]) {
      const heard = read(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\n`);
      assert.equal(heard.status, status);
      assert.equal(heard.whole, true);
    }
  });

  it('refuses what is no response, at its first wrong byte where that is certain', () => {
    for (const bytes of [
      'SSH',
      'up 1\n',
      '\0',
      'HTTP/1.1 20 OK\r\n',
      'HTTP/1.1 099 OK\r\n',
      'HTTP/9.9 200 OK\r\n',
      `${OK}no colon\r\n`,
      `${OK} folded\r\n`,
      `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`,
      `${OK}Content-Length: -5\r\n\r\n`,
      `${OK}Content-Length: 0x5\r\n\r\n`,
      `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      `${CHUNKED}u`,
      `${CHUNKED}\r\n`,
      `${CHUNKED}5 5\r\n`,
      `${CHUNKED}${'f'.repeat(14)}\r\n`,
      `${CHUNKED}2\r\nup1\r\n`,
      `${CHUNKED}2\r\nup1`,
    ]) {
      assert.throws(() => read(bytes), NotHttpError, bytes);
    }
  });

  it('refuses lines without end', () => {
    const long = 'x'.repeat(17_000);
    for (const bytes of [
      `HTTP/1.1 200 ${long}`,
      `${OK}X: ${long}`,
      OK + 'X: y\r\n'.repeat(5000),
      `${OK}X: y\r\n${' z\r\n'.repeat(9000)}`,
      `${CHUNKED}1;${long}`,
      CHUNKED + '0'.repeat(17_000),
      `${CHUNKED}0\r\n${'X: y\r\n'.repeat(5000)}`,
    ]) {
      for (const size of [bytes.length, 1])
        assert.throws(() => read(bytes, [size]), WireLimitError);
    }
  });

  it('says the same of a response in whatever pieces it comes', () => {
    const part = fc.constantFrom('X: y\r\n', ' z\n', 'Content-Length: 4\r\n', 'A :\tb \n');
    const chunk = fc
      .tuple(
        fc.string({ unit: 'binary-ascii', minLength: 1 }),
        fc.constantFrom('\r\n', '\n', ' ;a\r\n'),
      )
      .map(([text, end]) => `${text.length.toString(16)}${end}${text}\r\n`);
    const response = fc
      .tuple(
        fc.constantFrom('', '\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'),
        fc.array(part),
        fc.array(chunk),
      )
      .map(
        ([before, headers, chunks]) =>
          `${before}${OK}W: x\r\n${headers.join('')}Transfer-Encoding: chunked\n\n${chunks.join('')}0\r\n\r\n`,
      );
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(response, sizes, (bytes, pieces) => {
        const atOnce = read(bytes);
        assert.equal(atOnce.whole, true);
        assert.deepEqual(read(bytes, pieces), atOnce);
      }),
    );
  });

  it('hands the chunks of one read out as one, and says how many they were', () => {
    const handed: number[] = [];
    const parser = new LenientParser({
      head: () => undefined,
      body: (chunk, pieces) => {
        handed.push(pieces);
        assert.equal(chunk.toString(), 'x'.repeat(pieces));
      },
      whole: () => undefined,
    });

    parser.write(Buffer.from(`${CHUNKED}${'1\r\nx\r\n'.repeat(1000)}`));
    parser.write(Buffer.from('2\r\nx'));
    parser.write(Buffer.from('x\r\n1\nx\n'));

    assert.deepEqual(handed, [1000, 1, 2]);
  });

  it('makes no string of chunk sizes, of which one read may hold thousands', () => {
    for (const size of ['1\r\n', '1\n', '1 \t\n', '01;a="b"\r\n', '1;\n']) {
      const end = size.endsWith('\r\n') ? '\r\n' : '\n';
      const bytes = Buffer.from(`${CHUNKED}${`${size}x${end}`.repeat(1000)}0\n\n`);
      let strings = 0;
      const counted = (...how: Parameters<Buffer['toString']>): string => {
        strings++;
        return Buffer.prototype.toString.apply(bytes, how);
      };
      let body = '';
      let whole = false;
      const parser = new LenientParser({
        head: () => undefined,
        body: (chunk) => {
          body += chunk.toString();
        },
        whole: () => {
          whole = true;
        },
      });

      parser.write(Object.assign(bytes, { toString: counted }));

      assert.equal(body, 'x'.repeat(1000));
      assert.equal(whole, true);
      assert.ok(strings < 10, `${strings} strings`);
    }
  });

  it('says nothing more once it is stopped', () => {
    const parser: LenientParser = new LenientParser({
      head: () => parser.stop(),
      body: () => assert.fail('a body came'),
      whole: () => assert.fail('it was whole'),
    });

    parser.write(Buffer.from(`${OK}Content-Length: 5\r\n\r\nup 1\n`));
  });
});
