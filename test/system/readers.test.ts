/**
 * What readers can do to a promgate of 512 MB: thousands of requests on one connection, connections
 * that are left open or half-closed.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { hang, page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { read } from '../support/reader.ts';
import { type Scene, startScene } from '../support/scene.ts';

const MIB = 2 ** 20;
const LIMITS = { nodeOptions: ['--max-old-space-size=512'] };

/** @param count - makes requests differ, since equal ones share a scrape */
function requestFor(path: string, count = 0): string {
  const differs = String(count).padEnd(40, 'x');
  return `GET ${path} HTTP/1.1\r\nHost: promgate.example.com\r\nX: ${differs}\r\n\r\n`;
}

function open({ promgate }: Scene<string>, options: { readonly allowHalfOpen?: boolean } = {}) {
  const { hostname, port } = new URL(promgate.url);
  return connect({ host: hostname, port: Number(port), ...options }).on('error', () => undefined);
}

function startHanging(): Promise<Scene<'hung'>> {
  return startScene({ hung: { answers: Array(20).fill(hang) } }, {}, LIMITS);
}

describe('readers of a process', () => {
  for (const [how, leave] of [
    ['closes', (socket: Socket) => socket.destroy()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    it(`get no more than a bounded part of 20,000 requests for a hanging app: one ${how}`, async () => {
      await using scene = await startHanging();
      const { promgate, apps } = scene;
      const idleBytes = promgate.residentMemoryBytes();
      const socket = open(scene);
      const requests = Array.from({ length: 20_000 }, (_, at) => requestFor(apps.hung.path, at));
      socket.write(requests.join(''));
      await eventually('instances to be asked', async () =>
        (await promgate.metric('promgate_scrape_slots_used'))! >= 128 ? true : undefined,
      );

      leave(socket);
      await eventually('all scrapes to end', async () => {
        assert.equal((await read(`${promgate.url}/healthz`)).status, 200);
        return (await promgate.metric('promgate_scrape_slots_used')) === 0 || undefined;
      });

      assert.equal(await promgate.metric('promgate_scrape_bytes_in_flight'), 0);
      const grownBytes = promgate.peakMemoryBytes() - idleBytes;
      assert.ok(grownBytes < 100 * MIB, `${Math.round(grownBytes / MIB)} MiB more than idle`);
    });
  }

  it('get what has arrived, soon, when they half-close while an instance hangs', async () => {
    await using scene = await startScene({ half: { answers: [page('foo 1\n'), hang] } });
    const { promgate, apps } = scene;
    const socket = open(scene, { allowHalfOpen: true });

    socket.end(requestFor(apps.half.path));
    const answer = Buffer.concat(await socket.toArray()).toString();

    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /^foo\{.*\} 1$/m);
    assert.match(answer, /^promfetcher_scrape_error\{.*error="timeout".*\} 1$/m);
    const { ms } = await promgate.untilLogged('request', { path: apps.half.path });
    assert.ok(Number(ms) < 20_000, `${ms} ms of the 30 s that a scrape may take`);
  });

  it('are answered beside 4,200 idle connections of one client', async () => {
    await using scene = await startScene({ hung: { answers: [hang] } }, {}, LIMITS);
    const { promgate, apps } = scene;
    const hanging = open(scene);
    hanging.write(requestFor(apps.hung.path));
    await eventually('it to be asked', async () =>
      (await promgate.metric('promgate_scrape_slots_used')) === 1 ? true : undefined,
    );
    await using idle = new AsyncDisposableStack();
    let closed = 0;

    for (let n = 0; n < 4_200; n++) {
      const socket = open(scene);
      idle.defer(() => void socket.destroy());
      socket.once('close', () => closed++).resume();
      await once(socket, 'connect');
      if (n % 2 === 0) socket.write('GET /healthz HTTP/1.1\r\n'); // a head that does not end
    }

    assert.equal((await read(`${promgate.url}/healthz`)).status, 200);
    await eventually('what is too much to be closed', () => closed >= 104 || undefined);
    assert.ok(!hanging.destroyed && !hanging.readableEnded);
    hanging.destroy();
  });
});
