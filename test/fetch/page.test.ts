/** What instances do wrong, each with a real server that does it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import {
  ask,
  brief,
  closedAddress,
  type InstanceServer,
  openScraper,
  scrape,
  serve,
  serveNobody,
  serveRaw,
  target,
  until,
} from './instance-server.ts';

const page = 'up 1\n';
const end = (socket: Socket) => void socket.end();
const reset = (socket: Socket) => void socket.resetAndDestroy();

/** Asks an instance that answers with these bytes. */
async function askRaw(bytes: string | Buffer, then?: (socket: Socket) => void): Promise<string> {
  await using scraper = openScraper();
  await using server = await serveRaw(bytes, then);
  return await ask(scraper, server.address);
}

async function askHttp(handler: RequestListener, maxBodyBytes = 16 * 2 ** 20): Promise<string> {
  await using scraper = openScraper({ maxBodyBytes });
  await using server = await serve(handler);
  return await ask(scraper, server.address);
}

/** Asks an instance for which the deadline comes when `condition` holds. */
async function askUntil(
  server: InstanceServer,
  condition: (bodyBytes: () => number) => boolean,
): Promise<string> {
  await using scraper = openScraper();
  const scraping = scrape(scraper, [target(server.address)]);
  await until(() => condition(() => scraper.load.bytes), 'the instance is where it is to be');
  scraper.endBy(performance.now());
  const [answer] = await scraping;
  assert.equal(scraper.load.slots, 0);
  assert.equal(scraper.load.bytes, 0);
  return brief(answer);
}

describe('a page', () => {
  describe('that comes whole', () => {
    it('with Content-Length', async () => {
      assert.equal(await askRaw(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${page}`), page);
    });

    it('in chunks', async () => {
      const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
      assert.equal(await askRaw(`${chunked}2\r\nup\r\n3\r\n 1\n\r\n0\r\n\r\n`), page);
    });

    it('up to the end of the connection', async () => {
      assert.equal(await askRaw(`HTTP/1.0 200 OK\r\n\r\n${page}`, end), page);
    });

    it('after interim responses', async () => {
      const early = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
      const whole = `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${page}`;
      assert.equal(await askRaw(early + early + whole), page);
    });

    it('byte by byte', async () => {
      const text = await askHttp(async (_request, response) => {
        for (const byte of page)
          await new Promise<void>((sent) => response.write(byte, () => sent()));
        response.end();
      });
      assert.equal(text, page);
    });

    it('larger than any buffer, of unknown size', async () => {
      const large = randomBytes(1_500_000).toString('hex');
      const text = await askHttp((_request, response) => {
        response.write(large.slice(0, 1000));
        response.end(large.slice(1000));
      });
      assert.ok(text === large);
    });

    for (const encoding of ['gzip', 'GZIP', 'x-gzip']) {
      it(`in ${encoding}`, async () => {
        const text = await askHttp((request, response) => {
          assert.equal(request.headers['accept-encoding'], undefined); // forward.ts sets it
          response.setHeader('Content-Encoding', encoding);
          response.end(gzipSync(page.repeat(100_000)));
        });
        assert.ok(text === page.repeat(100_000));
      });
    }

    it('in several gzip members', async () => {
      const text = await askHttp((_request, response) => {
        response.setHeader('Content-Encoding', 'gzip');
        response.end(Buffer.concat([gzipSync(page), gzipSync(page)]));
      });
      assert.equal(text, page + page);
    });

    it('empty', async () => {
      assert.equal(await askHttp((_request, response) => void response.end()), '');
    });

    it('in gzip that is told twice', async () => {
      const text = await askHttp((_request, response) => {
        response.setHeader('Content-Encoding', ['gzip', 'gzip']);
        response.end(gzipSync(page));
      });
      assert.equal(text, page);
    });

    it('with encoding identity', async () => {
      const text = await askHttp((_request, response) => {
        response.setHeader('Content-Encoding', 'identity');
        response.end(page);
      });
      assert.equal(text, page);
    });
  });

  describe('is refused where nothing listens', () => {
    it('at the port', async () => {
      await using scraper = openScraper();
      assert.equal(await ask(scraper, await closedAddress()), 'refused');
    });
  });

  describe('is unreachable', () => {
    const addresses = [
      ['no such host', 'no-such-host.invalid:80'],
      ['no port', '127.0.0.1'],
      ['port 0', '127.0.0.1:0'],
      ['a port beyond all', '127.0.0.1:65536'],
      ['a URL', 'http://127.0.0.1:80'],
      ['userinfo', 'a@127.0.0.1:80'],
      ['a line feed', '127.0.0.1\n:80'],
      ['nothing', ''],
      ['not even a colon', 'x'],
    ] as const;
    for (const [why, address] of addresses) {
      it(`at an address with ${why}`, async () => {
        await using scraper = openScraper();
        assert.equal(await ask(scraper, address), 'unreachable');
      });
    }

    it('under a route that no Host header can hold, and no request is split', async () => {
      await using scraper = openScraper();
      await using server = await serve((_request, response) => void response.end(page));
      const host = 'a.example.com\r\nX-Split: 1';

      assert.equal(await ask(scraper, server.address, { host }), 'unreachable');
      assert.equal(server.connected, 0);
    });

    it('when nobody takes the connection in time', async () => {
      await using scraper = openScraper({ connectTimeoutMs: 50 });
      await using server = await serveNobody();
      assert.equal(await ask(scraper, server.address), 'unreachable');
    });
  });

  describe('has the word of its status', () => {
    const words = [
      [101, 'status-other (101)'],
      [201, 'status-other (201)'],
      [204, 'status-other (204)'],
      [206, 'status-other (206)'],
      [300, 'redirect (300)'],
      [304, 'redirect (304)'],
      [302, 'redirect (302)'],
      [400, 'status-4xx (400)'],
      [404, 'status-4xx (404)'],
      [499, 'status-4xx (499)'],
      [500, 'status-5xx (500)'],
      [503, 'status-5xx (503)'],
      [600, 'status-other (600)'],
      [999, 'status-other (999)'],
    ] as const;
    for (const [status, word] of words) {
      it(String(status), async () => {
        const body = status === 204 || status === 304 || status < 200 ? '' : 'body';
        const length = body === '' ? '' : 'Content-Length: 4\r\n';
        const upgrade = status === 101 ? 'Connection: upgrade\r\nUpgrade: x\r\n' : '';
        assert.equal(await askRaw(`HTTP/1.1 ${status} X\r\n${length}${upgrade}\r\n${body}`), word);
      });
    }

    it('also when the body never ends, is cut or is huge', async () => {
      const head = 'HTTP/1.1 500 X\r\n';
      let word = 'timeout';
      while (word === 'timeout') {
        // Its head may be on the way. A new server each time, whose end takes a turn of the event
        // loop: without one no connection is ever closed.
        await using endless = await serveRaw(`${head}Content-Length: 9\r\n\r\nx`);
        word = await askUntil(endless, () => endless.open.size === 1);
      }
      assert.equal(word, 'status-5xx (500)');
      assert.equal(await askRaw(`${head}Content-Length: 9\r\n\r\nx`, end), 'status-5xx (500)');
      const huge = Buffer.concat([
        Buffer.from(`${head}Content-Length: 99999999\r\n\r\n`),
        Buffer.alloc(100_000),
      ]);
      assert.equal(await askRaw(huge), 'status-5xx (500)');
    });

    it('long before the deadline, also when its body never ends', async () => {
      for (const status of ['500 X\r\nContent-Length: 9', '404 X\r\nTransfer-Encoding: chunked']) {
        await using scraper = openScraper();
        await using server = await serveRaw(`HTTP/1.1 ${status}\r\n\r\n`);
        assert.match(await ask(scraper, server.address), /^status-/);
        assert.equal(scraper.load.slots, 0);
        await until(() => server.open.size === 0, 'the connection to be closed');
      }
    });

    it('and keeps the connection where the body is short', async () => {
      await using scraper = openScraper();
      await using server = await serve((_request, response) => {
        response.statusCode = 404;
        response.end('nothing here');
      });

      for (let i = 0; i < 3; i++) await ask(scraper, server.address);

      assert.equal(server.connected, 1);
    });
  });

  describe('is redirected', () => {
    const redirect = (location: string, status = 302): RequestListener => {
      return (request, response) => {
        if (request.url === '/real') return response.end(`${request.headers.host}\n`);
        response.writeHead(status, { Location: location });
        return response.end('moved');
      };
    };

    it('to another path of the same address, over the same connection', async () => {
      await using scraper = openScraper();
      for (const location of [
        '/real',
        'http://app.example.com/real',
        'https://app.example.com/real',
      ]) {
        await using server = await serve(redirect(location));
        assert.equal(await ask(scraper, server.address), 'app.example.com\n');
        assert.equal(server.connected, 1);
      }
    });

    it('three times, but not four', async () => {
      await using scraper = openScraper();
      await using server = await serve((request, response) => {
        const left = Number(request.url?.slice(1));
        if (left === 0) response.end(page);
        else response.writeHead(307, { Location: `/${left - 1}` }).end();
      });
      assert.equal(await ask(scraper, server.address, { path: '/3' }), page);
      assert.equal(await ask(scraper, server.address, { path: '/4' }), 'redirect (307)');
    });

    it('never to another host, and nobody else is asked', async () => {
      await using scraper = openScraper();
      await using other = await serve((_request, response) => void response.end('stolen 1\n'));
      const hostile = [
        `http://${other.address}/metrics`,
        `//${other.address}/metrics`,
        `\\\\${other.address}/metrics`,
        `/\\${other.address}/metrics`,
        `http://app.example.com@${other.address}/`,
      ];
      for (const location of hostile) {
        await using server = await serve(redirect(location));
        assert.equal(await ask(scraper, server.address), 'redirect (302)');
      }
      assert.equal(other.connected, 0);
    });

    it('and is late there, without the status of the redirect', async () => {
      await using server = await serve((request, response) => {
        if (request.url !== '/real') response.writeHead(302, { Location: '/real' }).end();
        else asked = true;
      });
      let asked = false;
      assert.equal(await askUntil(server, () => asked), 'timeout');
    });

    it('with a body of any size', async () => {
      await using scraper = openScraper();
      await using server = await serve((request, response) => {
        if (request.url === '/real') return response.end(page);
        response.writeHead(302, { Location: '/real' });
        return response.end('x'.repeat(10_000_000));
      });
      assert.equal(await ask(scraper, server.address), page);
    });
  });

  describe('is too large', () => {
    const maxBodyBytes = 100_000;

    it('by its Content-Length, and is not read', async () => {
      const word = await askHttp((_request, response) => {
        response.setHeader('Content-Length', maxBodyBytes + 1);
        response.flushHeaders();
      }, maxBodyBytes);
      assert.equal(word, 'too-large (200)');
    });

    it('by one byte, of unknown size', async () => {
      for (const [size, ok] of [
        [maxBodyBytes, true],
        [maxBodyBytes + 1, false],
      ] as const) {
        const text = await askHttp((_request, response) => {
          response.write('x');
          response.end('x'.repeat(size - 1));
        }, maxBodyBytes);
        assert.equal(text === 'too-large (200)', !ok);
      }
    });

    it('when it never ends', async () => {
      const word = await askHttp((_request, response) => {
        const more = (): boolean => response.write('x'.repeat(16_384)) && more();
        response.on('drain', more);
        more();
      }, maxBodyBytes);
      assert.equal(word, 'too-large (200)');
    });

    it('after decompression: 200 KB that grow to 200 MB cost no more than the bound', async () => {
      const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20));
      assert.ok(bomb.length < 250_000);
      await using scraper = openScraper({ maxBodyBytes, maxBytes: 10 * maxBodyBytes });
      await using server = await serve((_request, response) => {
        response.setHeader('Content-Encoding', 'gzip');
        response.end(bomb);
      });
      const before = process.memoryUsage();

      const [answer] = await scrape(scraper, [target(server.address)]);

      assert.equal(brief(answer), 'too-large (200)');
      assert.ok((answer?.bodyBytes ?? 0) <= maxBodyBytes);
      const after = process.memoryUsage();
      assert.ok(after.arrayBuffers - before.arrayBuffers < 20 * 2 ** 20);
    });

    it('by its headers', async () => {
      const headers = `X-A: ${'a'.repeat(1000)}\r\n`.repeat(17);
      assert.equal(await askRaw(`HTTP/1.1 200 OK\r\n${headers}\r\n`), 'too-large');
    });

    it('by headers that never end', async () => {
      const word = await askRaw('HTTP/1.1 200 OK\r\nX: ', (socket) => {
        const more = (): boolean => !socket.destroyed && socket.write('x'.repeat(4096)) && more();
        socket.on('drain', more);
        more();
      });
      assert.equal(word, 'too-large');
    });
  });

  describe('is truncated', () => {
    const half = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nup 1\n';
    const cases: readonly [why: string, bytes: string | Buffer, then: (socket: Socket) => void][] =
      [
        ['when less comes than its Content-Length', half, end],
        ['when the connection is reset', half, reset],
        [
          'when chunks have no end',
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup',
          end,
        ],
        ['when headers have no end', 'HTTP/1.1 200 OK\r\nContent-', end],
        ['when nothing comes at all', '', end],
        ['when a connection that ends it is reset', 'HTTP/1.0 200 OK\r\n\r\nup 1', reset],
      ];
    for (const [why, bytes, then] of cases) {
      it(why, async () => assert.match(await askRaw(bytes, then), /^truncated( \(200\))?$/));
    }

    it('when gzip has no end', async () => {
      for (const size of [5, 1000, 50_000]) {
        const cut = gzipSync(randomBytes(size)).subarray(0, -9);
        const word = await askHttp((_request, response) => {
          response.setHeader('Content-Encoding', 'gzip');
          response.end(cut);
        });
        assert.equal(word, 'truncated (200)');
      }
    });

    it('when gzip is promised and nothing comes', async () => {
      for (const type of ['text/plain', 'application/openmetrics-text']) {
        const head = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Encoding: gzip\r\n`;
        assert.equal(await askRaw(`${head}Content-Length: 0\r\n\r\n`), 'truncated (200)');
        assert.equal(await askRaw(`${head}\r\n`, end), 'truncated (200)');
      }
    });

    it('on a connection that is not used again', async () => {
      await using scraper = openScraper();
      await using server = await serveRaw(half, end);
      await ask(scraper, server.address);
      await ask(scraper, server.address);
      assert.equal(server.connected, 2);
      assert.equal(scraper.load.idleConnections, 0);
    });

    it('but what comes beyond its Content-Length is no part of it, nor of the next', async () => {
      await using scraper = openScraper();
      await using server = await serveRaw(
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nup 1\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nevil 1\n',
      );
      for (let i = 0; i < 5; i++) assert.equal(await ask(scraper, server.address), page);
    });
  });

  it('whose encoding was not asked for is given as it is: merging says what it is', async () => {
    for (const [encoding, body] of [
      ['br', brotliCompressSync(page)],
      ['deflate', deflateSync(page)],
      ['gzip, gzip', gzipSync(gzipSync(page))],
      ['what', Buffer.from(page)],
    ] as const) {
      const text = await askHttp((_request, response) => {
        response.setHeader('Content-Encoding', encoding);
        response.end(body);
      });
      assert.equal(text, body.toString('latin1'));
    }
  });

  it('is invalid when its gzip is damaged, or is none', async () => {
    const damaged = gzipSync(page.repeat(1000)).fill(0xff, 12, 20);
    const large = gzipSync(randomBytes(100_000)).fill(0, 99_000);
    for (const body of [damaged, large, Buffer.from(page)]) {
      const word = await askHttp((_request, response) => {
        response.setHeader('Content-Encoding', 'gzip');
        response.end(body);
      });
      assert.equal(word, 'invalid (200)');
    }
  });

  describe('is no HTTP', () => {
    it('when it is another protocol', async () => {
      for (const bytes of [
        'SSH-2.0-OpenSSH_9.2\r\n',
        '\x15\x03\x01\0\x02\x02\x16',
        'up 1\n',
        '\0\0\0',
      ]) {
        assert.equal(await askRaw(bytes, end), 'not-http');
      }
    });

    it('when the response breaks the protocol', async () => {
      for (const bytes of [
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nup 1\n',
        'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nup 1\n',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n-\r\n\r\n',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nup',
        'HTTP/1.1 200 OK\r\nX Y\r\n\r\n',
        'HTTP/1.1 000 OK\r\n\r\n',
        'HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nup 1\n',
        'HTTP/9.9 200 OK\r\n\r\n',
      ]) {
        assert.match(await askRaw(bytes, end), /^not-http( \(200\))?$/, bytes);
      }
    });
  });

  describe('is late', () => {
    it('when the instance hangs before, within or after its headers', async () => {
      for (const bytes of [
        '',
        'HTTP/1.1 200 OK\r\nContent-',
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nup',
      ]) {
        let written = 0;
        await using server = await serveRaw(bytes, () => void written++);
        const word = await askUntil(server, () => written === 1);
        assert.match(word, /^timeout( \(200\))?$/);
        await until(() => server.open.size === 0, 'the connection is cut');
      }
    });

    it('when it sends now and then a byte', async () => {
      let sent = 0;
      await using server = await serve(async (_request, response) => {
        while (!response.destroyed) {
          await new Promise<void>((done) => response.write('x', () => done()));
          sent++;
          await setImmediate(); // others have their turn between two bytes
        }
      });
      assert.equal(await askUntil(server, () => sent > 10), 'timeout (200)');
    });
  });
});
