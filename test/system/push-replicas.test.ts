/** Several promgates whose pushes are kept in one Redis, and what holds while it is away. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type Promgate, startPromgate } from '../support/promgate.ts';
import { startRedisServer } from '../support/redis-server.ts';

const COUNTER = '# TYPE jobs_total counter\njobs_total 1\n';

async function push({ url }: Promgate): Promise<Response> {
  return fetch(`${url}/push/metrics`, { method: 'POST', body: COUNTER });
}

async function total({ text }: Promgate): Promise<string | undefined> {
  return /^jobs_total (.*)$/m.exec(await text('/push/metrics'))?.[1];
}

function sharing(url: string): Parameters<typeof startPromgate>[0] {
  return { apps: [], values: { redis: { url }, push: { durability: 'shared' } } };
}

describe('promgates that share pushes', function () {
  this.timeout(SLOW_MS);

  it('add up what any of them gets, and all show it', async function () {
    await using redis = await startRedisServer(this);
    await using one = await startPromgate(sharing(redis.url));
    await using two = await startPromgate(sharing(redis.url));

    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => push(i % 2 === 0 ? one : two)),
    );

    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(answers[0]?.headers.get('X-Durability'), 'shared');
    for (const promgate of [one, two]) {
      await eventually('both show all', async () => (await total(promgate)) === '40' || undefined);
    }
  });

  it('refuse pushes while Redis is away, and take them when it is back', async function () {
    await using redis = await startRedisServer(this);
    await using promgate = await startPromgate(sharing(redis.url));
    assert.equal((await push(promgate)).status, 200);

    await redis.goDown();
    const refused = await push(promgate);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get('Retry-After'), '5');
    const { code }: { code?: string } = JSON.parse(await refused.text());
    assert.equal(code, 'not_stored');
    const ready: { push?: string } = JSON.parse(await promgate.text('/readyz'));
    assert.equal(ready.push, 'away');
    assert.match(
      await promgate.text('/metrics'),
      /^promgate_push_commits_failed_total\{failure="unreachable"\} [1-9]/m,
    );

    await redis.comeBack();
    await eventually('pushes are kept', async () => (await push(promgate)).ok || undefined);
  });

  it('start without Redis, and refuse pushes and pages until it is there', async function () {
    await using redis = await startRedisServer(this);
    await redis.goDown();
    await using promgate = await startPromgate(sharing(redis.url));

    assert.equal((await push(promgate)).status, 503);
    assert.equal((await promgate.get('/push/metrics')).status, 503);
    assert.equal((await promgate.get('/push/-/ready')).status, 503);
    assert.ok(promgate.log.some(({ message }) => message.startsWith('pushes cannot be kept')));

    await redis.comeBack();
    await eventually('pushes are kept', async () => (await push(promgate)).ok || undefined);
    assert.equal(await total(promgate), '1');
    assert.ok(promgate.log.some(({ message }) => message === 'pushes are kept again'));
  });
});
