import assert from 'node:assert/strict';
import { operatorsOnly } from '../../src/serve/auth.ts';
import { Authority, OPENSSL } from '../fetch/certificates.ts';
import { page, pageOf, response, status, TEXT_TYPE } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { requireProgram } from '../support/require-program.ts';
import type { Answer } from '../support/simulated-server.ts';
import { codeOf, type Site, startSite } from './endpoint-site.ts';
import { sendRaw } from './frame-server.ts';

const GOOD = 'http://good.example:9100/metrics';
const LONG = `# TYPE up gauge\n${'up{a="b"} 1\n'.repeat(500)}`;

/** A page that says how often it was asked for, with headers of its own. */
function counted(headers: Readonly<Record<string, string>> = {}): Answer {
  let count = 0;
  return ({ socket }) => {
    count++;
    const fields = { 'Content-Type': TEXT_TYPE, ...headers };
    socket.write(response(200, fields, Buffer.from(`asked ${count}\n`)));
  };
}

async function text(site: Site, headers: Record<string, string> = {}): Promise<string> {
  return (await site.ask(GOOD, { headers })).text();
}

describe('GET /metrics?endpoint=URL', () => {
  it('passes the other parameters on as they were sent, in their order, repeats too', async () => {
    await using site = await startSite({ answer: page('up 1\n') });
    const rest = '&match[]=b&match%5B%5D=a&x&=&a=1&a=0&q=%C3%BC+%2B&&z=%zz';

    await site.ask('http://good.example/federate?first=1', {}, rest);
    await fetch(
      `${site.url}/metrics?b=2&endpoint=${encodeURIComponent('good.example:9100')}&a=1&b=1`,
    );

    assert.deepEqual(
      site.endpoint.requests.map(({ target }) => target),
      [
        '/federate?first=1&match[]=b&match%5B%5D=a&x&=&a=1&a=0&q=%C3%BC+%2B&&z=%zz',
        '/metrics?b=2&a=1&b=1',
      ],
    );
    assert.equal(site.endpoint.requests[1]?.headers['host'], 'good.example:9100');
  });

  it('has a page of its own for each query', async () => {
    await using site = await startSite({ answer: pageOf(({ target }) => `# ${target}\nup 1\n`) });
    const queries = ['&a=bc', '&ab=c', '&a=b&c', '&a=1&b=2', '&b=2&a=1', ''];

    for (const query of [...queries, ...queries]) {
      const answer = await (await site.ask(GOOD, {}, query)).text();
      assert.equal(answer, `# /metrics${query.replace('&', '?')}\nup 1\n`);
    }
    assert.equal(site.fetches.length, queries.length);
  });

  it('marks where a page came from, and answers 304 to a reader that has it', async () => {
    await using site = await startSite({ answer: page(LONG) });

    const first = await site.ask(GOOD);
    const second = await site.ask(GOOD);
    const etag = second.headers.get('etag') ?? '';
    const third = await site.ask(GOOD, { headers: { 'If-None-Match': `"other", W/${etag}` } });
    const fourth = await site.ask(GOOD);
    const zipped = await site.ask(GOOD, { headers: { 'Accept-Encoding': 'gzip' } });
    const head = await site.ask(GOOD, { method: 'HEAD' });

    const marks = [first, second, third, fourth, zipped, head].map(({ headers, status: code }) => [
      code,
      headers.get('x-cache'),
      headers.get('age'),
      headers.get('cache-status')?.replace(/\d+/, 'N'),
    ]);
    const hit = ['HIT', '0', 'promgate; hit; ttl=N'];
    assert.deepEqual(marks, [
      [200, 'MISS', null, 'promgate; fwd=miss'],
      [200, ...hit],
      [304, ...hit],
      [200, ...hit],
      [200, ...hit],
      [200, ...hit],
    ]);
    assert.equal(await first.text(), LONG);
    assert.equal(await fourth.text(), LONG);
    assert.equal(await zipped.text(), LONG);
    assert.equal(zipped.headers.get('content-encoding'), 'gzip');
    assert.notEqual(zipped.headers.get('etag'), etag);
    assert.equal(head.headers.get('content-length'), String(LONG.length));
    assert.equal(first.headers.get('vary'), 'Accept, Accept-Encoding');
    assert.equal(first.headers.get('content-type'), TEXT_TYPE);
    assert.equal(site.fetches.length, 1);
  });

  it('answers a page that was read twice before koa, byte for byte the same', async () => {
    await using site = await startSite({ answer: page(LONG) });
    const request = `GET /metrics?endpoint=good.example HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n`;
    const bodies: string[] = [];
    for (let i = 0; i < 3; i++) bodies.push(await sendRaw(site.port, request));

    const [, second = '', third = ''] = bodies;

    assert.equal(site.lane.size, 1);
    const names = (head: string): string[] =>
      head
        .split('\r\n\r\n')[0]!
        .split('\r\n')
        .map((line) => line.split(':')[0]!.toLowerCase())
        .sort();
    assert.deepEqual(names(third), names(second));
    const { bytes = 0 } = site.events[2] ?? {};
    const answer = await fetch(`${site.url}/metrics?endpoint=good.example`);
    assert.equal(await answer.text(), LONG);
    assert.ok(bytes > 0 && bytes < LONG.length);
  });

  it('asks once for readers that come together', async () => {
    await using site = await startSite({ answer: page('up 1\n', { delayMs: 100 }) });

    const answers = await Promise.all(Array.from({ length: 20 }, () => site.ask(GOOD)));

    assert.deepEqual(
      new Set(await Promise.all(answers.map((one) => one.text()))),
      new Set(['up 1\n']),
    );
    assert.equal(site.endpoint.requests.length, 1);
  });

  it('sends the formats that the reader accepts, and keeps the pages of each apart', async () => {
    const answer: Answer = ({ request, socket }) => {
      const accept = request.headers['accept'] ?? '';
      const type = accept.split(',', 1)[0]!;
      socket.write(
        response(200, { 'Content-Type': type }, Buffer.from([0x23, 0x0a, 0xff, 0x00, 0xfe])),
      );
    };
    await using site = await startSite({ answer });
    const types = [
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
      'text/plain; version=0.0.4',
    ];

    for (const type of [...types, ...types]) {
      const got = await site.ask(GOOD, { headers: { Accept: `${type},*/*;q=0.1` } });
      assert.equal(got.headers.get('content-type'), type);
      assert.deepEqual(
        Buffer.from(await got.arrayBuffer()),
        Buffer.from([0x23, 0x0a, 0xff, 0x00, 0xfe]),
      );
    }
    assert.equal(site.endpoint.requests.length, 2);
  });

  it('sends few headers of the reader', async () => {
    await using site = await startSite({ answer: page('up 1\n'), passHeaders: ['x-scope-orgid'] });

    await site.ask(GOOD, {
      headers: {
        ...{ Authorization: 'Basic abc', Cookie: 'a=b', 'X-Secret': 'x', 'X-Scope-OrgID': 'one' },
        ...{ 'X-Forwarded-For': '1.2.3.4', 'User-Agent': 'Prometheus/3', Range: 'bytes=0-1' },
        'X-Prometheus-Scrape-Timeout-Seconds': '9',
      },
    });

    const { headers = {} } = site.endpoint.requests[0] ?? {};
    assert.deepEqual(Object.keys(headers).sort(), [
      ...['accept', 'accept-encoding', 'cdn-loop', 'connection', 'host', 'user-agent', 'via'],
      ...['x-prometheus-scrape-timeout-seconds', 'x-promgate-via', 'x-scope-orgid'],
    ]);
    assert.equal(headers['user-agent'], 'Prometheus/3');
    assert.equal(headers['x-scope-orgid'], 'one');
  });

  it('gives no reader the page of another one’s header', async () => {
    const answer = pageOf(({ headers }) => `org{id="${headers['x-org'] ?? ''}"} 1\n`);
    await using site = await startSite({ answer, passHeaders: ['x-org'] });

    for (const id of ['one', 'two', 'one', 'two']) {
      assert.equal(await text(site, { 'X-Org': id }), `org{id="${id}"} 1\n`);
    }
    assert.equal(site.endpoint.requests.length, 2);
  });

  it('answers with what the endpoint failed', async () => {
    await using site = await startSite({ answer: status(500) });
    const codes: [number, string][] = [];
    for (const answer of [
      status(500),
      status(404),
      status(401),
      page('<html>'),
      page('x', { contentType: 'application/json' }),
    ]) {
      site.endpoint.answer = answer;
      const got = await site.ask(GOOD);
      codes.push([got.status, await codeOf(got)]);
    }
    await site.endpoint.goDown();
    const down = await site.ask(GOOD);

    assert.deepEqual(codes, [
      [502, 'upstream_status'],
      [502, 'upstream_status'],
      [502, 'upstream_status'],
      [502, 'not_metrics'],
      [502, 'not_metrics'],
    ]);
    assert.deepEqual([down.status, await codeOf(down)], [502, 'upstream_unreachable']);
  });

  it('answers 404 in their place if it stands in for prom-cache', async () => {
    await using site = await startSite({ answer: status(500), compat: true });

    const failed = await site.ask(GOOD);
    const refused = await site.ask('http://127.0.0.1/');

    assert.deepEqual([failed.status, await codeOf(failed)], [404, 'upstream_status']);
    assert.equal(refused.status, 403);
  });

  it('gives no equal request a short way past headers that only this configuration looks at', async () => {
    const answer = pageOf(({ headers }) => `org{id="${headers['baggage'] ?? ''}"} 1\n`);
    await using site = await startSite({ answer, passHeaders: ['baggage'] });

    for (const id of ['one', 'one', 'one', 'two', 'two']) {
      assert.equal(await text(site, { Baggage: id }), `org{id="${id}"} 1\n`);
    }
  });

  it('is for operators', async () => {
    await using site = await startSite({
      answer: page('up 1\n'),
      admit: (ctx, next) => {
        ctx.state.scope = { appId: 'a', spaceId: 's' };
        return operatorsOnly(ctx, next);
      },
    });

    assert.equal((await site.ask(GOOD)).status, 403);
    assert.deepEqual(site.connects, []);
  });

  it('tells of each request when it has ended', async () => {
    await using site = await startSite({ answer: page('up 1\n') });

    for (let i = 0; i < 3; i++) await text(site);
    await (await site.ask('http://127.0.0.1/x')).arrayBuffer();
    await (await site.ask('file:///x')).arrayBuffer();

    await eventually('five events', () => site.events.length === 5 || undefined);
    assert.deepEqual(
      site.events.map(({ method, status: code, cache, bytes, origin }) => [
        method,
        code,
        cache,
        bytes > 150,
        origin,
      ]),
      [
        ['GET', 200, 'MISS', true, 'http://good.example:9100'],
        ['GET', 200, 'HIT', true, 'http://good.example:9100'],
        ['GET', 200, 'HIT', true, 'http://good.example:9100'],
        ['GET', 403, undefined, true, 'http://127.0.0.1:80'],
        ['GET', 403, undefined, true, undefined],
      ],
    );
    assert.ok(site.events.every(({ path }) => path.startsWith('/metrics?endpoint=')));
  });
});

describe('a page of an endpoint', () => {
  it('goes out as stale while the endpoint fails, and not beyond its bound', async () => {
    await using site = await startSite({
      answer: counted(),
      life: { ttlMs: 0, staleIfErrorMs: 2_000 },
    });
    await text(site);
    site.endpoint.answer = status(503);

    const stale = await site.ask(GOOD);
    const late = await eventually('the bound to pass', async () => {
      const answer = await site.ask(GOOD);
      if (answer.ok) await answer.arrayBuffer();
      return answer.ok ? undefined : answer;
    });

    assert.deepEqual([stale.headers.get('x-cache'), await stale.text()], ['STALE', 'asked 1\n']);
    assert.match(stale.headers.get('cache-status') ?? '', /^promgate; hit; ttl=-\d+$/);
    assert.deepEqual([late.status, await codeOf(late)], [502, 'upstream_status']);
  });

  for (const headers of [
    { 'Set-Cookie': 'a=b' },
    { Vary: '*' },
    { Vary: 'Accept, User-Agent' },
    { 'Cache-Control': 'no-store' },
    { 'Cache-Control': 'private, max-age=60' },
    { 'Cache-Control': 'max-age=0' },
    { 'Cache-Control': 'max-age=60', Age: '60' },
  ]) {
    it(`is not kept if it comes with ${JSON.stringify(headers)}`, async () => {
      await using site = await startSite({ answer: counted(headers) });

      assert.equal(await text(site), 'asked 1\n');
      assert.equal(await text(site), 'asked 2\n');
      assert.equal(site.refresher.jobs, 0);
    });
  }

  it('is dropped by its key, its endpoint, its host, or with all others', async () => {
    await using site = await startSite({ answer: counted() });
    const tags = [`key:${GOOD}`, 'endpoint:http://good.example:9100', 'host:good.example'];
    for (const [at, tag] of tags.entries()) {
      assert.equal(await text(site), `asked ${at + 1}\n`);
      assert.equal(site.cache.purge('key:http://other.example/'), 0);
      assert.equal(site.cache.purge(tag), 1, tag);
    }
    assert.equal(await text(site), 'asked 4\n');
    assert.equal(site.cache.purgeAll(), 1);
    assert.equal(await text(site), 'asked 5\n');
  });

  it('is refreshed in the background until nobody reads it, though the endpoint fails', async () => {
    await using site = await startSite({
      answer: counted(),
      ...{ fixedPauseMs: 5, minIntervalMs: 5, idleMs: 2_000 },
    });
    await text(site);
    await eventually('refreshes', () => site.fetches.length > 3 || undefined);
    assert.equal((await site.ask(GOOD)).headers.get('x-cache'), 'HIT');
    site.endpoint.answer = status(500);

    await eventually('the end of the job', () => site.refresher.jobs === 0 || undefined);

    assert.equal(site.fetches.at(-1)?.failure, 'upstream_status');
  });

  it('is refused beyond the bound of jobs, with a text that says what to do', async () => {
    await using site = await startSite({ answer: counted(), maxJobs: 2 });
    for (const at of [1, 2]) await (await site.ask(`http://h${at}.example/`)).text();

    const third = await site.ask('http://h3.example/');
    const known = await site.ask('http://h1.example/');

    assert.equal(third.status, 503);
    assert.equal(third.headers.get('retry-after'), '5');
    const { code, detail } = (await third.json()) as { code: string; detail: string };
    assert.equal(code, 'too_many_jobs');
    assert.match(detail, /cache\.max_jobs/);
    assert.equal(known.headers.get('x-cache'), 'HIT');
    assert.equal(site.connects.length, 2);
  });

  it('stays within the bounds on jobs and bytes whatever readers ask for', async function () {
    this.timeout(60_000);
    const maxCacheBytes = 1_048_576;
    await using site = await startSite({ answer: page(LONG), maxJobs: 1_000, maxCacheBytes });
    let refused = 0;
    for (let batch = 0; batch < 200; batch++) {
      const asked = Array.from({ length: 50 }, (_, i) =>
        site.ask(`http://h${batch * 50 + i}.example/`),
      );
      for (const answer of await Promise.all(asked)) {
        await answer.arrayBuffer();
        if (answer.status === 503) refused++;
        else assert.equal(answer.status, 200);
      }
      assert.ok(site.refresher.jobs <= 1_000);
      assert.ok(site.cache.bytes <= maxCacheBytes);
    }
    assert.equal(refused, 9_000);
    assert.ok(site.cache.size < 1_000);
  });
});

describe('a page that was fetched with credentials', () => {
  const answer = pageOf(({ headers }) => `who{is="${headers['authorization'] ?? ''}"} 1\n`);
  const passAuth = ['good.example:9100'];

  it('goes to the reader with these credentials alone', async () => {
    await using site = await startSite({ answer, passAuth });
    const readers = ['Basic one', 'Basic two'];

    const answers = await Promise.all(
      [...readers, ...readers, ...readers].map((Authorization) => text(site, { Authorization })),
    );

    assert.deepEqual(
      answers,
      [...readers, ...readers, ...readers].map((who) => `who{is="${who}"} 1\n`),
    );
    assert.equal(site.endpoint.requests.length, 2);
    assert.equal(await text(site), 'who{is=""} 1\n');
  });

  it('takes the endpoint’s credential from X-Forward-Authorization where promgate has its own', async () => {
    await using site = await startSite({ answer, passAuth, authorizationOf: 'promgate' });

    const given = await text(site, {
      Authorization: 'Basic ours',
      'X-Forward-Authorization': 'Basic theirs',
    });
    const without = await text(site, { Authorization: 'Basic ours' });

    assert.equal(given, 'who{is="Basic theirs"} 1\n');
    assert.equal(without, 'who{is=""} 1\n');
  });

  it('is not sent to endpoints that endpoints.pass_auth does not name', async () => {
    await using site = await startSite({ answer, passAuth });

    const other = await site.ask('http://other.example:9100/', { headers: { Authorization: 'x' } });
    const port = await site.ask('http://good.example:9101/', { headers: { Authorization: 'x' } });

    assert.equal(await other.text(), 'who{is=""} 1\n');
    assert.equal(await port.text(), 'who{is=""} 1\n');
  });

  it('is refreshed in the background only if the configuration says so', async () => {
    for (const withCredentials of [false, true]) {
      await using site = await startSite({
        answer,
        passAuth,
        withCredentials,
        fixedPauseMs: 5,
        minIntervalMs: 5,
      });
      await text(site, { Authorization: 'Basic one' });

      assert.equal(site.refresher.jobs, withCredentials ? 1 : 0);
      if (!withCredentials) continue;
      await eventually('refreshes', () => site.fetches.length > 3 || undefined);
      assert.ok(
        site.endpoint.requests.every(({ headers }) => headers['authorization'] === 'Basic one'),
      );
    }
  });

  for (const code of [401, 403]) {
    it(`is gone, and its credential too, at the first ${code}`, async () => {
      await using site = await startSite({
        answer,
        passAuth,
        withCredentials: true,
        fixedPauseMs: 5,
        minIntervalMs: 5,
      });
      await text(site, { Authorization: 'Basic one' });
      site.endpoint.answer = status(code);

      await eventually('the end of the job', () => site.refresher.jobs === 0 || undefined);
      const after = await site.ask(GOOD, { headers: { Authorization: 'Basic one' } });

      assert.deepEqual([after.status, await codeOf(after)], [502, 'upstream_status']);
      assert.equal(site.refresher.jobs, 0);
      assert.equal(site.cache.size, 0);
    });
  }

  it('takes no short way, which would keep the credentials', async () => {
    await using site = await startSite({ answer, passAuth });

    for (let i = 0; i < 3; i++) await text(site, { Authorization: 'Basic one' });

    assert.equal(site.lane.size, 0);
    assert.equal(site.endpoint.requests.length, 1);
  });

  it('tells caches between to keep it for one reader', async () => {
    await using site = await startSite({ answer, passAuth });

    const got = await site.ask(GOOD, { headers: { Authorization: 'Basic one' } });

    assert.equal(got.headers.get('cache-control'), 'private');
  });
});

describe('an endpoint with TLS', () => {
  it('proves its identity by a trusted certificate with its name or address', async function () {
    requireProgram(this, OPENSSL);
    await using authority = await Authority.create();
    const { cert, key } = await authority.issue('endpoint', 'DNS:good.example,IP:127.0.0.1');
    const tls = { cert, key };
    await using site = await startSite({ answer: page('up 1\n'), tls, ca: authority.ca });
    await using stranger = await startSite({ answer: page('up 1\n'), tls });

    const codes: [number, string][] = [];
    for (const [at, endpoint] of [
      [site, 'https://good.example:9100/metrics'],
      [site, 'https://good.example.:9100/metrics'],
      [site, 'https://93.184.216.34/'],
      [site, 'https://other.example:9100/metrics'],
      [site, 'http://good.example:9100/metrics'],
      [stranger, 'https://good.example:9100/metrics'],
    ] as const) {
      const answer = await at.ask(endpoint);
      codes.push([answer.status, answer.ok ? await answer.text() : await codeOf(answer)]);
    }

    assert.deepEqual(codes, [
      [200, 'up 1\n'],
      [200, 'up 1\n'],
      [200, 'up 1\n'],
      [502, 'upstream_tls'],
      [502, 'upstream_truncated'],
      [502, 'upstream_tls'],
    ]);
  });
});
