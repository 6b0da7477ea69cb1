import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { gunzipSync } from 'node:zlib';
import { Admission } from '../../src/serve/admission.ts';
import { createPushPages, type PushPagesOptions } from '../../src/serve/push-page.ts';
import type { Handler } from '../../src/serve/request.ts';
import { PageLedger } from '../push/page/page-ledger.ts';
import { messagesOf } from '../push/read/protobuf-messages.ts';
import { eventually } from '../support/eventually.ts';
import { read } from '../support/reader.ts';
import { type FrameServer, serveFrame } from './frame-server.ts';

const PAGE = '# TYPE jobs_total counter\njobs_total{job="a"} 3\njobs_total{job="b"} NaN\n';
const PROTOBUF =
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

async function servePages(
  ledger: PageLedger,
  options: Partial<PushPagesOptions> = {},
): Promise<FrameServer & { readonly ended: () => number }> {
  const pages = createPushPages({
    ...{ source: ledger, tenantOf: () => undefined, maxKeptBytes: 10_000_000 },
    ...{ maxTimeoutMs: 60_000, stallMs: 60_000, admission: new Admission({ maxRequests: 8 }) },
    ...options,
  });
  let ended = 0;
  const metrics: Handler = async (ctx, next) => {
    await pages.metrics(ctx, next);
    ended++;
  };
  const server = await serveFrame({
    routes: [
      { name: 'push-page', path: '/push/metrics', handle: metrics },
      { name: 'push-groups', path: '/push/api/v1/metrics', handle: pages.groups },
    ],
  });
  return { ...server, ended: () => ended };
}

function ledgerWith(page = PAGE): PageLedger {
  const ledger = new PageLedger();
  ledger.putPage('', page);
  return ledger;
}

/** Enough for several chunks. */
function largeLedger(metrics = 20_000): PageLedger {
  const ledger = new PageLedger();
  const family = ledger.family('', 'large');
  const run = { bounds: [], values: [1], native: undefined };
  for (let at = 0; at < metrics; at++) {
    ledger.put(family, `at="${at}",padding="${'x'.repeat(200)}"`, run);
  }
  return ledger;
}

describe('the page of pushed metrics', () => {
  const cases: readonly [accept: string | undefined, type: string, start: string][] = [
    [undefined, 'text/plain; version=0.0.4; charset=utf-8', '# TYPE jobs_total counter'],
    ['*/*', 'text/plain; version=0.0.4; charset=utf-8', '# TYPE jobs_total counter'],
    ['text/html', 'text/plain; version=0.0.4; charset=utf-8', '# TYPE jobs_total counter'],
    [
      'text/plain;version=1.0.0;escaping=allow-utf-8',
      'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8',
      '# TYPE jobs_total counter',
    ],
    [
      'application/openmetrics-text;version=1.0.0,text/plain;q=0.5',
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      '# TYPE jobs counter',
    ],
    [
      `${PROTOBUF};q=0.7,text/plain;q=0.6`,
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
      'jobs_total',
    ],
    ['application/json, text/plain, */*', 'application/json; charset=utf-8', '{"jobs_total":'],
  ];
  for (const [accept, type, start] of cases) {
    it(`is ${type} for Accept: ${accept}`, async () => {
      await using server = await servePages(ledgerWith());

      const { headers, body } = await read(`${server.url}/push/metrics`, {
        headers: accept === undefined ? {} : { Accept: accept },
      });

      assert.equal(headers['content-type'], type);
      assert.match(headers.vary ?? '', /Accept\b.*Accept-Encoding/);
      assert.ok(body.toString().slice(0, 60).includes(start), body.toString());
    });
  }

  it('is the JSON of the cf-workers gateway with ?format=json', async () => {
    await using server = await servePages(ledgerWith());

    const answer = await fetch(`${server.url}/push/metrics?format=json`);

    assert.deepEqual(await answer.json(), {
      jobs_total: {
        ...{ name: 'jobs_total', help: '', type: 'counter' },
        metrics: [
          { value: 3, labels: { job: 'a' } },
          { value: 'NaN', labels: { job: 'b' } },
        ],
      },
    });
  });

  it('is the same compressed, in every format', async () => {
    await using server = await servePages(largeLedger(3_000));

    for (const Accept of ['text/plain', 'application/json', PROTOBUF]) {
      const url = `${server.url}/push/metrics`;
      const plain = await read(url, { headers: { Accept } });
      const zipped = await read(url, { headers: { Accept, 'Accept-Encoding': 'gzip' } });

      assert.equal(zipped.headers['content-encoding'], 'gzip');
      assert.ok(zipped.body.length < plain.body.length / 5);
      assert.deepEqual(gunzipSync(zipped.body), plain.body);
      if (Accept === PROTOBUF) assert.equal(messagesOf(plain.body).length, 1);
    }
  });

  it('is empty without metrics, but ends as OpenMetrics demands', async () => {
    await using server = await servePages(new PageLedger());
    const url = `${server.url}/push/metrics`;

    const text = await (await fetch(url)).text();
    const openMetrics = await fetch(url, { headers: { Accept: 'application/openmetrics-text' } });
    const json = await fetch(`${url}?format=json`);

    assert.deepEqual([text, await openMetrics.text(), await json.text()], ['', '# EOF\n', '{}']);
  });

  it('has no body for HEAD, and is not seen by it', async () => {
    const ledger = ledgerWith();
    await using server = await servePages(ledger);

    const answer = await fetch(`${server.url}/push/metrics`, { method: 'HEAD' });

    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(await answer.text(), '');
    assert.deepEqual(ledger.seenCalls, []);
  });

  it('is the tenant’s own for a reader that may see one tenant', async () => {
    const ledger = ledgerWith();
    ledger.putPage('app:1', '# TYPE mine gauge\nmine 1\n');
    await using server = await servePages(ledger, { tenantOf: () => 'app:1' });

    const answer = await fetch(`${server.url}/push/metrics`);

    assert.equal(await answer.text(), '# TYPE mine gauge\nmine 1\n');
    assert.deepEqual(
      ledger.seenCalls.map(({ tenant }) => tenant),
      ['app:1'],
    );
  });

  it('is seen once a reader has got all of it, as of when it began', async () => {
    const ledger = ledgerWith();
    await using server = await servePages(ledger);
    const beforeMs = Date.now();

    await (await fetch(`${server.url}/push/metrics`)).text();

    const [call] = await eventually('the page to be seen', () =>
      ledger.seenCalls.length > 0 ? ledger.seenCalls : undefined,
    );
    assert.equal(call?.tenant, undefined);
    assert.ok(call !== undefined && call.beganMs >= beforeMs && call.beganMs <= Date.now());
  });

  it('is not seen by a reader that leaves before its end', async () => {
    const ledger = largeLedger();
    await using server = await servePages(ledger);
    const leaving = new AbortController();

    const answer = await fetch(`${server.url}/push/metrics`, { signal: leaving.signal });
    await answer.body?.getReader().read();
    leaving.abort();
    const whole = await fetch(`${server.url}/push/metrics`);
    await whole.text();

    await eventually('the whole page to be seen', () => ledger.seenCalls.length > 0 || undefined);
    assert.equal(ledger.seenCalls.length, 1);
    assert.deepEqual(server.mistakes, []);
  });

  it('is cut off from a reader that stops reading, and holds little meanwhile', async () => {
    const ledger = largeLedger(150_000);
    await using server = await servePages(ledger, { stallMs: 50, maxKeptBytes: 0 });
    const socket = net.connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined); // cut off
    socket.pause();
    socket.write('GET /push/metrics HTTP/1.1\r\nHost: x\r\n\r\n');

    await eventually('the reader to be cut off', () => server.ended() > 0 || undefined);
    const got: Buffer[] = [];
    socket.on('data', (bytes) => got.push(bytes));
    socket.resume();
    await once(socket, 'close');

    const gotBytes = Buffer.concat(got).length;
    assert.ok(gotBytes < 20_000_000, `${gotBytes}`);
    assert.deepEqual(ledger.seenCalls, []);
    assert.deepEqual(server.mistakes, []);
  });

  it('is refused with 503 beyond the bound on readers', async () => {
    const admission = new Admission({ maxRequests: 1 });
    await using server = await servePages(ledgerWith(), { admission });
    using _ = admission.enter(undefined);

    const answer = await fetch(`${server.url}/push/metrics`);

    assert.equal(answer.status, 503);
    assert.equal(((await answer.json()) as { code: string }).code, 'too-many-requests');
  });

  it('ends broken if rendering it fails, and with 500 if nothing is sent yet', async () => {
    const ledger = ledgerWith();
    const family = ledger.family('', 'bad');
    ledger.put(family, 'a="b"', {
      ...{ bounds: [], native: undefined },
      get values(): number[] {
        throw new Error('no values');
      },
    });
    await using server = await servePages(ledger);

    const answer = await fetch(`${server.url}/push/metrics`);

    assert.equal(answer.status, 500);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.equal(server.mistakes.length, 1);
    assert.deepEqual(ledger.seenCalls, []);
  });
});

describe('the groups of pushed metrics', () => {
  it('have the shape of Pushgateway’s API', async () => {
    const ledger = ledgerWith(
      `# HELP took Of "it".
# TYPE took histogram
took_bucket{instance="",job="j",le="1"} 1
took_bucket{instance="",job="j",le="+Inf"} 2
took_sum{instance="",job="j"} 1e6
took_count{instance="",job="j"} 2
# TYPE wait summary
wait{instance="",job="j",quantile="0.5"} 7
wait_sum{instance="",job="j"} 1
wait_count{instance="",job="j"} 1
# TYPE push_time_seconds gauge
push_time_seconds{instance="",job="j"} 1.5e9
# TYPE push_failure_time_seconds gauge
push_failure_time_seconds{instance="",job="j"} 0
`,
    );
    const families = [...ledger.families()].map((family) => ({
      family,
      metrics: family.blocks.flatMap(({ metrics }) => metrics),
    }));
    ledger.groupsNow = [{ tenant: '', labels: [['job', 'j']], families }];
    await using server = await servePages(ledger);

    const answer = await fetch(`${server.url}/push/api/v1/metrics`);

    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    assert.equal(answer.headers.get('cache-control'), 'no-cache, no-store, must-revalidate');
    const labels = { instance: '', job: 'j' };
    const time_stamp = '2017-07-14T02:40:00.000Z';
    assert.deepEqual(await answer.json(), {
      status: 'success',
      data: [
        {
          labels: { job: 'j' },
          last_push_successful: true,
          took: {
            ...{ time_stamp, type: 'HISTOGRAM', help: 'Of "it".' },
            metrics: [{ labels, buckets: { 1: '1', '+Inf': '2' }, count: '2', sum: '1e+06' }],
          },
          wait: {
            ...{ time_stamp, type: 'SUMMARY' },
            metrics: [{ labels, quantiles: { '0.5': '7' }, count: '1', sum: '1' }],
          },
          push_time_seconds: {
            ...{ time_stamp, type: 'GAUGE' },
            metrics: [{ labels, value: '1.5e+09' }],
          },
          push_failure_time_seconds: {
            ...{ time_stamp, type: 'GAUGE' },
            metrics: [{ labels, value: '0' }],
          },
        },
      ],
    });
    assert.deepEqual(ledger.seenCalls, []);
  });
});
