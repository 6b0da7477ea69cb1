import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Handler } from '../../src/serve/request.ts';
import { eventually } from '../support/eventually.ts';
import { readAll } from './frame-server.ts';
import { type PushServer, servePush } from './push-server.ts';

const body = (value: string): string => `# TYPE c counter\nc{a="b"} ${value}\n`;

/** Counts the requests that go the long way. */
function counting(): { readonly admit: Handler; count: number } {
  const counter = {
    count: 0,
    admit: ((_, next) => {
      counter.count += 1;
      return next();
    }) satisfies Handler,
  };
  return counter;
}

async function push(gate: PushServer, value: string, headers: Record<string, string> = {}) {
  const { status, text } = await gate.send('POST', '/job/a/x/y', body(value), {
    'X-Push-Mode': 'aggregate',
    ...headers,
  });
  return `${status} ${text}`;
}

describe('PushLane', () => {
  it('takes equal pushes the short way, with the same answers and effects', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });

    const answers = [await push(gate, '1'), await push(gate, '20.5'), await push(gate, '300')];

    assert.deepEqual(answers, ['202 ', '202 ', '202 ']);
    assert.equal(long.count, 1);
    assert.deepEqual(gate.lines(), ['c{a="b",job="a",x="y"} 321.5']);
    assert.deepEqual(
      gate.ends.map(({ of, result, samples, bytes }) => [of, result, samples, bytes]),
      [
        ['aggregation', 'ok', 1, 28],
        ['aggregation', 'ok', 1, 31],
        ['aggregation', 'ok', 1, 30],
      ],
    );
    await eventually('the last answer is noted', () => gate.records[1]);
    assert.deepEqual(
      gate.records.map(({ handler, status }) => [handler, status]),
      [
        ['push', 202],
        ['push', 202],
      ],
    );
  });

  it('answers in full what only a head can tell', async () => {
    await using gate = await servePush({ clock: () => 0 });
    const send = () => gate.send('POST', '', body('1'));

    await send();
    const { status, text, headers } = await send();

    assert.equal(status, 200);
    assert.equal(text, 'ok');
    assert.equal(headers.get('X-Durability'), 'memory');
    assert.equal(headers.get('Content-Type'), 'text/plain; charset=utf-8');
    assert.ok(headers.get('Date'));
  });

  it('reads a body that differs in more than values, and then knows it', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });
    await gate.send('POST', '/a/b', 'm 1\n');

    const other = await gate.send('POST', '/a/b', 'n 1\n');
    const refused = await gate.send('POST', '/a/b', 'n x\n');
    const double = await gate.send('POST', '/a/b', 'n{a="c"} 1\n');
    const again = await gate.send('POST', '/a/b', 'n 1\n');

    assert.deepEqual([other.status, refused.status, again.status], [202, 400, 202]);
    assert.deepEqual([double.status, double.text], [400, 'duplicate label a\n']);
    assert.equal(long.count, 1);
    assert.deepEqual(gate.lines(), ['m{a="b"} 1', 'n{a="b"} 1']);
    assert.deepEqual(
      gate.ends.map(({ result }) => result),
      ['ok', 'ok', 'bad_body', 'bad_path', 'ok'],
    );
  });

  it('takes bodies with other lines each time, and one that comes again after these', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });

    for (let n = 0; n < 100; n++)
      await gate.send('POST', '/a/b', `m${n}_total 1\nm${n + 1}_total 1\n`);
    for (let n = 0; n < 100; n++) await gate.send('POST', '/a/b', 'm50_total 1\n');

    assert.equal(long.count, 1);
    assert.equal(gate.lines().length, 101);
    assert.ok(gate.lines().includes('m50_total{a="b"} 102'));
    assert.equal(gate.room.bytes, 0);
  });

  it('checks the credential anew after a second', async () => {
    let nowMs = 0;
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => nowMs });
    const send = () => push(gate, '1', { Authorization: 'Bearer mine' });

    await send();
    nowMs += 1_000;
    await send();
    assert.equal(long.count, 1);
    nowMs += 1;
    await send();
    assert.equal(long.count, 2);
    await send();
    assert.equal(long.count, 2);
    assert.deepEqual(gate.lines(), ['c{a="b",job="a",x="y"} 4']);
  });

  it('checks the credential anew when a token was revoked', async () => {
    const long = counting();
    let revocations = 0;
    await using gate = await servePush({
      ...{ admit: long.admit, clock: () => 0, revocations: () => revocations },
    });

    const send = () => push(gate, '1', { Authorization: 'Bearer mine' });

    await send();
    await send();
    const before = long.count;
    revocations += 1;
    await send();
    await send();

    assert.deepEqual([before, long.count], [1, 2]);
  });

  it('reads compressed bodies right that differ in values', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });
    const zipped = (value: string) =>
      gate.send('POST', '/a/b', gzipSync(`c_total ${value}\n`), { 'Content-Encoding': 'gzip' });

    const statuses = [
      await zipped('1'),
      await zipped('20'),
      await zipped('x'),
      await zipped('300'),
    ];

    assert.deepEqual(
      statuses.map(({ status }) => status),
      [202, 202, 400, 202],
    );
    assert.deepEqual(gate.lines(), ['c_total{a="b"} 321']);
    assert.deepEqual(
      gate.ends.map(({ bytes }) => bytes),
      [10, 11, 10, 12],
    );
    assert.equal(long.count, 1);
    assert.equal(gate.room.bytes, 0);
  });

  it('leaves bodies that cannot be decompressed to the long way, which refuses these', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });
    const send = (body: Buffer, encoding: string) =>
      gate.send('POST', '/a/b', body, { 'Content-Encoding': encoding });
    await send(gzipSync('c_total 1\n'), 'gzip');

    const answers = [
      await send(Buffer.from('c_total 1\n'), 'gzip'),
      await send(gzipSync(Buffer.alloc(1e6, 32)), 'gzip'),
      await send(Buffer.from('c_total 1\n'), 'br'),
      await send(Buffer.from('c_total 1\n'), 'identity'),
    ];

    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 413, 400, 202],
    );
    assert.match(answers[0]?.text ?? '', /^the body is not gzip/);
    assert.equal(long.count, 4);
    assert.deepEqual(gate.lines(), ['c_total{a="b"} 2']);
    assert.equal(gate.room.bytes, 0);
  });

  it('has nothing to check anew for clients without a credential', async () => {
    let nowMs = 0;
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => nowMs });

    await push(gate, '1');
    nowMs += 1_000_000;
    await push(gate, '1');

    assert.equal(long.count, 1);
  });

  it('does not take a push with another credential, source or type for equal', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });

    await push(gate, '1');
    await push(gate, '1', { 'X-Push-Source': 'me' });
    await push(gate, '1', { 'X-Push-TTL': '1h' });
    await push(gate, '1', { Authorization: 'Bearer other' });
    await push(gate, '1', { 'Content-Type': 'text/plain; version=0.0.4' });

    assert.equal(long.count, 5);
  });

  it('takes pushes that a router marks with headers of its own for equal', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });

    for (const id of ['1', '2', '3']) {
      await push(gate, id, { 'X-Vcap-Request-Id': id, 'X-CF-ApplicationID': id, traceparent: id });
    }

    assert.equal(long.count, 1);
    assert.deepEqual(gate.lines(), ['c{a="b",job="a",x="y"} 6']);
  });

  it('knows a repeated key on the short way too', async () => {
    const long = counting();
    await using gate = await servePush({ admit: long.admit, clock: () => 0 });
    await push(gate, '1');

    const first = await push(gate, '2', { 'Idempotency-Key': 'k' });
    const again = await push(gate, '2', { 'Idempotency-Key': 'k' });
    const other = await push(gate, '3', { 'Idempotency-Key': 'k' });
    const bad = await push(gate, '3', { 'Idempotency-Key': 'k'.repeat(300) });

    assert.equal(first, '202 ');
    assert.equal(again, '202 ');
    assert.match(other, /^422 .*key_reused/);
    assert.match(bad, /^400 .*bad_header/);
    assert.equal(long.count, 2);
    assert.deepEqual(gate.lines(), ['c{a="b",job="a",x="y"} 3']);
  });

  it('knows on both ways the key of one push', async () => {
    let nowMs = 0;
    await using gate = await servePush({ clock: () => nowMs });
    const key = { 'Idempotency-Key': 'k', Authorization: 'Bearer mine' };

    await push(gate, '1', key); // the long way
    await push(gate, '1', key);
    nowMs += 5_000;
    await push(gate, '1', key); // the long way

    assert.deepEqual(
      gate.ends.map(({ result }) => result),
      ['ok', 'replay', 'replay'],
    );
  });

  it('counts each push in the limits of its tenant', async () => {
    await using gate = await servePush({ clock: () => 0, settings: { pushesPerSecond: 2 } });

    const answers = [await push(gate, '1'), await push(gate, '1'), await push(gate, '1')];

    assert.deepEqual(answers.slice(0, 2), ['202 ', '202 ']);
    assert.match(answers[2] ?? '', /^429 .*rate_limit/);
  });

  it('forgets a body whose client leaves before its end', async () => {
    await using gate = await servePush({ clock: () => 0 });
    const head = 'POST /push/metrics/a/b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n';
    const client = connect(gate.port, '127.0.0.1');
    client.write(`${head}m 1\n`);
    await eventually('the push is known', () => gate.lane.size || undefined);

    client.write(`${head}m`);
    client.end();
    await readAll(client);

    assert.deepEqual(gate.lines(), ['m{a="b"} 1']);
    assert.deepEqual(gate.mistakes, []);
  });

  it('takes no room for bodies that are promised and do not come', async () => {
    await using gate = await servePush({ clock: () => 0, roomBytes: 65_536 });
    const head = 'POST /push/metrics/a/b HTTP/1.1\r\nHost: h\r\n';
    const client = connect(gate.port, '127.0.0.1');
    client.write(`${head}Content-Length: 4\r\n\r\nm 1\n`);
    await eventually('the push is known', () => gate.lane.size || undefined);

    client.write(`${head}Content-Length: 60000\r\n\r\nm`);
    await eventually('the first push has ended', () => gate.ends[0]);
    const answer = await gate.send('POST', '', `m 1\n${'\n'.repeat(60_000)}`);
    client.destroy();

    assert.equal(answer.status, 200);
    await eventually('the client has left', () =>
      gate.ends.find(({ result }) => result === 'left'),
    );
  });

  it('refuses a body for which there is no room', async () => {
    await using gate = await servePush({ clock: () => 0, roomBytes: 100 });
    await push(gate, '1');

    const answer = await push(gate, `1${' '.repeat(200)}`);

    assert.match(answer, /^429 .*"code":"busy"/);
    assert.deepEqual(
      gate.ends.map(({ result }) => result),
      ['ok', 'busy'],
    );
  });
});
