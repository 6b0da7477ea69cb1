import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { exchange, startOrigin, startRawOrigin, startTestProxy } from '../support/proxy.ts';
import { requireProgram } from '../support/require-program.ts';
import { CertificateFolder } from './openssl.ts';

const CLOSED = 'Connection: close\r\n\r\n';
const PAGE =
  'HTTP/1.1 200 OK\r\nETag: "1"\r\nCache-Control: max-age=0\r\nContent-Length: 4\r\n\r\npage';

async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { code: string }).code;
}

/** Does to each request what comes next; the last for all others. */
function inTurn(...answers: readonly ((socket: Socket) => void)[]): (socket: Socket) => void {
  let asked = 0;
  return (socket) => answers[Math.min(asked++, answers.length - 1)]!(socket);
}

describe('the caching proxy before an origin that fails', () => {
  const FAILURES: readonly (readonly [
    what: string,
    act: (socket: Socket) => void,
    status: number,
    code: string,
  ])[] = [
    ['hangs', () => undefined, 504, 'origin-timeout'],
    ['closes without an answer', (socket) => socket.end(), 502, 'origin-failed'],
    ['resets', (socket) => socket.resetAndDestroy(), 502, 'origin-failed'],
    ['does not speak HTTP', (socket) => socket.write('SSH-2.0-x\r\n'), 502, 'origin-failed'],
    [
      'sends 40 KB of fields',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`),
      ...([502, 'origin-failed'] as const),
    ],
    [
      'sends interim responses without end',
      (socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)),
      ...([502, 'origin-failed'] as const),
    ],
    [
      'puts a NUL into a field',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'),
      ...([502, 'origin-failed'] as const),
    ],
    [
      'puts a CR into a field',
      (socket) =>
        socket.write('HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n'),
      ...([502, 'origin-failed'] as const),
    ],
    [
      'switches protocols unasked',
      (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'),
      ...([502, 'origin-failed'] as const),
    ],
  ];
  for (const [what, act, status, code] of FAILURES) {
    it(`answers ${status} when it ${what}`, async () => {
      await using origin = await startRawOrigin(act);
      await using proxy = await startTestProxy(origin.url, { timeoutMs: 300 });
      const answers = await Promise.all([proxy.get('/a'), proxy.get('/a'), proxy.get('/a')]);

      for (const answer of answers) {
        assert.equal(answer.status, status);
        assert.equal(await codeOf(answer), code);
      }
    });
  }

  it('answers 502 when nothing listens', async () => {
    await using proxy = await startTestProxy('http://127.0.0.1:1');
    const answer = await proxy.get('/a');

    assert.deepEqual([answer.status, await codeOf(answer)], [502, 'origin-failed']);
  });

  it('trusts an origin by the authorities of the platform, and no other', async function () {
    requireProgram(this, 'openssl');
    using folder = new CertificateFolder();
    const { cert, key } = folder.selfSigned('origin');
    const certificate = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    await using origin = await startOrigin((_, response) => void response.end('page'), certificate);
    await using trusting = await startTestProxy(origin.url, {}, folder.folder);
    await using other = await startTestProxy(origin.url);
    const answer = await other.get('/a');

    assert.equal(await (await trusting.get('/a')).text(), 'page');
    assert.equal(answer.status, 502);
    assert.equal(((await answer.json()) as { failure: string }).failure, 'tls');
  });

  const BROKEN: readonly (readonly [what: string, answer: string, ends: boolean])[] = [
    ['lies about its length', 'Content-Length: 100\r\n\r\npage', true],
    ['truncates its chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\npage\r\n', true],
    ['breaks its chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\npage\r\nzz\r\n', false],
    ['hangs in the midst', 'Content-Length: 100\r\n\r\npage', false],
  ];
  for (const [what, rest, ends] of BROKEN) {
    it(`keeps the page before and stores nothing when it ${what}`, async () => {
      const whole = (socket: Socket): void => void socket.write(PAGE);
      const broken = (socket: Socket): void => {
        socket.write(`HTTP/1.1 200 OK\r\nETag: "2"\r\nCache-Control: max-age=60\r\n${rest}`);
        if (ends) socket.end();
      };
      const nothing = (socket: Socket): void => void socket.end();
      await using origin = await startRawOrigin(inTurn(whole, broken, nothing));
      await using proxy = await startTestProxy(origin.url, { timeoutMs: 300 });
      const first = await proxy.get('/a');
      const second = await proxy
        .get('/a')
        .then((answer) => answer.text())
        .catch((error) => error);
      const third = await proxy.get('/a');

      assert.equal(await first.text(), 'page');
      assert.ok(second instanceof Error, 'the reader sees that the answer is not whole');
      assert.deepEqual([await third.text(), third.headers.get('x-cache')], ['page', 'STALE']);
    });
  }

  it('takes what comes after the body for no answer to another request', async () => {
    const smuggled =
      'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nevil';
    await using origin = await startRawOrigin((socket, head) => {
      const isFirst = head.startsWith('GET /a ');
      socket.write(isFirst ? PAGE + smuggled : PAGE.replace('page', 'good'));
    });
    await using proxy = await startTestProxy(origin.url);
    await (await proxy.get('/a')).text();
    const other = await proxy.get('/b');

    assert.equal(await other.text(), 'good');
  });

  it('ends its request when the last reader of an endless body has left', async () => {
    const closed = Promise.withResolvers<void>();
    await using origin = await startRawOrigin((socket) => {
      socket.once('close', () => closed.resolve());
      socket.write('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\n');
      const chunk = Buffer.alloc(65_536);
      const fill = (): void => {
        while (socket.writable && socket.write(chunk));
      };
      socket.on('drain', fill);
      fill();
    });
    await using proxy = await startTestProxy(origin.url, { cacheBytes: 1_048_576 });
    const reader = httpRequest(`${proxy.url}/a`).end();
    const [answer] = (await once(reader, 'response')) as [IncomingMessage];
    await once(answer, 'data');
    reader.destroy();

    await closed.promise;
  });

  it('goes on when a reader leaves amid its upload', async () => {
    const aborted = Promise.withResolvers<void>();
    await using origin = await startOrigin((request, response) => {
      if (request.method === 'GET') response.end('page');
      request.once('close', () => {
        if (!request.complete) aborted.resolve();
      });
      request.resume();
    });
    await using proxy = await startTestProxy(origin.url);
    const upload = connect(proxy.port, '127.0.0.1');
    upload.write('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome');
    await eventually('the upload to arrive', () => origin.connections || undefined);
    upload.resetAndDestroy();
    await aborted.promise;

    assert.equal(await (await proxy.get('/a')).text(), 'page');
  });

  it('keeps its bound however many variants and addresses an origin has', async () => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60', Vary: 'Foo' }).end('x'.repeat(500));
    });
    await using proxy = await startTestProxy(origin.url, { cacheBytes: 200_000, metricsPort: 0 });
    for (let i = 0; i < 200; i++) {
      await (await proxy.get('/a', { headers: { Foo: String(i) } })).text();
      await (await proxy.get(`/?${i}`)).text();
    }
    const metrics = await (await fetch(proxy.app.metricsUrl ?? '')).text();
    const level = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1]);

    assert.ok(level('promgate_proxy_cache_bytes') <= 200_000);
    assert.ok(level('promgate_proxy_cache_entries') > 10);
    assert.ok(level('promgate_proxy_cache_evictions_total') > 100);
  });
});

describe('the caching proxy before a reader that lies', () => {
  const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  const REQUESTS: readonly (readonly [what: string, fields: string, status: number])[] = [
    ['both lengths', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', 400],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5\r\n', 400],
    ['a signed length', 'Content-Length: +4\r\n', 400],
    ['a coding that is not chunked', 'Transfer-Encoding: gzip\r\n', 501],
    ['a further coding', 'Transfer-Encoding: gzip, chunked\r\n', 501],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', 400],
    ['a hidden coding', 'Transfer-Encoding : chunked\r\n', 400],
    ['a folded field', 'X: a\r\n b\r\n', 400],
  ];
  for (const [what, fields, status] of REQUESTS) {
    it(`refuses ${what} with ${status}, and sends nothing on`, async () => {
      await using origin = await startOrigin((_, response) => void response.end('reached'));
      await using proxy = await startTestProxy(origin.url);
      const text = `POST /a HTTP/1.1\r\nHost: a\r\n${fields}\r\n0\r\n\r\n${SMUGGLED}`;
      const answer = await exchange(proxy.port, text);

      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.ok(!answer.includes('reached'));
      assert.equal(origin.connections, 0);
    });
  }

  it('sends a long address on, and refuses one that is too long', async () => {
    await using origin = await startOrigin((request, response) => {
      response.end(String(request.url?.length));
    });
    await using proxy = await startTestProxy(origin.url);
    const ask = (length: number): Promise<string> =>
      exchange(proxy.port, `GET /${'x'.repeat(length)} HTTP/1.1\r\nHost: a\r\n${CLOSED}`);

    assert.match(await ask(8_000), /^HTTP\/1\.1 200 [\s\S]*8001/);
    assert.match(await ask(20_000), /^HTTP\/1\.1 431 /);
  });

  it('sends on no field that Connection names, and none of its own connection', async () => {
    await using origin = await startOrigin((request, response) => {
      response.end(JSON.stringify(request.rawHeaders));
    });
    await using proxy = await startTestProxy(origin.url);
    const fields = 'Connection: close, X-Own\r\nX-Own: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n';
    const answer = await exchange(
      proxy.port,
      `GET /a HTTP/1.1\r\nHost: a\r\n${fields}Proxy-Authorization: secret\r\n\r\n`,
    );

    assert.doesNotMatch(answer, /X-Own|"TE"|Keep-Alive: 5|secret/);
  });

  it('keeps a shared page from neither reader when one reads nothing', async () => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(200, { 'Cache-Control': 'max-age=60' }).end(Buffer.alloc(3_000_000, 'x'));
    });
    await using proxy = await startTestProxy(origin.url);
    const lazy = connect(proxy.port, '127.0.0.1').pause();
    lazy.write('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('the origin to be asked', () => origin.connections || undefined);
    const text = await (await proxy.get('/a')).text();
    lazy.destroy();

    assert.equal(text.length, 3_000_000);
    assert.equal(origin.connections, 1);
  });
});
