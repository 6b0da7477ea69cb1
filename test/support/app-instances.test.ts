/** The simulated instances do what they say: other tests build on it. */
import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import {
  endless,
  gzipBomb,
  hang,
  hangUp,
  html,
  lie,
  page,
  redirect,
  resetMidBody,
  status,
  trickle,
} from './answers.ts';
import { startAppInstances } from './app-instances.ts';
import { eventually } from './eventually.ts';
import type { Answer } from './simulated-server.ts';

async function withOne(
  answer: Answer | 'refuse',
  use: (url: string) => Promise<void>,
): Promise<void> {
  await using farm = await startAppInstances([answer]);
  await use(`http://${farm.addresses[0]}/metrics`);
}

describe('simulated app instances', () => {
  it('serve each its own page on its own address', async () => {
    await using farm = await startAppInstances([page('a 1\n'), page('b 2\n')]);

    const bodies = await Promise.all(
      farm.addresses.map(async (address) => (await request(`http://${address}/x?y`)).body.text()),
    );

    assert.deepEqual(bodies, ['a 1\n', 'b 2\n']);
    assert.equal(farm.instances[1]!.requests[0]!.target, '/x?y');
    assert.equal(farm.instances[1]!.requests[0]!.headers['host'], farm.addresses[1]);
  });

  it('compress for those who accept it, and give HEAD no body', () =>
    withOne(page('a 1\n', { gzip: true }), async (url) => {
      const zipped = await request(url, { headers: { 'Accept-Encoding': 'gzip' } });
      const head = await request(url, { method: 'HEAD' });

      assert.equal(zipped.headers['content-encoding'], 'gzip');
      assert.equal(gunzipSync(await zipped.body.bytes()).toString(), 'a 1\n');
      assert.equal(await head.body.text(), '');
      assert.equal(head.headers['content-length'], '4');
    }));

  it('refuse, come back, and go down again', async () => {
    await using farm = await startAppInstances(['refuse']);
    const [instance] = farm.instances;
    const url = `http://${instance!.address}/`;
    await assert.rejects(request(url), { code: 'ECONNREFUSED' });

    instance!.answer = page('back 1\n');
    await instance!.comeBack();
    assert.equal(await (await request(url)).body.text(), 'back 1\n');

    await instance!.goDown();
    await assert.rejects(request(url));
  });

  it('hang until the reader leaves', async () => {
    await using farm = await startAppInstances([hang]);
    const [instance] = farm.instances;
    const leave = new AbortController();
    const asked = request(`http://${instance!.address}/`, { signal: leave.signal });
    await eventually('the request', () => instance!.requests[0]);

    leave.abort();

    await assert.rejects(asked, { name: 'AbortError' });
    await eventually('the connection to end', () => instance!.openConnections === 0 || undefined);
  });

  it('break off: hung up, truncated, reset', async () => {
    await withOne(hangUp, (url) => assert.rejects(request(url)));
    for (const answer of [lie('a 1\n', 100), resetMidBody('a 1\n')]) {
      await withOne(answer, async (url) => {
        const { body } = await request(url);
        await assert.rejects(body.text());
      });
    }
  });

  it('claim less than they send', () =>
    withOne(lie('a 1\nb 2\n', 4), async (url) => {
      assert.equal(await (await request(url)).body.text(), 'a 1\n');
    }));

  it('answer HTML, any status, a redirect', async () => {
    await withOne(html, async (url) => {
      const { statusCode, headers } = await request(url);
      assert.deepEqual([statusCode, headers['content-type']], [200, 'text/html; charset=utf-8']);
    });
    await withOne(status(503), async (url) => {
      assert.equal((await request(url)).statusCode, 503);
    });
    await withOne(redirect('/other'), async (url) => {
      const { statusCode, headers } = await request(url);
      assert.deepEqual([statusCode, headers['location']], [302, '/other']);
    });
  });

  it('send a body byte by byte', () =>
    withOne(trickle('a 1\n', 1), async (url) => {
      const pieces: number[] = [];
      for await (const piece of (await request(url)).body) pieces.push((piece as Buffer).length);
      assert.equal(
        pieces.reduce((sum, size) => sum + size, 0),
        4,
      );
      assert.ok(pieces.length > 1);
    }));

  it('never end', () =>
    withOne(endless, async (url) => {
      let seenBytes = 0;
      for await (const piece of (await request(url)).body) {
        seenBytes += (piece as Buffer).length;
        if (seenBytes > 1_000_000) break;
      }
      assert.ok(seenBytes > 1_000_000);
    }));

  it('send a small gzip body that grows large', async () => {
    const bomb = await gzipBomb(20_000_000);
    await withOne(bomb, async (url) => {
      const zipped = await (await request(url)).body.bytes();
      assert.ok(zipped.length < 100_000);
      assert.ok(gunzipSync(zipped).length >= 20_000_000);
    });
  });
});
