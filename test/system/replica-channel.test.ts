/** Replicas that tell each other through Redis, as processes of their own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { page, pageOf } from '../support/answers.ts';
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

const AWAY =
  'Redis is away: purges and changes of bindings do not reach the other replicas at once; promgate tries again';
const CONNECTED = 'the replicas are connected through Redis';

const OPERATOR = { username: 'operator', password: 'an operator' };
const AS_OPERATOR = {
  Authorization: `Basic ${Buffer.from(`${OPERATOR.username}:${OPERATOR.password}`).toString('base64')}`,
};

/** Two replicas that keep the page of an app for an hour: only a purge makes them ask again. */
async function twoReplicas(parts: AsyncDisposableStack, redisUrl: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-replicas-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const values = {
    auth: { mode: 'both', operators: [OPERATOR] },
    broker: BROKER,
    cache: { mode: 'ttl', ttl: '1h' },
    database: { url: `sqlite:${folder}/bindings.db`, encryption_key: 'a key of sixteen' },
    redis: { url: redisUrl },
  };
  let asked = 0;
  const apps = { shop: { answers: [pageOf(() => `asked ${++asked}\n`)] } };
  const scene = parts.use(await startScene(apps, values));
  const routes = { gorouter: [gorouterValues(scene.gorouter)] };
  const other = parts.use(await startPromgateProcess({ values: { ...values, routes } }));
  await Promise.all([scene.promgate, other].map((one) => one.untilLogged(CONNECTED)));
  const { shop } = scene.apps;
  const read = async (replica: PromgateProcess, headers: Record<string, string> = AS_OPERATOR) => {
    const answer = await replica.get(shop.path, { headers });
    return {
      status: answer.status,
      cache: answer.headers.get('X-Cache'),
      text: await answer.text(),
    };
  };
  const purge = async (query: string): Promise<unknown> => {
    const headers = AS_OPERATOR;
    const answer = await scene.promgate.get(`/-/purge?${query}`, { method: 'POST', headers });
    return answer.json();
  };
  return {
    ...{ one: scene.promgate, other, shop, read, purge },
    spaceId: scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '',
    /**
     * Reads until the app is asked anew, and on until its page is kept. When Redis is back, a
     * replica purges twice: for what it may have missed, and by the message that waited.
     */
    untilAskedAnew: async (replica: PromgateProcess): Promise<void> => {
      for (const cache of ['MISS', 'HIT']) {
        await eventually(`a ${cache}`, async () =>
          (await read(replica)).cache === cache ? true : undefined,
        );
      }
    },
  };
}

describe('replicas with Redis', function () {
  this.timeout(SLOW_MS);

  it('purge together, also what they could not tell each other while Redis hung or was gone', async function () {
    await using redis = await startRedisServer(this, { password: 'open-sesame' });
    await using parts = new AsyncDisposableStack();
    const url = redis.url.replace('//', '//:open-sesame@');
    const { one, other, shop, read, purge, untilAskedAnew } = await twoReplicas(parts, url);
    for (const replica of [one, other]) {
      await read(replica);
      assert.equal((await read(replica)).cache, 'HIT');
    }

    for (const query of [`app=${shop.guid}`, `key=${encodeURIComponent(shop.path)}`, 'all']) {
      assert.deepEqual(await purge(query), { purged: 1, redis: 'ready' });
      await untilAskedAnew(other);
      await untilAskedAnew(one);
    }

    await redis.hang();
    assert.deepEqual(await purge('all'), { purged: 1, redis: 'ready' });
    assert.equal((await read(one)).cache, 'MISS');
    assert.equal((await read(other)).cache, 'HIT', 'the other replica cannot know, and answers');
    await one.untilLogged(AWAY, { failure: 'timeout' });
    assert.deepEqual(await purge('all'), { purged: 1, redis: 'away' });
    redis.goOn();
    await untilAskedAnew(other);

    await redis.goDown();
    await eventually('both to notice', async () => {
      const states = await Promise.all([one, other].map(async (at) => (await readyzOf(at)).redis));
      return states.every((state) => state === 'away') || undefined;
    });
    for (const replica of [one, other]) await read(replica);
    assert.deepEqual(await purge('all'), { purged: 1, redis: 'away' });
    assert.equal((await read(other)).cache, 'HIT');
    await redis.comeBack();
    await untilAskedAnew(other);
    assert.deepEqual([one.errors, other.errors], ['', '']);
  });

  it('answer nobody from the cache whose token another replica has revoked', async function () {
    await using redis = await startRedisServer(this);
    await using parts = new AsyncDisposableStack();
    const { one, other, shop, read, spaceId } = await twoReplicas(parts, redis.url);
    const platform = new Platform({ url: one.url });
    await platform.createService('i1', spaceId);
    const { body } = await platform.bind('i1', 'b1', { appId: shop.guid, spaceId });
    const asTenant = { Authorization: `Bearer ${body.credentials.token}` };
    await read(other, asTenant);
    assert.equal((await read(other, asTenant)).cache, 'HIT');

    assert.equal((await platform.unbind('i1', 'b1')).status, 200);

    await eventually('the message', async () => {
      const metrics = await other.text('/metrics', { headers: AS_OPERATOR });
      return metrics.includes(`${RECEIVED} 3\n`) || undefined; // the service, the binding, its end
    });
    const { status, text } = await read(other, asTenant);
    assert.equal(status, 401);
    assert.doesNotMatch(text, /asked/);
  });

  it('say what to do about a wrong password', async function () {
    await using redis = await startRedisServer(this, { password: 'open-sesame' });
    const values = { redis: { url: redis.url.replace('//', '//:wrong-word@') }, routes: {} };
    await using promgate = await startPromgateProcess({ values });

    const line = await promgate.untilLogged(AWAY, { failure: 'auth' });

    assert.match(String(line['advice']), /user and password in redis\.url/);
    assert.doesNotMatch(JSON.stringify(promgate.log), /wrong-word/);
  });

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
    await Promise.all([scene.promgate, other].map((one) => one.untilLogged(CONNECTED)));
    const platform = new Platform({ url: scene.promgate.url });
    const spaceId = scene.gorouter.routes['shop.apps.example.com']?.[0]?.tags['space_id'] ?? '';
    await platform.createService('i1', spaceId);

    await platform.bind('i1', 'b1', { appId: scene.apps.shop.guid, spaceId });

    await eventually('the messages of the service and of the binding', async () =>
      (await other.metric(RECEIVED)) === 2 ? true : undefined,
    );
    await eventually('the binding', async () =>
      (await other.metric('promgate_bindings')) === 1 ? true : undefined,
    );
    assert.equal((await readyzOf(other)).redis, 'ready');

    await redis.hang();
    assert.equal((await platform.unbind('i1', 'b1')).status, 200);
    assert.equal((await other.get(scene.apps.shop.path)).status, 200);
    await other.untilLogged(AWAY, { failure: 'timeout' });
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
