/** Replicas that tell each other through Redis, as processes of their own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { page } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { BROKER, Platform } from '../support/platform.ts';
import {
  gorouterValues,
  type PromgateProcess,
  startPromgateProcess,
} from '../support/promgate-process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startScene } from '../support/scene.ts';

const RECEIVED = 'promgate_replica_messages_received_total{kind="bindings"}';

const readyzOf = async (replica: PromgateProcess) => JSON.parse(await replica.text('/readyz'));

describe('replicas with Redis', function () {
  this.timeout(SLOW_MS);

  it('know a changed binding at once, and go on while Redis hangs or is gone', async function () {
    await using redis = await startRedisServer(this, { password: 'open-sesame' });
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-replicas-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const values = {
      broker: BROKER,
      database: { url: `sqlite:${folder}/bindings.db`, encryption_key: 'a key of sixteen' },
      redis: { url: redis.url.replace('//', '//:open-sesame@') },
    };
    const apps = { shop: { answers: [page('at{path="bound"} 1\n')] } };
    const scene = parts.use(await startScene(apps, values));
    const routes = { gorouter: [gorouterValues(scene.gorouter)] };
    const other = parts.use(await startPromgateProcess({ values: { ...values, routes } }));
    const connected = 'the replicas are connected through Redis';
    await Promise.all([scene.promgate, other].map((one) => one.untilLogged(connected)));
    const platform = new Platform({ url: scene.promgate.url });
    const spaceId = scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
    await platform.createService('i1', spaceId);
    const received = (await other.metric(RECEIVED)) ?? 0;

    await platform.bind('i1', 'b1', { appId: scene.apps.shop.guid, spaceId });

    await eventually('the message', async () =>
      (await other.metric(RECEIVED)) === received + 1 ? true : undefined,
    );
    await eventually('the binding', async () =>
      (await other.metric('promgate_bindings')) === 1 ? true : undefined,
    );
    assert.equal((await readyzOf(other)).redis, 'ready');

    await redis.hang();
    const beganMs = performance.now();
    assert.equal((await platform.unbind('i1', 'b1')).status, 200);
    assert.equal((await other.get(scene.apps.shop.path)).status, 200);
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs < 2_000, `${tookMs} ms`);
    await other.untilLogged(
      'Redis is away: purges and changes of bindings do not reach the other replicas at once; promgate tries again',
      { failure: 'timeout' },
    );
    const readyz = await other.get('/readyz');
    assert.equal(readyz.status, 200);
    assert.equal(((await readyz.json()) as { redis?: string }).redis, 'away');
    await eventually('the database to tell of the binding', async () =>
      (await other.metric('promgate_bindings')) === 0 ? true : undefined,
    );

    redis.goOn();
    await redis.goDown();
    await redis.comeBack();
    await eventually('Redis to be back', async () =>
      (await readyzOf(other)).redis === 'ready' ? true : undefined,
    );
    assert.deepEqual([scene.promgate.errors, other.errors], ['', '']);
  });
});
