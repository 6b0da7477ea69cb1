/** What the push gateway meets: clients that are slow, lie, or send far too much. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { readAll } from './frame-server.ts';
import { servePush } from './push-server.ts';

const MIB = 1_048_576;

describe('pushes of hostile clients', () => {
  it('cuts off a body that stops coming', async () => {
    await using gate = await servePush({ idleMs: 20 });
    const client = connect(gate.port, '127.0.0.1');

    client.write('POST /push/metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nm 1\n');
    const answer = await readAll(client);

    assert.match(answer, /^HTTP\/1.1 408 /);
    assert.match(answer, /"code":"request-timeout"/);
    assert.equal(gate.ends[0]?.result, 'request-timeout');
  });

  it('refuses 20 MB that come without their length as soon as it is too much', async () => {
    await using gate = await servePush();
    const client = connect(gate.port, '127.0.0.1');
    client.on('error', () => undefined);
    const chunk = `${MIB.toString(16)}\r\n${'x'.repeat(MIB)}\r\n`;

    client.write('POST /push/metrics HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
    const [first] = await Promise.all([
      once(client, 'data'),
      (async () => {
        for (let i = 0; i < 20; i++) if (!client.write(chunk)) await once(client, 'drain');
        client.end('0\r\n\r\n');
      })(),
    ]);
    const after = await gate.send('POST', '', 'm 1\n');

    assert.match(String(first), /^HTTP\/1.1 413 /);
    assert.equal(after.status, 200);
    client.destroy();
  });

  it('refuses a body that grows without end when it is decompressed', async () => {
    await using gate = await servePush();
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    const twice = gzipSync(gzipSync(Buffer.alloc(10 * MIB)));

    const headers = { 'Content-Encoding': 'gzip' };
    const answer = await gate.send('POST', '', bomb.subarray(0, 65_000), headers);
    const other = await gate.send('POST', '/job/a', twice, headers);

    assert.equal(answer.status, 413, answer.text);
    assert.equal(JSON.parse(answer.text).limit, 262_144);
    assert.equal(other.status, 400);
  });

  it('refuses a body that is no gzip', async () => {
    await using gate = await servePush();

    const answer = await gate.send('PUT', '/job/a', 'm 1\n', { 'Content-Encoding': 'gzip' });

    assert.equal(answer.status, 400);
    assert.match(answer.text, /^the body is not gzip: /);
  });

  it('reads a path of thousands of parts', async () => {
    await using gate = await servePush();
    const path = '/a/b'.repeat(3_500);

    const even = await gate.send('POST', path, 'm 1\n');
    const odd = await gate.send('PUT', `/job/a/b${path}`, 'm 1\n');

    assert.deepEqual([even.status, even.text], [400, 'duplicate label a\n']);
    assert.equal(odd.status, 400);
  });

  it('refuses a path that is no percent-encoded UTF-8', async () => {
    await using gate = await servePush();

    const wrong = await gate.send('POST', '/job/%ff', 'm 1\n');
    const malformed = await gate.send('POST', '/job/%zz', 'm 1\n');
    const inBase64 = await gate.send('POST', '/job@base64/YWJj_A', 'm 1\n');

    assert.deepEqual([wrong.status, malformed.status, inBase64.status], [400, 400, 400]);
    assert.match(inBase64.text, /not UTF-8/);
  });

  it('has no room for bodies of one client beyond its share, and gives the room back', async () => {
    await using gate = await servePush({ roomBytes: 1_000 });

    const answer = await gate.send('POST', '', `# ${'x'.repeat(1_000)}\nm 1\n`);
    const after = await gate.send('POST', '', 'm 1\n');

    assert.equal(answer.status, 429);
    assert.equal(JSON.parse(answer.text).code, 'busy');
    assert.equal(answer.headers.get('Retry-After'), '1');
    assert.equal(after.status, 200);
  });

  it('survives clients that leave in the middle', async () => {
    await using gate = await servePush();

    for (let i = 0; i < 50; i++) {
      const client = connect(gate.port, '127.0.0.1');
      client.on('error', () => undefined);
      await once(client, 'connect');
      client.write(
        'PUT /push/metrics/job/a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nm',
        () => client.resetAndDestroy(),
      );
    }
    const after = await gate.send('POST', '', 'm 1\n');

    assert.equal(after.status, 200);
    assert.deepEqual(gate.mistakes, []);
  });
});
