/** Debian's Pushgateway and promgate side by side: the same requests, answers and pages. */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { SLOW_MS } from '../support/limits.ts';
import { bytesField, delimited, doubleField, varintField } from '../support/metric-families.ts';
import { startPushgateway } from '../support/pushgateway.ts';
import { servePush } from './push-server.ts';

const COUNTERS =
  '# HELP c_total Some \\\\ help.\n# TYPE c_total counter\nc_total{a="1"} 3\nc_total{a="2"} 4.5\n';
const HISTOGRAM =
  '# TYPE h histogram\nh_bucket{le="0.5"} 1\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n';
const SUMMARY = '# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="0.9"} 2\ns_sum 4\ns_count 3\n';
const GAUGES =
  '# TYPE g gauge\ng{instance="own",job="own",x="a\\"b\\\\c\\nd"} 1e+06\ng NaN\nu -Inf\n';

/** A counter `p_total` of 2, in delimited protobuf. */
const PROTOBUF = delimited(
  Buffer.concat([
    ...[bytesField(1, 'p_total'), bytesField(2, 'Help.'), varintField(3, 0)],
    bytesField(
      4,
      Buffer.concat([
        bytesField(1, Buffer.concat([bytesField(1, 'kind'), bytesField(2, 'a b')])),
        bytesField(3, doubleField(1, 2)),
      ]),
    ),
  ]),
);
const PROTOBUF_TYPE =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
}

const put = (path: string, body?: string | Buffer, headers?: Record<string, string>): Request => ({
  ...{ method: 'PUT', path: `/metrics${path}`, ...(body !== undefined && { body }) },
  ...(headers && { headers }),
});
const post = (...args: Parameters<typeof put>): Request => ({ ...put(...args), method: 'POST' });
const remove = (path: string): Request => ({ method: 'DELETE', path: `/metrics${path}` });

const REQUESTS: readonly Request[] = [
  put('/job/a', COUNTERS),
  put('/job/a/instance/i1', COUNTERS + HISTOGRAM),
  put('/job/empty/instance/', GAUGES),
  post('/job/a', SUMMARY),
  post('/job/a', HISTOGRAM.replaceAll('3', '5')),
  put('/job/b%20c/x@base64/Yy9k/y@base64/=', GAUGES),
  put('/job@base64/w6TDtsO8', COUNTERS),
  post('/job/a/instance/i1', GAUGES),
  put('/job/gone', GAUGES),
  remove('/job/gone'),
  remove('/job/never'),
  put('/job/cleared', COUNTERS),
  put('/job/cleared', ''),
  put('/job/touched', COUNTERS),
  post('/job/touched', ''),
  put('/job/zip', gzipSync(SUMMARY), { 'Content-Encoding': 'gzip' }),
  put('/job/protobuf', PROTOBUF, { 'Content-Type': PROTOBUF_TYPE }),
  post('/job/protobuf', PROTOBUF.subarray(0, 9), { 'Content-Type': PROTOBUF_TYPE }),
  put('/job/timed', 'm 1 1700000000000\n'),
  put('/job/a', 'm 1 1700000000000\n'),
  put('/job/conflict', '# TYPE c_total gauge\nc_total 1\n'),
  put('/job/twice', 'm 1\nm 2\n'),
  put('/job/wrong', 'm\n'),
  put('/job/wrong', 'a 1\nb{x="1} 2\n'),
  put('/job/named', 'push_time_seconds 5\npush_failure_time_seconds 6\nm 1\n'),
  put('/job/other', '# HELP c_total Other help.\n# TYPE c_total counter\nc_total 1\n'),
  put('/job/typed', '# TYPE t gauge\nt 1\n'),
  put('/job/typed', '# TYPE t counter\nt 1\n'),
  put('/job/over/x/1', 'm{x="2",y="3"} 1\n'),
  put('/job/over/x/1/x/2', 'm{x="2",y="3"} 1\n'),
  put('/job/a/b', COUNTERS),
  put('/job/a/b/c/d', COUNTERS),
  post('/job/a/x-y/b', COUNTERS),
  post('/job/a/__x/b', COUNTERS),
  post('/job/a/%22%0a/x', COUNTERS),
  post('/job@base64/=', COUNTERS),
  post('/job@base64/YWJj$A', COUNTERS),
  post('/job/a/x@base64/YWJ$', COUNTERS),
  remove('/job/a/x'),
  { method: 'GET', path: '/metrics/job/a' },
  { method: 'PATCH', path: '/metrics/job/a', body: '1' },
  { method: 'GET', path: '/-/ready' },
  { method: 'GET', path: '/-/healthy' },
  { method: 'OPTIONS', path: '/api/v1/status' },
];

interface Gateway {
  readonly url: string;
}

async function ask({ url }: Gateway, { path, method, ...init }: Request): Promise<string> {
  const answer = await fetch(url + path, { method, ...init });
  const text = await answer.text();
  return `${method} ${path}: ${answer.status} ${answer.status === 405 ? '' : sameWords(text)}`;
}

/** The reason of a conflict, and what is wrong in a line, is told in words of its own. */
function sameWords(text: string): string {
  return text
    .replace(/^(?:unexpected EOF|the body is malformed: .*)$/m, 'no protobuf')
    .replace(/(inconsistent with existing metrics: )(?!pushed).*/s, '$1…\n')
    .replace(/(text format parsing error in line \d+).*/s, '$1…\n');
}

/** The page without the program's own metrics, without times, and without a HELP that may differ. */
async function pageOf({ url }: Gateway): Promise<string[]> {
  const page = await (await fetch(`${url}/metrics`)).text();
  return page
    .split('\n')
    .filter((line) => !/^(?:# (?:HELP|TYPE) )?(?:go_|process_|pushgateway_|promhttp_)/.test(line))
    .map((line) => line.replace(/^(push_\w+\{.*\}) [1-9].*/, '$1 <time>'))
    .map((line) => line.replace(/ [\d.e+]+$/, (number) => ` ${Number(number)}`))
    .map((line) => line.replace(/^(# HELP c_total) .*/, '$1 <one of two>'))
    .sort();
}

interface Group {
  readonly labels: Record<string, string>;
  readonly [family: string]: unknown;
}

/** The groups of the API, sorted, without times. */
async function groupsOf({ url }: Gateway): Promise<unknown> {
  const answer = await fetch(`${url}/api/v1/metrics`);
  const { data }: { data: Group[] } = JSON.parse(
    (await answer.text())
      .replace(/"time_stamp":"[^"]+"/g, '"time_stamp":"<time>"')
      .replace(/"help":"(?:Some \\\\|Other) help."/g, '"help":"<one of two>"'),
  );
  const byName = (one: Group): string => JSON.stringify(one.labels, Object.keys(one.labels).sort());
  return data
    .map(({ push_time_seconds, push_failure_time_seconds, ...rest }) => rest)
    .sort((a, b) => (byName(a) < byName(b) ? -1 : 1));
}

describe('Pushgateway and promgate', function () {
  this.timeout(SLOW_MS);

  it('give the same answers, and the same pages after each request', async function () {
    await using theirs = await startPushgateway(this);
    await using ours = await servePush({ base: '', now: Date.now });

    for (const request of REQUESTS) {
      assert.equal(await ask(ours, request), await ask(theirs, request));
      const about = `${request.method} ${request.path} ${request.body}`;
      assert.deepEqual(await pageOf(ours), await pageOf(theirs), about);
    }
    assert.deepEqual(await groupsOf(ours), await groupsOf(theirs));
    assert.deepEqual(ours.mistakes, []);
  });

  it('refuse a group that differs only in an empty label, which breaks no page of promgate', async function () {
    await using theirs = await startPushgateway(this);
    await using ours = await servePush({ base: '', now: Date.now });

    for (const gateway of [theirs, ours]) {
      await ask(gateway, put('/job/a/instance/', COUNTERS));
      const refused = await ask(gateway, put('/job/a', SUMMARY));
      assert.match(refused, /: 400 pushed metrics are invalid or inconsistent/);
    }
    assert.deepEqual(
      ours.lines().map((line) => line.replace(/ 1\d{9}.*/, ' <time>')),
      [
        ...['c_total{a="1",instance="",job="a"} 3', 'c_total{a="2",instance="",job="a"} 4.5'],
        'push_failure_time_seconds{instance="",job="a"} 0',
        'push_time_seconds{instance="",job="a"} <time>',
      ],
    );
  });

  it('have a wiped page after a wipe', async function () {
    await using theirs = await startPushgateway(this);
    await using ours = await servePush({ base: '', adminApi: true, now: Date.now });
    const wipe = { method: 'PUT', path: '/api/v1/admin/wipe' };

    for (const gateway of [theirs, ours]) {
      await ask(gateway, put('/job/a', COUNTERS));
      assert.equal(await ask(gateway, wipe), 'PUT /api/v1/admin/wipe: 202 ');
      assert.deepEqual(
        (await pageOf(gateway)).filter((line) => line !== ''),
        [],
      );
    }
  });
});
