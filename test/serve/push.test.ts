import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { maskedChecksum } from '../../src/push/read/snappy-frames.ts';
import { type PushServerOptions, type Sent, servePush } from './push-server.ts';

const METRICS = 'm 1\n';
const TIMESTAMPED = 'm 1 1700000000000\n';
const INCONSISTENT = 'pushed metrics are invalid or inconsistent with existing metrics: ';

interface Case {
  readonly request: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  readonly server?: PushServerOptions;
  readonly status: number;
  /** The whole body; undefined: it is not looked at. */
  readonly text?: string | RegExp;
}

const PUSHGATEWAY: readonly Case[] = [
  { request: 'PUT /job/a', status: 200, text: '' },
  { request: 'POST /job/a', status: 200, text: '' },
  { request: 'POST /job/a/', status: 200, text: '' },
  { request: 'PUT /job/a', body: '', status: 200, text: '' },
  { request: 'PUT /job/a/instance/', status: 200, text: '' },
  { request: 'POST /job@base64/YQ', status: 200, text: '' },
  { request: 'POST /job/a/x@base64/=', status: 200, text: '' },
  { request: 'POST /job/a/x/1/x/2', status: 200, text: '' },
  { request: 'DELETE /job/a', status: 202, text: '' },
  { request: 'DELETE /job/a/x/1', status: 202, text: '' },
  { request: 'POST /job/', status: 400, text: 'job name is required\n' },
  { request: 'POST /job@base64/=', status: 400, text: 'job name is required\n' },
  {
    request: 'POST /job/a/b',
    status: 400,
    text: 'odd number of components in label string "/b"\n',
  },
  {
    request: 'POST /job/a/b/c/d',
    status: 400,
    text: 'odd number of components in label string "/b/c/d"\n',
  },
  {
    request: 'DELETE /job/a/b',
    status: 400,
    text: 'odd number of components in label string "/b"\n',
  },
  {
    request: 'POST /job/a%2Fb/c/d',
    status: 400,
    text: 'odd number of components in label string "/b/c/d"\n',
  },
  { request: 'POST /job/a/x-y/b', status: 400, text: 'improper label name "x-y"\n' },
  { request: 'POST /job/a/__x/b', status: 400, text: 'improper label name "__x"\n' },
  {
    request: 'POST /job/a/%22%0a/x',
    status: 400,
    text: 'improper label name "\\"\\n"\n',
  },
  {
    request: 'POST /job/a/b%22%C3%A9%e2%80%a8/c',
    status: 400,
    text: 'improper label name "b\\"é\\u2028"\n',
  },
  {
    request: 'POST /job@base64/YWJjYWJj$A',
    status: 400,
    text: 'invalid base64 encoding in job name "abcabc": illegal base64 data at input byte 8\n',
  },
  {
    request: 'POST /job@base64/YWJjYWJjA',
    status: 400,
    text: 'invalid base64 encoding in job name "abcabc": illegal base64 data at input byte 8\n',
  },
  {
    request: 'POST /job/a/x@base64/YWJ$',
    status: 400,
    text: 'invalid base64 encoding for label x="YWJ$": illegal base64 data at input byte 3\n',
  },
  {
    request: 'POST /job/a',
    body: TIMESTAMPED,
    status: 400,
    text: `${INCONSISTENT}pushed metrics must not have timestamps\n`,
  },
  {
    request: 'POST /job/a',
    body: 'm\n',
    status: 400,
    text: /^text format parsing error in line 1/,
  },
  { request: 'PUT /job/a', server: { checks: false }, status: 202, text: '' },
  { request: 'GET /job/a', status: 405 },
  { request: 'PATCH /job/a', body: '1', status: 405 },
];

const AGGREGATION: readonly Case[] = [
  { request: 'PUT ', status: 202, text: '' },
  { request: 'POST /team/a', status: 202, text: '' },
  { request: 'PUT /team/a/job/b', status: 202, text: '' },
  { request: 'POST /team/a', body: '', status: 202, text: '' },
  { request: 'POST /team', status: 400, text: 'labels must be defined in pairs\n' },
  { request: 'POST /team/a/b', status: 400, text: 'labels must be defined in pairs\n' },
  { request: 'POST /team/a/team/b', status: 400, text: 'duplicate label team\n' },
  { request: 'POST /team/a', body: 'm{team="b"} 1\n', status: 400, text: 'duplicate label team\n' },
  { request: 'POST /te-am/a', status: 400, text: 'improper label name "te-am"\n' },
  { request: 'POST /team/a', body: 'm\n', status: 400, text: /^line 1: / },
  { request: 'POST /team/a', body: TIMESTAMPED, status: 202, text: '' },
  { request: 'DELETE /team/a', status: 405 },
  { request: 'GET /team/a', status: 405 },
  {
    request: 'POST /job/a',
    headers: { 'X-Push-Mode': 'aggregate' },
    status: 202,
    text: '',
  },
  { request: 'POST /job/a', server: { jobMode: 'aggregate' }, status: 202, text: '' },
  {
    request: 'POST /job/a',
    headers: { 'X-Push-Mode': 'replace' },
    server: { jobMode: 'aggregate' },
    status: 200,
    text: '',
  },
  {
    request: 'POST /job/a/b',
    server: { jobMode: 'aggregate' },
    status: 400,
    text: 'labels must be defined in pairs\n',
  },
  { request: 'DELETE /job/a', server: { jobMode: 'aggregate' }, status: 405 },
];

const CF_WORKERS: readonly Case[] = [
  { request: 'POST ', status: 200, text: 'ok' },
  { request: 'POST ', body: JSON.stringify(METRICS), status: 200, text: 'ok' },
  { request: 'PATCH /m?a=b', status: 200, text: 'ok' },
  { request: 'PATCH /m?a=b&_value=2.5', status: 200, text: 'ok' },
  { request: 'PATCH /m', body: ' 3\n', status: 200, text: 'ok' },
  { request: 'DELETE /m', status: 200, text: 'ok' },
  { request: 'DELETE /m?a=b', status: 200, text: 'ok' },
  { request: 'DELETE /__all', status: 200, text: 'ok' },
  { request: 'GET /m', status: 405 },
  { request: 'PATCH ', body: '1', status: 405 },
  { request: 'PATCH /Foo-bar', status: 400, text: /"code":"bad_path"/ },
  { request: 'PATCH /m?x-y=1', status: 400, text: /"code":"bad_path"/ },
  { request: 'PATCH /m?_value=-1', status: 400, text: /"code":"bad_value"/ },
  { request: 'PATCH /m?_value=NaN', status: 400, text: /"code":"bad_value"/ },
  { request: 'PATCH /m?_value=0x10', status: 400, text: /"code":"bad_value"/ },
  { request: 'POST ', body: 'garbage here\n', status: 400, text: /"detail":"line 1: .*"bad_body"/ },
  { request: 'POST ', body: '"m 1', status: 400, text: /"code":"bad_body"/ },
  { request: 'POST ', body: '# TYPE m counter\nm NaN\n', status: 400, text: /"bad_value"/ },
];

const HEADERS: readonly Case[] = [
  ...[
    { 'X-Push-Mode': 'sum' },
    { 'X-Push-Mode': 'replace' },
    { 'X-Push-Temporality': 'total' },
    { 'X-Push-Temporality': 'cumulative' },
    { 'X-Push-Source': 'a b' },
    { 'X-Push-Source': 'x'.repeat(257) },
    { 'X-Gauge-Mode': 'median' },
    { 'X-Push-TTL': '1' },
    { 'X-Push-TTL': '366d' },
    { 'Idempotency-Key': 'x'.repeat(257) },
  ].map((headers) => ({ request: 'POST /a/b', headers, status: 400, text: /"code":"bad_header"/ })),
  {
    request: 'POST /job/a',
    headers: { 'X-Push-Mode': 'sum' },
    status: 400,
    text: /"code":"bad_header"/,
  },
  { request: 'POST ', headers: { 'Content-Encoding': 'br' }, status: 400, text: /"bad_header"/ },
  {
    request: 'POST /a/b',
    headers: {
      ...{ 'X-Push-Mode': 'Aggregate', 'X-Push-Source': 'me', 'X-Push-Temporality': 'cumulative' },
      ...{ 'X-Gauge-Mode': 'sum', 'X-Push-TTL': '1h30m' },
    },
    status: 202,
  },
  { request: 'POST ', headers: { 'X-Push-TTL': '0s' }, status: 200 },
];

const LIMITS: readonly Case[] = [
  {
    request: 'POST ',
    body: 'x'.repeat(65_537),
    status: 413,
    text: /"code":"too_large","limit":65536/,
  },
  {
    request: 'POST /job/a',
    body: 'a{b="1"} 1\na{b="2"} 1\na{b="3"} 1\n',
    server: { limits: { seriesPerFamily: 2 } },
    status: 422,
    text: /"code":"family_series_limit","limit":2,"current":0,"would_add":3,"family":"a"/,
  },
  {
    request: 'POST ',
    body: 'a 1\nb 2\n',
    server: { limits: { families: 1 } },
    status: 422,
    text: /"code":"family_limit","limit":1/,
  },
  {
    request: 'POST ',
    server: { bounds: { tenants: 0 } },
    status: 503,
    text: /"code":"tenant_limit"/,
  },
  {
    request: 'PATCH /m',
    server: { settings: { pushesPerSecond: 0 } },
    status: 429,
    text: /"code":"rate_limit","limit":0/,
  },
];

function checksumOf(text: string): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(maskedChecksum(Buffer.from(text)));
  return bytes;
}

describe('push', () => {
  for (const [name, cases] of Object.entries({
    ...{ Pushgateway: PUSHGATEWAY, 'prom-aggregation-gateway': AGGREGATION },
    ...{ "cf-workers' push gateway": CF_WORKERS, headers: HEADERS, limits: LIMITS },
  })) {
    for (const one of cases) {
      const { request, body, headers, server, status, text } = one;
      const given = [headers, server, body?.slice(0, 30)].filter((part) => part !== undefined);
      it(`${name}: ${request} ${given.map((part) => JSON.stringify(part)).join(' ')} -> ${status}`, async () => {
        await using gate = await servePush(server);

        const answer = await sendOne(gate, one);

        assert.equal(answer.status, status, answer.text);
        if (typeof text === 'string') assert.equal(answer.text, text);
        else if (text) assert.match(answer.text, text);
        if (status !== 405) assert.equal(answer.headers.get('X-Durability'), 'memory');
        if (status === 400 && typeof text === 'string') {
          assert.equal(answer.headers.get('Content-Type'), 'text/plain; charset=utf-8');
        }
        assert.deepEqual(gate.mistakes, []);
      });
    }
  }

  function sendOne(
    {
      send,
    }: { send: (...args: [string, string, string?, Record<string, string>?]) => Promise<Sent> },
    { request, body, headers }: Case,
  ): Promise<Sent> {
    const [method = '', rest = ''] = request.split(' ');
    const sends = method === 'POST' || method === 'PUT';
    return send(method, rest, body ?? (sends ? METRICS : undefined), headers);
  }

  it('puts the labels of the path before those of the body, and an empty instance', async () => {
    await using gate = await servePush();

    await gate.send('PUT', '/job/a%20b/x@base64/Yy9k', 'm{x="own",y="1"} 1\n');

    assert.ok(
      gate.lines().includes('m{instance="",job="a b",x="c/d",y="1"} 1'),
      gate.lines().join(),
    );
  });

  it('unescapes the names of labels only if it is told to', async () => {
    await using plain = await servePush();
    await using utf8 = await servePush({ utf8Names: true });

    const path = '/job/a/U__foo_2e_bar/1/U__a__b/2/U__x_zz_/3';
    await plain.send('PUT', path, METRICS);
    await utf8.send('PUT', path, METRICS);

    assert.ok(
      plain.lines().includes('m{U__a__b="2",U__foo_2e_bar="1",U__x_zz_="3",instance="",job="a"} 1'),
    );
    assert.ok(
      utf8.lines().includes('m{U__x_zz_="3",a_b="2","foo.bar"="1",instance="",job="a"} 1'),
      utf8.lines().join(),
    );
  });

  it('adds what is counted one by one, and deletes by labels', async () => {
    await using gate = await servePush();

    await gate.send('PATCH', '/hits?path=/a');
    await gate.send('PATCH', '/hits?path=/a&_value=2.5');
    await gate.send('PATCH', '/hits?path=/b', '4');
    await gate.send('PATCH', '/hits?path=/b&path=/c');
    assert.deepEqual(gate.lines(), [
      'hits{path="/a"} 3.5',
      'hits{path="/b"} 4',
      'hits{path="/c"} 1',
    ]);

    await gate.send('DELETE', '/hits?path=/a');
    assert.deepEqual(gate.lines(), ['hits{path="/b"} 4', 'hits{path="/c"} 1']);
    await gate.send('DELETE', '/__all');
    assert.deepEqual(gate.lines(), []);
  });

  it('adds up pushes to all paths but those with a job', async () => {
    await using gate = await servePush();
    const body = '# TYPE c counter\nc 2\n';

    await gate.send('POST', '', body);
    await gate.send('POST', '', JSON.stringify(body));
    await gate.send('PUT', '/a/b', body);
    await gate.send('POST', '/a/b', body);

    assert.deepEqual(gate.lines(), ['c 4', 'c{a="b"} 4']);
  });

  it('notes the time of a refused push in its group, but not of a body that does not parse', async () => {
    await using gate = await servePush();

    await gate.send('PUT', '/job/a', TIMESTAMPED);
    await gate.send('PUT', '/job/b', 'm\n');

    assert.deepEqual(gate.lines(), [
      'push_failure_time_seconds{instance="",job="a"} 1',
      'push_time_seconds{instance="",job="a"} 0',
    ]);
  });

  it('tells the conflict of types in the words of each interface', async () => {
    await using gate = await servePush();
    await gate.send('PUT', '/job/a', '# TYPE m counter\nm 1\n');
    const gauge = '# TYPE m gauge\nm 1\n';

    const group = await gate.send('PUT', '/job/b', gauge);
    const aggregation = await gate.send('PUT', '/x/b', gauge);
    const counter = await gate.send('POST', '', gauge);

    assert.equal(group.status, 400);
    assert.match(
      group.text,
      new RegExp(`^${INCONSISTENT}metric m has the type counter here, .*\n$`),
    );
    assert.equal(aggregation.status, 400);
    assert.equal(aggregation.text, "cannot merge metric 'm': type COUNTER != GAUGE\n");
    assert.equal(counter.status, 400);
    assert.equal(JSON.parse(counter.text).code, 'type_conflict');
  });

  it('takes gzip and framed snappy', async () => {
    await using gate = await servePush();
    const snappy = Buffer.concat([
      Buffer.from('ff060000734e6150705901080000', 'hex'),
      checksumOf('m 1\n'),
      Buffer.from('m 1\n'),
    ]);

    const zipped = await gate.send('POST', '/a/b', gzipSync('m 1\n'), {
      'Content-Encoding': 'gzip',
    });
    const framed = await gate.send('POST', '/a/c', snappy, { 'Content-Encoding': 'snappy' });

    assert.equal(zipped.status, 202);
    assert.equal(framed.status, 202, framed.text);
    assert.deepEqual(gate.lines(), ['m{a="b"} 1', 'm{a="c"} 1']);
  });

  it('answers a repeated key as the first time, and adds nothing', async () => {
    await using gate = await servePush();
    const key = { 'Idempotency-Key': 'k1' };
    const body = '# TYPE c counter\nc 2\n';

    const first = await gate.send('POST', '/a/b', body, key);
    const again = await gate.send('POST', '/a/b', body, key);
    const other = await gate.send('POST', '/a/b', body.replace('2', '3'), key);
    const elsewhere = await gate.send('POST', '/a/c', body, key);

    assert.deepEqual([first.status, again.status], [202, 202]);
    assert.equal(first.headers.get('Idempotent-Replay'), null);
    assert.equal(again.headers.get('Idempotent-Replay'), 'true');
    assert.deepEqual([other.status, elsewhere.status], [422, 422]);
    assert.equal(JSON.parse(other.text).code, 'key_reused');
    assert.deepEqual(gate.lines(), ['c{a="b"} 2']);
  });

  it('bounds the pushes per second of a tenant, and says when to come again', async () => {
    let nowMs = 0;
    await using gate = await servePush({ clock: () => nowMs, settings: { pushesPerSecond: 2 } });
    const statuses = async (): Promise<number[]> => [
      (await gate.send('POST', '/a/b', METRICS)).status,
      (await gate.send('POST', '/a/b', METRICS)).status,
    ];

    assert.deepEqual(await statuses(), [202, 202]);
    const refused = await gate.send('POST', '/a/b', METRICS);
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get('Retry-After'), '1');
    nowMs += 500;
    assert.deepEqual(await statuses(), [202, 429]);
  });

  it('tells how each push has ended', async () => {
    await using gate = await servePush();

    await gate.send('POST', '', 'a 1\nb 2 1700000000000\n');
    await gate.send('PUT', '/job/a', TIMESTAMPED);

    assert.deepEqual(
      gate.ends.map(({ of, result, samples, timestamps, bytes }) => ({
        of,
        result,
        samples,
        timestamps,
        bytes,
      })),
      [
        { of: 'counter', result: 'ok', samples: 2, timestamps: 1, bytes: 22 },
        { of: 'group', result: 'timestamps', samples: 0, timestamps: 0, bytes: 18 },
      ],
    );
  });
});
