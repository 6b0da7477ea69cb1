import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { gzipSync } from 'node:zlib';
import { eventually } from '../support/eventually.ts';
import { exchange, startOrigin, startTestProxy } from '../support/proxy.ts';

async function textOf(request: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Without the fields that `fetch` adds to conditions and ranges. */
async function ask(url: string, options: RequestOptions): Promise<IncomingMessage> {
  const request = httpRequest(`${url}/a`, options).end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return answer;
}

const FRESH = { 'Cache-Control': 'max-age=60' };

describe('the caching proxy', () => {
  it('sends on path, query, method, body and fields, below the base path of the origin', async () => {
    await using origin = await startOrigin(async (request, response) => {
      const { method, url, headers } = request;
      const body = await textOf(request);
      response.end(JSON.stringify({ method, url, headers, body }));
    });
    await using proxy = await startTestProxy(`${origin.url}/base/`);
    const answer = await proxy.get('/a%2Fb/?x=1&x=2&y', {
      ...{ method: 'PATCH', body: 'text' },
      headers: { 'X-Own': 'yes', 'X-Forwarded-For': '9.9.9.9', Connection: 'X-Hop', 'X-Hop': '1' },
    });
    const seen = JSON.parse(await answer.text());

    assert.deepEqual(
      [seen.method, seen.url, seen.body],
      ['PATCH', '/base/a%2Fb/?x=1&x=2&y', 'text'],
    );
    assert.equal(seen.headers.host, new URL(origin.url).host);
    assert.equal(seen.headers['x-own'], 'yes');
    assert.equal(seen.headers['x-forwarded-for'], '9.9.9.9, 127.0.0.1');
    assert.match(seen.headers.via, /^1\.1 promgate-[0-9a-f]{12}$/);
    assert.equal(answer.headers.get('x-cache'), 'BYPASS');
  });

  it('marks hits and misses, with Age and Cache-Status', async () => {
    let asked = 0;
    await using origin = await startOrigin((_, response) => {
      asked++;
      response.writeHead(200, FRESH).end('page');
    });
    await using proxy = await startTestProxy(origin.url);
    const [miss, hit] = [await proxy.get('/a'), await proxy.get('/a')];

    assert.deepEqual([await miss.text(), await hit.text(), asked], ['page', 'page', 1]);
    assert.deepEqual([miss.headers.get('x-cache'), hit.headers.get('x-cache')], ['MISS', 'HIT']);
    assert.match(
      miss.headers.get('cache-status') ?? '',
      /^promgate; fwd=uri-miss; fwd-status=200; stored$/,
    );
    assert.match(hit.headers.get('cache-status') ?? '', /^promgate; hit; ttl=\d+$/);
    assert.match(hit.headers.get('age') ?? '', /^\d+$/);
    assert.equal(hit.headers.get('content-length'), '4');
    const results = await eventually('two events', () => {
      const found = proxy.events.map(({ cacheResult }) => cacheResult);
      return found.length === 2 ? found : undefined;
    });
    assert.deepEqual(results, ['miss', 'hit']);
    const [, event] = proxy.events;
    assert.deepEqual([event?.method, event?.path, event?.status], ['GET', '/a', 200]);
    assert.equal(event?.origin, origin.url);
    assert.ok(event !== undefined && event.bytes > 4 && event.durationMs >= 0);
  });

  it('gives a hit in one piece to many requests on one connection', async () => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(200, FRESH).end('page');
    });
    await using proxy = await startTestProxy(origin.url);
    await (await proxy.get('/a')).text();
    const hit = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
    const last = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const answers = await exchange(proxy.port, hit.repeat(20) + last);

    assert.equal(answers.match(/HTTP\/1\.1 200 OK\r\n/g)?.length, 21);
    assert.equal(answers.match(/\r\nX-Cache: HIT\r\n/g)?.length, 21);
    assert.equal(answers.match(/\r\n\r\npage/g)?.length, 21);
  });

  it('gives equal requests what is stored now, however often they were hits', async () => {
    let version = 1;
    await using origin = await startOrigin((request, response) => {
      if (request.method === 'POST') version++;
      response.writeHead(200, FRESH).end(`version ${version}`);
    });
    await using proxy = await startTestProxy(origin.url);
    const read = async (init?: RequestInit): Promise<string> => {
      const answer = await proxy.get('/a', init);
      return `${answer.headers.get('x-cache')} ${await answer.text()}`;
    };
    const first = [await read(), await read(), await read()];
    await (await proxy.get('/a', { method: 'POST' })).text();
    const second = [await read(), await read(), await read()];
    const asked = await read({ headers: { 'Cache-Control': 'no-cache' } });

    assert.deepEqual(first, ['MISS version 1', 'HIT version 1', 'HIT version 1']);
    assert.deepEqual(second, ['MISS version 2', 'HIT version 2', 'HIT version 2']);
    assert.equal(asked, 'MISS version 2');
  });

  it('answers conditions, ranges and HEAD from what is stored', async () => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(200, { ...FRESH, ETag: '"1"' }).end('0123456789');
    });
    await using proxy = await startTestProxy(origin.url);
    await (await proxy.get('/a')).text();
    const conditional = await ask(proxy.url, { headers: { 'If-None-Match': '"1"' } });
    const range = await ask(proxy.url, { headers: { Range: 'bytes=2-4' } });
    const beyond = await ask(proxy.url, { headers: { Range: 'bytes=99-' } });
    const head = await ask(proxy.url, { method: 'HEAD' });

    assert.deepEqual([conditional.statusCode, conditional.headers.etag], [304, '"1"']);
    assert.deepEqual([range.statusCode, await textOf(range)], [206, '234']);
    assert.equal(range.headers['content-range'], 'bytes 2-4/10');
    assert.deepEqual([beyond.statusCode, beyond.headers['content-range']], [416, 'bytes */10']);
    assert.deepEqual([head.statusCode, head.headers['content-length']], [200, '10']);
    for (const { headers } of [conditional, range, head]) {
      assert.equal(headers['x-cache'], 'HIT');
    }
  });

  it('stores a body for others that its own reader does not need', async () => {
    await using origin = await startOrigin((_, response) => {
      response.writeHead(200, { ...FRESH, ETag: '"1"' }).end('0123456789');
    });
    await using proxy = await startTestProxy(origin.url);
    const first = await ask(proxy.url, { headers: { 'If-None-Match': '"1"' } });
    const mark = await eventually('the body to be stored', async () => {
      const answer = await ask(proxy.url, { headers: { 'Cache-Control': 'only-if-cached' } });
      const text = await textOf(answer);
      return answer.statusCode === 200 ? `${answer.headers['x-cache']} ${text}` : undefined;
    });

    assert.deepEqual([first.statusCode, first.headers['x-cache']], [304, 'MISS']);
    assert.equal(mark, 'HIT 0123456789');
  });

  it('passes compressed bodies as they are, each encoding a variant', async () => {
    await using origin = await startOrigin((request, response) => {
      const isGzip = request.headers['accept-encoding'] === 'gzip';
      const encoding = isGzip ? { 'Content-Encoding': 'gzip' } : {};
      response.writeHead(200, { ...FRESH, ...encoding, Vary: 'Accept-Encoding' });
      response.end(isGzip ? gzipSync('page') : 'page');
    });
    await using proxy = await startTestProxy(origin.url);
    const results: (string | null)[] = [];
    for (const accept of ['gzip', 'identity', 'gzip', 'identity']) {
      const answer = await proxy.get('/a', { headers: { 'Accept-Encoding': accept } });
      assert.equal(await answer.text(), 'page');
      results.push(`${answer.headers.get('x-cache')} ${answer.headers.get('content-encoding')}`);
    }

    assert.deepEqual(results, ['MISS gzip', 'MISS null', 'HIT gzip', 'HIT null']);
  });

  it('passes 103 on, and streams before the origin has ended', async () => {
    const end = Promise.withResolvers<void>();
    await using origin = await startOrigin(async (_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeHead(200, { 'Content-Type': 'text/plain' }).write('first');
      await end.promise;
      response.end('last');
    });
    await using proxy = await startTestProxy(origin.url);
    const request = httpRequest(`${proxy.url}/a`).end();
    const hinted = once(request, 'information');
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    const [hints] = (await hinted) as [{ statusCode: number; rawHeaders: string[] }];
    const [answer] = await answered;
    const [first] = (await once(answer, 'data')) as [Buffer];
    end.resolve();

    assert.deepEqual(
      [hints.statusCode, hints.rawHeaders],
      [103, ['Link', '</a.css>; rel=preload']],
    );
    assert.equal(first.toString() + (await textOf(answer)), 'firstlast');
  });

  it('keeps the answers of credentials apart, and never gives one to another', async () => {
    let asked = 0;
    await using origin = await startOrigin((request, response) => {
      asked++;
      response.writeHead(200, { 'Cache-Control': 'public, max-age=60' });
      response.end(`for ${request.headers.authorization ?? 'nobody'}`);
    });
    await using proxy = await startTestProxy(origin.url);
    const texts: string[] = [];
    for (const credential of ['alice', 'bob', '', 'alice']) {
      const headers = credential === '' ? {} : { Authorization: credential };
      texts.push(await (await proxy.get('/a', { headers })).text());
    }

    assert.deepEqual(texts, ['for alice', 'for bob', 'for nobody', 'for alice']);
    assert.equal(asked, 3);
  });

  it('keeps apart what differs in fields from which origins make addresses', async () => {
    await using origin = await startOrigin((request, response) => {
      response.writeHead(200, FRESH).end(String(request.headers['x-forwarded-host']));
    });
    await using proxy = await startTestProxy(origin.url);
    const evil = await proxy.get('/a', { headers: { 'X-Forwarded-Host': 'evil' } });
    const plain = await proxy.get('/a');

    assert.deepEqual([await evil.text(), await plain.text()], ['evil', 'undefined']);
  });

  it('stores everything for a while when told so, but no page of one cookie for another', async () => {
    let asked = 0;
    await using origin = await startOrigin((request, response) => {
      asked++;
      response.end(request.headers.cookie ?? 'none');
    });
    await using proxy = await startTestProxy(origin.url, { cacheAllMs: 60_000 });
    const texts: string[] = [];
    for (const cookie of ['', '', 'a=1', 'a=2', 'a=1']) {
      const headers = cookie === '' ? {} : { Cookie: cookie };
      texts.push(await (await proxy.get('/a', { headers })).text());
    }

    assert.deepEqual(texts, ['none', 'none', 'a=1', 'a=2', 'a=1']);
    assert.equal(asked, 3);
  });

  it('reduces absolute targets to their path', async () => {
    await using origin = await startOrigin((request, response) => {
      response.end(`${request.headers.host} ${request.url}`);
    });
    await using proxy = await startTestProxy(origin.url);
    const text =
      'GET http://evil.example/p?q HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n';
    const answer = await exchange(proxy.port, text);

    assert.ok(answer.includes(`${new URL(origin.url).host} /p?q`));
  });

  const REFUSED: readonly (readonly [
    what: string,
    request: string,
    status: number,
    text: RegExp,
  ])[] = [
    [
      'WebSockets',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n',
      501,
      /WebSockets/,
    ],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n', 400, /Host/],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n', 400, /HTTP/],
    ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\n', 405, /TRACE/],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n', 400, /path/],
    [
      'only-if-cached',
      'GET / HTTP/1.1\r\nHost: a\r\nCache-Control: only-if-cached\r\n',
      504,
      /stored/,
    ],
  ];
  for (const [what, request, status, text] of REFUSED) {
    it(`refuses ${what} with ${status} and a clear text`, async () => {
      await using origin = await startOrigin((_, response) => void response.end('reached'));
      await using proxy = await startTestProxy(origin.url);
      const answer = await exchange(proxy.port, `${request}Connection: close\r\n\r\n`);

      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(answer, text);
      assert.equal(origin.connections, 0);
    });
  }

  it('refuses a request that comes back to it', async () => {
    let url = '';
    await using origin = await startOrigin((request, response) => {
      const headers = { ...request.headers, host: 'a', connection: 'close' };
      httpRequest(url, { headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0);
        answer.pipe(response);
      }).end();
    });
    await using proxy = await startTestProxy(origin.url);
    url = proxy.url;
    const answer = await proxy.get('/a');

    assert.equal(answer.status, 508);
    assert.equal(((await answer.json()) as { code: string }).code, 'loop');
  });

  it('lets many readers of one page cost the origin one request', async () => {
    let asked = 0;
    const release = Promise.withResolvers<void>();
    await using origin = await startOrigin(async (_, response) => {
      asked++;
      await release.promise;
      response.writeHead(200, FRESH).end('page');
    });
    await using proxy = await startTestProxy(origin.url);
    const readers = Array.from({ length: 50 }, () => proxy.get('/a'));
    await eventually('the origin to be asked', () => asked || undefined);
    release.resolve();
    const texts = await Promise.all(readers.map(async (reader) => (await reader).text()));

    assert.deepEqual([...new Set(texts)], ['page']);
    assert.equal(asked, 1);
  });

  it('streams a large upload and a large answer without holding either', async () => {
    const CHUNK = Buffer.alloc(65_536, 'x');
    await using origin = await startOrigin(async (request, response) => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      response.writeHead(200, { 'X-Bytes': String(bytes) });
      for (let i = 0; i < 800; i++) {
        if (!response.write(CHUNK)) await once(response, 'drain');
      }
      response.end();
    });
    await using proxy = await startTestProxy(origin.url, { cacheBytes: 1024 * 1024 });
    const upload = httpRequest(`${proxy.url}/a`, { method: 'POST' });
    const answered = once(upload, 'response') as Promise<[IncomingMessage]>;
    for (let i = 0; i < 800; i++) {
      if (!upload.write(CHUNK)) await once(upload, 'drain');
    }
    upload.end();
    const [answer] = await answered;
    let bytes = 0;
    for await (const chunk of answer) bytes += (chunk as Buffer).length;

    assert.equal(answer.headers['x-bytes'], String(800 * 65_536));
    assert.equal(bytes, 800 * 65_536);
  });
});
