/** What the query API does with HTTP: compression, other origins, methods, and readers that leave. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Handler } from '../../../src/serve/request.ts';
import { eventually } from '../../support/eventually.ts';
import { memoryFederation, series } from '../../support/memory-federation.ts';
import { requireProgram } from '../../support/require-program.ts';
import { requestText, sendRaw } from '../frame-server.ts';
import { serveQuery } from './query-site.ts';

const run = promisify(execFile);

const MANY = memoryFederation({
  groups: [
    {
      name: 'many',
      series: Array.from({ length: 2_000 }, (_, at) =>
        series({ __name__: 'm', i: `${at}`, pad: 'x'.repeat(50) }, [[990_000, at / 3]]),
      ),
    },
  ],
});

describe('answers of the query API', () => {
  it('are compressed for those who accept gzip, and equal', async () => {
    await using site = await serveQuery({ federation: MANY });
    const path = '/api/v1/query?query=m';

    const plain = await fetch(site.url + path, { headers: { 'Accept-Encoding': 'identity' } });
    const zipped = await sendRaw(site.port, requestText(path, ['Accept-Encoding: gzip']));

    const text = await plain.text();
    assert.equal(plain.headers.get('content-encoding'), null);
    assert.match(zipped, /^content-encoding: gzip$/im);
    assert.match(zipped, /^vary: .*accept-encoding/im);
    const unzipped = await fetch(site.url + path, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(await unzipped.text(), text);
    assert.ok(text.length > 200_000);
    assert.ok(zipped.length < text.length / 3);
  });

  it('may be read by pages of the origins that are allowed', async () => {
    const origins = (origin: string) => /^https:\/\/good\./.test(origin);
    await using open = await serveQuery();
    await using closed = await serveQuery({ more: { origins } });
    const allowed = async (url: string, origin: string, method = 'GET') => {
      const answer = await fetch(`${url}/api/v1/query?query=1`, {
        method,
        headers: { Origin: origin },
      });
      return [answer.status, answer.headers.get('access-control-allow-origin')];
    };

    assert.deepEqual(await allowed(open.url, 'https://any.example'), [200, '*']);
    assert.deepEqual(await allowed(open.url, 'https://any.example', 'OPTIONS'), [204, '*']);
    assert.deepEqual(await allowed(closed.url, 'https://good.example'), [
      200,
      'https://good.example',
    ]);
    assert.deepEqual(await allowed(closed.url, 'https://bad.example'), [200, null]);
    const wrong = await fetch(`${closed.url}/api/v1/query`, {
      headers: { Origin: 'https://good.example' },
    });
    assert.deepEqual(
      [wrong.status, wrong.headers.get('access-control-allow-origin')],
      [400, 'https://good.example'],
    );
  });

  it('refuse a form that is too large, and name the bound', async () => {
    await using site = await serveQuery();
    const body = new URLSearchParams({ query: 'x'.repeat(1_100_000) });

    const answer = await fetch(`${site.url}/api/v1/query`, { method: 'POST', body });

    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /larger than 1048576 bytes/);
  });

  it('end with the reader: the query that nobody awaits is over', async () => {
    let aborted = false;
    const federation = memoryFederation({
      groups: [],
      hold: async (signal) => {
        if (signal === undefined) return;
        await once(signal, 'abort');
        aborted = true;
      },
    });
    await using site = await serveQuery({ federation });
    const reader = new AbortController();
    const asking = fetch(`${site.url}/api/v1/query?query=up`, { signal: reader.signal });
    const active = await eventually('the query', () => site.desk.active()[0]);
    assert.deepEqual([active.call, active.query, active.state], ['query', 'up', 'running']);

    reader.abort();

    await assert.rejects(asking);
    await eventually('the end of the query', () => site.desk.active().length === 0 || undefined);
    assert.equal(aborted, true);
    assert.deepEqual(site.mistakes, []);
  });

  it('keep the connection open for as long as the query may run', async () => {
    let socket: { readonly timeout?: number | undefined } | undefined;
    const admit: Handler = (ctx, next) => {
      socket = ctx.req.socket;
      ctx.req.socket.setTimeout(120_000); // as the server does
      ctx.state.scope = 'all';
      return next();
    };
    let timeoutMs = 0;
    const federation = memoryFederation({
      groups: [],
      hold: async () => {
        timeoutMs = socket?.timeout ?? 0;
      },
    });
    await using site = await serveQuery({
      ...{ federation, desk: { timeoutMs: 600_000 }, more: { admit } },
    });

    await site.get('query', { query: 'up' });

    assert.equal(timeoutMs, 660_000);
  });

  it('wait for their turn, and the list of queries shows it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const federation = memoryFederation({ groups: [], hold: () => promise });
    await using site = await serveQuery({ federation, desk: { maxConcurrent: 1, maxQueued: 1 } });
    const both = ['a', 'b'].map((query) => site.get('query', { query }));
    await eventually('both', () => site.desk.active().length === 2 || undefined);
    const listed = await site.get('status/active_queries');
    const refused = await site.get('query', { query: 'c' });

    resolve();

    assert.deepEqual(
      (await Promise.all(both)).map(({ status }) => status),
      [200, 200],
    );
    assert.deepEqual([refused.status, refused.body.errorType], [503, 'overloaded']);
    assert.match(refused.body.error ?? '', /query\.max_queued: 1/);
    const { queries } = listed.body.data as unknown as {
      queries: { query: string; state: string }[];
    };
    assert.deepEqual(
      queries.map(({ query, state }) => `${query} ${state}`),
      ['a running', 'b queued'],
    );
  });
});

describe('clients of Prometheus', () => {
  const federation = memoryFederation({
    groups: [
      {
        name: 'a',
        series: [
          series({ __name__: 'up', job: 'j' }, [
            [990_000, 1],
            [995_000, 0.25],
          ]),
        ],
        answers: {
          metadata: { up: [{ type: 'gauge', help: 'Up.', unit: '' }] },
          rules: { groups: [] },
          alerts: { alerts: [] },
          query_exemplars: [],
        },
      },
    ],
  });

  it('promtool asks for values, ranges, series and labels', async function () {
    const promtool = requireProgram(this, 'promtool');
    await using site = await serveQuery({ federation });
    const ask = async (...args: string[]) => (await run(promtool, ['query', ...args])).stdout;

    assert.equal(
      await ask('instant', '--time=1000', site.url, 'up'),
      'up{job="j"} => 0.25 @[1000]\n',
    );
    assert.match(
      await ask('range', '--start=990', '--end=995', '--step=5s', site.url, 'up'),
      /^up\{job="j"\} =>\n1 @\[990\]\n0.25 @\[995\]/,
    );
    assert.equal(await ask('series', '--match=up', site.url), '{__name__="up", job="j"}\n');
    assert.equal(await ask('labels', site.url, 'job'), 'j\n');
  });

  it("Grafana's data source starts, fills its editor and draws", async () => {
    await using site = await serveQuery({ federation });
    const times = { start: '900', end: '1000' };
    const calls: readonly [method: 'GET' | 'POST', path: string, Record<string, string>][] = [
      ['GET', 'status/buildinfo', {}],
      ['POST', 'query', { query: '1+1', time: '1000' }],
      ['GET', 'label/__name__/values', times],
      ['GET', 'label/job/values', { ...times, 'match[]': 'up' }],
      ['POST', 'labels', { ...times, 'match[]': '{__name__="up"}' }],
      ['GET', 'labels', { ...times, limit: '40000' }],
      ['POST', 'series', { ...times, 'match[]': '{job=~".*",__name__="up"}', limit: '40000' }],
      ['GET', 'metadata', { limit: '4000' }],
      ['POST', 'query_range', { ...times, query: 'up{job="j"}', step: '15' }],
      ['POST', 'query_exemplars', { ...times, query: 'up' }],
      ['GET', 'rules', { limit_alerts: '16' }],
      ['GET', 'alerts', {}],
      ['GET', 'parse_query', { query: 'up' }],
    ];
    for (const [method, path, parameters] of calls) {
      const form = new URLSearchParams(parameters);
      const headers = { 'X-Grafana-Org-Id': '1', 'X-Dashboard-Uid': 'd' };
      const answer =
        method === 'POST'
          ? await fetch(`${site.url}/api/v1/${path}`, { method, body: form, headers })
          : await fetch(`${site.url}/api/v1/${path}?${form}`, { headers });
      const body = (await answer.json()) as { status: string; data: unknown };
      assert.deepEqual([answer.status, body.status], [200, 'success'], path);
      assert.notEqual(body.data, undefined, path);
    }
    const { body } = await site.get('status/buildinfo');
    assert.match((body.data as unknown as { version: string }).version, /^3\.\d+\.\d+$/);
  });
});
