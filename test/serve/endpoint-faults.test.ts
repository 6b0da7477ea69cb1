/**
 * Endpoints that misbehave: the page before stays and is marked, and nothing broken is kept.
 */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import {
  endless,
  gzipBomb,
  hang,
  hangUp,
  html,
  lie,
  OPENMETRICS_TYPE,
  page,
  raw,
  redirect,
  resetMidBody,
  status,
  TEXT_TYPE,
  trickle,
} from '../support/answers.ts';
import type { Answer } from '../support/simulated-server.ts';
import { codeOf, startSite } from './endpoint-site.ts';

const GOOD = 'http://good.example:9100/metrics';
const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: ${TEXT_TYPE}\r\n`;
const MIB = 1_048_576;

const zippedPage = gzipSync('up 1\n'.repeat(1_000));

/** Bytes that are not text. */
function bytes(head: string, body: Buffer): Answer {
  return raw(head + body.toString('latin1'));
}

/** Writes without end what `raw` writes once. */
function flood(piece: string): Answer {
  return async ({ socket, signal }) => {
    while (!signal.aborted) {
      if (socket.write(piece)) await new Promise(setImmediate);
      else
        await new Promise<void>((resolve) => {
          socket.once('drain', resolve);
          socket.once('close', resolve);
        });
    }
  };
}

const FAULTS: Readonly<Record<string, readonly [answer: Answer, code: string]>> = {
  'hangs up': [hangUp, 'upstream_truncated'],
  'hangs before the head': [hang, 'upstream_timeout'],
  'hangs after the head': [raw(`${HEAD}Content-Length: 5\r\n\r\n`), 'upstream_timeout'],
  'hangs in a chunk': [
    raw(`${HEAD}Transfer-Encoding: chunked\r\n\r\n10\r\nup 1\n`),
    'upstream_timeout',
  ],
  'sends a byte a second': [trickle('up 1\n'.repeat(100), 1_000), 'upstream_timeout'],
  'lies about the length': [lie('up 1\n', 500), 'upstream_truncated'],
  'ends in a chunk': [
    ({ socket }) => void socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n10\r\nup 1\n`),
    'upstream_truncated',
  ],
  'has no last chunk': [
    ({ socket }) => void socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n`),
    'upstream_truncated',
  ],
  'resets in the body': [resetMidBody('up 1\n'.repeat(50)), 'upstream_truncated'],
  'never ends': [endless, 'body_too_large'],
  'sends one line of 20 MB': [page(`up{a="${'x'.repeat(20 * MIB)}"} 1\n`), 'body_too_large'],
  'sends garbage for gzip': [
    bytes(`${HEAD}Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\n`, Buffer.from('garbage')),
    'upstream_truncated',
  ],
  'cuts its gzip short': [
    ({ socket }) =>
      void socket.write(
        Buffer.concat([
          Buffer.from(
            `${HEAD}Content-Encoding: gzip\r\nContent-Length: ${zippedPage.length - 9}\r\n\r\n`,
          ),
          zippedPage.subarray(0, -9),
        ]),
      ),
    'upstream_truncated',
  ],
  'compresses in a way that nobody asked for': [
    ({ socket }) => {
      const body = Buffer.from('up 1\n');
      socket.write(
        Buffer.concat([
          Buffer.from(`${HEAD}Content-Encoding: br\r\nContent-Length: ${body.length}\r\n\r\n`),
          body,
        ]),
      );
    },
    'not_metrics',
  ],
  'floods with interim responses': [flood('HTTP/1.1 102 Processing\r\n\r\n'), 'body_too_large'],
  'floods with headers': [
    async (exchange) => {
      exchange.socket.write('HTTP/1.1 200 OK\r\n');
      await flood(`X-Flood: ${'x'.repeat(1_000)}\r\n`)(exchange);
    },
    'body_too_large',
  ],
  'speaks no HTTP': [raw('-ERR unknown command\r\n\r\n'), 'upstream_truncated'],
  'answers HTML': [html, 'not_metrics'],
  'answers HTML as text': [page('<!doctype html>\n<p>login</p>\n'), 'not_metrics'],
  'answers HTML without a type': [
    raw('HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n<p>not found</p>'),
    'not_metrics',
  ],
  'answers JSON as metrics': [page('{"status":"up"}\n'), 'not_metrics'],
  'cuts its OpenMetrics short': [
    page('# TYPE a counter\na_total 1\n', { contentType: OPENMETRICS_TYPE }),
    'upstream_truncated',
  ],
  'redirects elsewhere': [redirect('http://login.example.com/'), 'upstream_redirects'],
  'answers 204': [raw('HTTP/1.1 204 No Content\r\n\r\n'), 'upstream_status'],
  'answers 206': [
    raw(`HTTP/1.1 206 Partial\r\nContent-Length: 5\r\n\r\nup 1\n`),
    'upstream_status',
  ],
  'answers 304': [raw('HTTP/1.1 304 Not Modified\r\n\r\n'), 'upstream_redirects'],
  'answers 500': [status(500), 'upstream_status'],
};

describe('an endpoint that', () => {
  for (const [what, [answer, code]] of Object.entries(FAULTS)) {
    it(`${what} costs no more than its page: ${code}`, async () => {
      await using site = await startSite({
        answer: page('good 1\n'),
        timeoutMs: code === 'upstream_timeout' ? 400 : 20_000,
        life: { ttlMs: 0, staleIfErrorMs: 60_000 },
      });
      const ask = (path: string): Promise<Response> => site.ask(`http://good.example:9100${path}`);
      assert.equal(await (await ask('/before')).text(), 'good 1\n');
      site.endpoint.answer = answer;

      const stale = await ask('/before');
      const failed = await ask('/never');
      site.endpoint.answer = page('good 2\n');
      const again = await Promise.all([ask('/before'), ask('/never')]);

      assert.deepEqual([stale.status, stale.headers.get('x-cache')], [200, 'STALE']);
      assert.equal(await stale.text(), 'good 1\n');
      assert.equal(await codeOf(failed), code);
      assert.equal(failed.status, code === 'upstream_timeout' ? 504 : 502);
      for (const one of again) assert.equal(await one.text(), 'good 2\n');
      assert.deepEqual([...site.mistakes], []);
    });
  }

  it('sends a bomb of gzip costs no more than the largest page', async () => {
    await using site = await startSite({ answer: await gzipBomb(200 * MIB) });
    const beforeBytes = process.memoryUsage().rss;

    const answer = await site.ask(GOOD);

    assert.deepEqual([answer.status, await codeOf(answer)], [502, 'body_too_large']);
    assert.ok(process.memoryUsage().rss - beforeBytes < 50 * MIB);
  });

  it('has no type, or an odd one, is read all the same', async () => {
    const heads = [
      '',
      'Content-Type: \r\n',
      'Content-Type: text/plain\r\n',
      `Content-Type: ${TEXT_TYPE}, x\r\n`,
    ];
    for (const head of heads) {
      await using site = await startSite({
        answer: raw(`HTTP/1.1 200 OK\r\n${head}Content-Length: 5\r\n\r\nup 1\n`),
      });
      const answer = await site.ask(GOOD);
      assert.equal(await answer.text(), 'up 1\n', head);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    }
  });

  it('bends HTTP is read all the same', async () => {
    const body = 'Content-Length: 5\r\n\r\nup 1\n';
    const answers = [
      `HTTP/1.1 200 OK\r\nContent-Encoding: text/plain; version=0.0.4\r\n${body}`,
      `HTTP/1.1 200 OK\r\nContent-Type: ${TEXT_TYPE}\r\nContent-Length: 5 \r\n\r\nup 1\n`,
      `HTTP/1.1 100 Continue\r\n\r\n${HEAD}${body}`,
      `${HEAD}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nup 1\n\r\n0\r\n\r\n`,
      `HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2\r\n${body.replace('5', '11')}# EOF\n`,
    ];
    for (const answer of answers) {
      await using site = await startSite({ answer: raw(answer) });
      const got = await site.ask(GOOD);
      assert.match(await got.text(), /^up 1\n/, answer);
    }
  });

  it('lets one page hang gives the others', async () => {
    await using site = await startSite({
      answer: (exchange) =>
        exchange.request.target.includes('slow') ? hang(exchange) : page('up 1\n')(exchange),
      timeoutMs: 1_000,
    });
    const probe = (target: string): Promise<Response> =>
      site.ask('http://good.example:9115/probe', {}, `&target=${target}`);
    for (let i = 0; i < 3; i++) assert.equal((await probe('slow')).status, 504);

    const hanging = probe('slow');
    const others = await Promise.all(['a', 'b', 'c'].map(probe));

    assert.deepEqual(
      others.map(({ status: code }) => code),
      [200, 200, 200],
    );
    assert.equal((await hanging).status, 504);
  });

  it('sends an empty page has one', async () => {
    await using site = await startSite({ answer: page('') });

    const answer = await site.ask(GOOD);

    assert.deepEqual([answer.status, await answer.text()], [200, '']);
  });
});

describe('readers that stop reading', () => {
  it('hold a bounded memory: who has stopped longest is cut off', async () => {
    const body = `# ${'a'.repeat(32 * MIB)}\nup 1\n`;
    const bounds = { maxCacheBytes: MIB, maxUnsentBytes: 48 * MIB, maxBodyBytes: 40 * MIB };
    await using site = await startSite({ answer: page(body), ...bounds });
    const ask = (reader: number) =>
      site.ask(GOOD, { headers: { 'Accept-Encoding': 'identity' } }, `&reader=${reader}`);

    const answers = [await ask(1), await ask(2), await ask(3)];
    const [first, second, last] = await Promise.allSettled(answers.map((one) => one.text()));

    assert.equal(first?.status, 'rejected');
    assert.equal(second?.status, 'rejected');
    assert.equal(last?.status === 'fulfilled' && last.value.length, body.length);
  });
});
