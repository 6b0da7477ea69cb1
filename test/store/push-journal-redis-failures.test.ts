/** The journal of pushes while Debian's redis-server fails, or loses what it had. */
import assert from 'node:assert/strict';
import { closedAddress } from '../fetch/instance-server.ts';
import { eventually } from '../support/eventually.ts';
import { startForwarder } from '../support/forwarder.ts';
import { SLOW_MS } from '../support/limits.ts';
import { redisClient } from '../support/redis-client.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { failureOf } from './push-journal-ledger.ts';
import { keyOf, promgate, stored } from './redis-promgate.ts';

describe('openSharedJournal on a Redis that fails', function () {
  this.timeout(SLOW_MS);

  for (const lost of ['request', 'answer'] as const) {
    it(`keeps each push once when the ${lost} is lost`, async function () {
      await using server = await startRedisServer(this);
      await using cable = await startForwarder(server.url);
      await using one = promgate(cable.urlOf(server.url));
      await one.ledger.push([['a', 1]]);

      for (let times = 1; times <= 10; times++) {
        const isLost = cable.lose(lost, (bytes) =>
          bytes.includes(lost === 'request' ? 'evalsha' : '$4\r\nkept'),
        );
        await one.ledger.push([
          ['a', 1],
          [`${times}`, times],
        ]);
        await isLost;
      }

      assert.equal((await stored(server.url))['a'], 11);
      assert.deepEqual(await stored(server.url), one.ledger.numbers);
      assert.equal(one.ledger.stales, 0);
    });
  }

  it('finds that a push was kept when others have pushed before it could ask', async function () {
    await using server = await startRedisServer(this);
    await using cable = await startForwarder(server.url);
    await using one = promgate(cable.urlOf(server.url));
    await using two = promgate(server.url);
    await one.ledger.push([['a', 1]]);
    const isLost = cable.lose('answer', (bytes) => bytes.includes('$4\r\nkept'));

    const push = one.ledger.push([['a', 10]]);
    await isLost;
    cable.moveTo(`redis://${await closedAddress()}`);
    await two.ledger.look();
    await two.ledger.push([['a', 100]]);
    await two.ledger.push([['b', 1]]);
    cable.moveTo(server.url);
    await push;

    assert.equal(one.ledger.stales, 0);
    await one.ledger.push([['a', 1000]]);
    assert.deepEqual(one.ledger.numbers, { a: 1111, b: 1 });
    assert.deepEqual(await stored(server.url), { a: 1111, b: 1 });
  });

  it('says that Redis is away, and goes on with what is there when it comes back', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);

    await server.goDown();
    await eventually('the end of the connection', () => one.journal.state === 'away' || undefined);
    const [stale, touched] = await one.ledger.pushOnce([['a', 1]]);
    assert.match(`${stale?.error?.failure}`, /^(?:unreachable|timeout)$/);
    await assert.rejects(one.journal.reload('', touched), { failure: 'unreachable' });
    await assert.rejects(one.journal.changedElsewhere(), { failure: 'unreachable' });
    await assert.rejects(one.journal.load(), { failure: 'unreachable' });
    await server.comeBack(); // it keeps nothing on disk
    await eventually('the connection', () => one.journal.state === 'ready' || undefined);

    assert.deepEqual(await one.journal.changedElsewhere(), ['']);
    await one.ledger.catchUp(touched);
    assert.deepEqual(one.ledger.numbers, {});
    assert.deepEqual(one.told.lost, ['']);
    await one.ledger.push([['a', 5]]);
    assert.deepEqual(await stored(server.url), { a: 5 });
  });

  it('says after five seconds that nobody knows whether a frozen Redis keeps a push', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);

    await server.hang();
    const [stale, touched] = await one.ledger.pushOnce([['a', 1]]);
    assert.equal(stale?.error?.failure, 'timeout');
    server.goOn();
    await eventually('the connection', () => one.journal.state === 'ready' || undefined);
    await one.ledger.catchUp(touched);
    await one.ledger.push([['b', 1]]);

    assert.deepEqual(await stored(server.url), one.ledger.numbers);
    assert.match(JSON.stringify(one.ledger.numbers), /^\{"a":[12],"b":1\}$/);
  });

  it('notices that a backup was restored, even when others have pushed since', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = promgate(server.url);
    await one.ledger.push([
      ['a', 1],
      ['b', 1],
    ]);
    const backup = await Promise.all(
      (await client.keys('*')).map(async (key) => [key, (await client.dumpBuffer(key))!] as const),
    );
    await one.ledger.push([
      ['b', undefined],
      ['c', 7],
    ]);
    await client.flushall();
    for (const [key, bytes] of backup) await client.restore(key, 0, bytes);
    await using two = promgate(server.url);
    await (await two.ledger.open()).push([['d', 1]]);
    await two.ledger.push([['d', 1]]);

    await one.ledger.push([['e', 1]]);

    assert.deepEqual(one.ledger.numbers, { a: 1, b: 1, d: 2, e: 1 });
    assert.deepEqual(await stored(server.url), one.ledger.numbers);
    assert.deepEqual([one.told.lost, two.told.lost], [[''], []]);
  });

  it('says that the memory of Redis is full, and keeps nothing then', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);

    await client.config('SET', 'maxmemory', '1');
    assert.equal(
      (
        await failureOf(
          one.ledger.push([
            ['a', 1],
            ['b', 1],
          ]),
        )
      ).failure,
      'full',
    );
    assert.deepEqual(one.ledger.numbers, { a: 1 });
    assert.deepEqual(await stored(server.url), { a: 1 });
    await client.config('SET', 'maxmemory', '0');

    await one.ledger.push([['b', 1]]);
    assert.deepEqual(await stored(server.url), { a: 1, b: 1 });
  });

  it('tells whether Redis evicts records, and whether it keeps them over a restart', async function () {
    await using server = await startRedisServer(this, { args: ['--appendonly', 'yes'] });
    await using client = redisClient(server.url);
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await using one = promgate(server.url);

    await eventually('the facts', () => one.told.servers[0]);

    assert.deepEqual(one.told.servers, [
      { evictionPolicy: 'allkeys-lru', evicts: true, hasLog: true },
    ]);
  });

  it('finds what it has kept after a crash of a Redis that keeps a log', async function () {
    const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
    await using server = await startRedisServer(this, { args });
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);

    await server.goDown();
    await server.comeBack();
    await eventually('the connection', () => (one.told.ready === 2 ? true : undefined));
    await one.ledger.push([['a', 1]]);

    assert.deepEqual(await stored(server.url), { a: 2 });
    assert.deepEqual([one.told.lost, one.ledger.stales], [[], 0]);
  });

  it('waits until a replica has the push, and says when none has', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url, { replicas: 1 });

    assert.equal((await failureOf(one.ledger.push([['a', 1]]))).failure, 'unreplicated');
    assert.deepEqual(one.ledger.numbers, { a: 1 });
    const args = ['--replicaof', '127.0.0.1', `${server.port}`];
    await using replica = await startRedisServer(this, { args });
    await using client = redisClient(replica.url);
    await eventually('the replica', async () =>
      (await client.info('replication')).includes('master_link_status:up') ? true : undefined,
    );
    await one.ledger.push([['a', 1]]);

    await using reader = promgate(replica.url);
    assert.deepEqual((await reader.ledger.open()).numbers, { a: 2 });
    assert.equal((await failureOf(reader.ledger.push([['a', 1]]))).failure, 'refused');
  });

  it('is heard of by others after the list of tenants was lost', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);

    await client.del('test:push:tenants');
    await one.ledger.look();

    assert.deepEqual(await stored(server.url), { a: 1 });
  });

  it('refuses what is not its own', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);

    await client.hset(keyOf('v:0'), '1', 'short');
    await assert.rejects(one.journal.reload('', [1]), { failure: 'damaged' });
    await client.hset(keyOf('about'), 'forced', '{');
    await assert.rejects(one.journal.reload('', []), { failure: 'damaged' });
    await client.set(keyOf('about'), 'text');
    await assert.rejects(one.journal.reload('', []), { failure: 'refused' });
  });

  it('goes on with a replica that takes over, also without the last commits', async function () {
    await using server = await startRedisServer(this);
    const args = ['--replicaof', '127.0.0.1', `${server.port}`];
    await using replica = await startRedisServer(this, { args });
    await using cable = await startForwarder(server.url);
    await using one = promgate(cable.urlOf(server.url), { replicas: 1 });
    await using two = promgate(cable.urlOf(server.url));
    await using client = redisClient(replica.url);
    await eventually('the replica', async () =>
      (await client.info('replication')).includes('master_link_status:up') ? true : undefined,
    );
    await one.ledger.push([['a', 1]]);
    await two.ledger.look();

    await client.call('replicaof', 'no', 'one');
    await two.ledger.push([['a', 10]]); // the replica misses this one
    cable.moveTo(replica.url);
    await two.ledger.push([['b', 1]]);

    assert.deepEqual(two.ledger.numbers, { a: 1, b: 1 });
    assert.deepEqual(await stored(replica.url), { a: 1, b: 1 });
    assert.deepEqual([one.told.lost, two.told.lost], [[], ['']]);
  });
});
