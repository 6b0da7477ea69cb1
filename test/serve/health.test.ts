import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { healthSite, healthz, Readiness, readyz } from '../../src/serve/health.ts';
import { startServer } from '../../src/serve/server.ts';
import { serveFrame } from './frame-server.ts';

/** Sources whose readiness is set from outside, and a clock that stands. */
function readinessOf(...names: string[]) {
  const sources = names.map((name) => ({ name, ready: false }));
  const clock = { nowMs: 0 };
  const readiness = new Readiness(() => clock.nowMs);
  readiness.expect(sources);
  return { sources, clock, readiness };
}

describe('Readiness', () => {
  it('comes when every source has answered once, and stays when one fails later', () => {
    const { readiness, sources } = readinessOf('gorouter', 'nats');
    assert.equal(readiness.state, 'starting');

    sources[0]!.ready = true;
    assert.equal(readiness.state, 'starting');
    sources[1]!.ready = true;
    assert.equal(readiness.state, 'ready');
    sources[1]!.ready = false;
    assert.equal(readiness.state, 'ready');
  });

  it('waits no longer than 60 s after the first source for the others', () => {
    const { readiness, sources, clock } = readinessOf('gorouter', 'nats');
    clock.nowMs = 500_000;
    assert.equal(readiness.state, 'starting', 'none has answered');

    sources[0]!.ready = true;
    readiness.sourceRead();
    clock.nowMs += 59_999;
    assert.equal(readiness.state, 'starting');
    clock.nowMs += 1;
    assert.equal(readiness.state, 'ready');
  });

  it('waits for the sources to exist', () => {
    const readiness = new Readiness();
    assert.deepEqual(readiness.report(), { status: 'starting', sources: {} });
    assert.equal(readiness.tableKnown, false);

    readiness.expect([{ name: 'file', ready: true }]);

    assert.deepEqual(readiness.report(), { status: 'ready', sources: { file: 'ready' } });
  });

  it('counts the minute of a source that was read before all existed from then', () => {
    const clock = { nowMs: 0 };
    const readiness = new Readiness(() => clock.nowMs);
    readiness.sourceRead();
    clock.nowMs = 100;

    readiness.expect([
      { name: 'file', ready: true },
      { name: 'nats', ready: false },
    ]);

    clock.nowMs += 59_999;
    assert.equal(readiness.state, 'starting');
    clock.nowMs += 1;
    assert.equal(readiness.state, 'ready');
  });

  it('is there once it is known that no source is configured', () => {
    assert.equal(readinessOf().readiness.state, 'ready');
  });

  it('says of a source that fails when it was last read', () => {
    const readiness = new Readiness();
    readiness.expect([
      { name: 'first', ready: true, ageMs: 130_400 },
      { name: 'second', ready: true, ageMs: 0 },
      { name: 'third', ready: false, ageMs: undefined },
    ]);

    assert.deepEqual(readiness.report().sources, {
      first: 'failing; it last worked 130 s ago',
      second: 'ready',
      third: 'waiting',
    });
  });

  it('falls while draining, though the table is still known', () => {
    const { readiness } = readinessOf();
    readiness.drain();
    assert.equal(readiness.state, 'draining');
    assert.equal(readiness.tableKnown, true);
  });
});

describe('/healthz and /readyz', () => {
  it('say that promgate lives, and whether it is ready, with each source', async () => {
    const { readiness, sources } = readinessOf('gorouter 10.0.0.1', 'file');
    await using site = await serveFrame({
      routes: [
        { name: 'healthz', path: '/healthz', handle: healthz },
        { name: 'readyz', path: '/readyz', handle: readyz(readiness) },
      ],
    });
    const ask = async (path: string) => {
      const answer = await fetch(site.url + path);
      return { status: answer.status, text: await answer.text() };
    };

    assert.deepEqual(await ask('/healthz'), { status: 200, text: 'ok\n' });
    const before = await ask('/readyz');
    sources[0]!.ready = true;
    sources[1]!.ready = true;
    const after = await ask('/readyz');

    assert.equal(before.status, 503);
    assert.deepEqual(JSON.parse(before.text), {
      status: 'starting',
      sources: { 'gorouter 10.0.0.1': 'waiting', file: 'waiting' },
    });
    assert.equal(after.status, 200);
    assert.deepEqual(JSON.parse(after.text), {
      status: 'ready',
      sources: { 'gorouter 10.0.0.1': 'ready', file: 'ready' },
    });
  });
});

describe('the health port', () => {
  it('answers any path by plain HTTP as /readyz does', async () => {
    const { readiness } = readinessOf();
    await using server = await startServer({
      ...{ host: '127.0.0.1', port: 0, maxConnections: 10, idleMs: 10_000 },
      handle: healthSite(readiness),
      cut: new AbortController(),
    });
    const status = async (path: string) => (await fetch(server.url + path)).status;

    assert.equal(await status('/'), 200);
    assert.equal(await status('/any/path?x'), 200);
    readiness.drain();
    assert.equal(await status('/'), 503);
  });

  it('refuses to start on a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;

    const settings = {
      ...{ host: '127.0.0.1', port, maxConnections: 10, idleMs: 10_000 },
      handle: () => undefined,
      cut: new AbortController(),
    };

    await assert.rejects(startServer(settings), { code: 'EADDRINUSE' });
    await new Promise((resolve) => other.close(resolve));
  });
});
