import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { createDoor } from '../../src/serve/door.ts';
import { healthz, Readiness } from '../../src/serve/health.ts';
import { startServer } from '../../src/serve/server.ts';
import { requestText, sendRaw, serveSite } from './site-server.ts';

/** A door on a real server; what stands behind it is there when `open` is called. */
async function serveDoor() {
  const site = Promise.withResolvers<RequestListener>();
  const readiness = new Readiness();
  const { listener, knocked } = createDoor(site.promise, readiness);
  const opened: string[] = [];
  const closed = Promise.withResolvers<void>();
  const server = await startServer({
    ...{ host: '127.0.0.1', port: 0, maxConnections: 100, idleMs: 60_000, unseenGraceMs: 10 },
    handle: (request, response) => {
      response.once('close', closed.resolve);
      listener(request, response);
    },
    cut: new AbortController(),
  });
  const open = (): void =>
    site.resolve(({ url = '' }, response) => {
      opened.push(url);
      response.end(`the site: ${url}`);
    });
  return { ...server, readiness, knocked, opened, open, closed: closed.promise };
}

describe('the door', () => {
  it('answers /healthz before the site is there, as the site will', async () => {
    await using site = await serveSite({
      routes: [{ name: 'healthz', path: '/healthz', handle: healthz }],
    });
    await using door = await serveDoor();
    const ask = async (url: string, method: string) => {
      const answer = await fetch(`${url}/healthz`, { method });
      const headers = [...answer.headers].filter(([name]) => name !== 'date');
      return [answer.status, headers, await answer.text()];
    };

    for (const method of ['GET', 'HEAD']) {
      assert.deepEqual(await ask(door.url, method), await ask(site.url, method));
    }
    assert.deepEqual(door.opened, []);
  });

  it('says at /readyz what readiness says', async () => {
    await using door = await serveDoor();
    const ask = async () => {
      const answer = await fetch(`${door.url}/readyz`);
      const { status } = (await answer.json()) as { readonly status: string };
      return [answer.status, status];
    };

    assert.deepEqual(await ask(), [503, 'starting']);
    door.readiness.expect([]);
    assert.deepEqual(await ask(), [200, 'ready']);
    door.readiness.drain();
    assert.deepEqual(await ask(), [503, 'draining']);
  });

  it('lets any other request wait for the site, which answers from then on', async () => {
    await using door = await serveDoor();
    const waiting = [
      sendRaw(door.port, requestText('/v1/apps/metrics')),
      sendRaw(door.port, requestText('/healthz?now')),
      sendRaw(door.port, requestText('/healthz').replace('GET', 'POST')),
    ];
    await door.knocked;
    assert.deepEqual(door.opened, []);

    door.open();
    const answers = await Promise.all(waiting);

    assert.match(answers[0]!, /the site: \/v1\/apps\/metrics$/);
    assert.match(answers[1]!, /the site: \/healthz\?now$/);
    assert.match(answers[2]!, /the site: \/healthz$/);
    assert.match(await sendRaw(door.port, requestText('/readyz')), /the site: \/readyz$/);
  });

  it('forgets a request whose reader has left', async () => {
    await using door = await serveDoor();
    const reader = connect(door.port, '127.0.0.1');
    reader.write('GET /gone HTTP/1.1\r\nHost: h\r\n\r\n');
    await door.knocked;
    reader.destroy();
    await door.closed;

    door.open();
    await sendRaw(door.port, requestText('/here'));

    assert.deepEqual(door.opened, ['/here']);
  });

  it('tells when the first request was answered', async () => {
    await using door = await serveDoor();
    const seen: string[] = [];
    const told = door.knocked.then(() => seen.push('knocked'));
    seen.push('asked');

    await fetch(`${door.url}/healthz`);
    await told;

    assert.deepEqual(seen, ['asked', 'knocked']);
  });
});
