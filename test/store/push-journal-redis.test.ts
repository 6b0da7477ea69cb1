/** The journal of pushes in Debian's redis-server, and what happens when the server fails. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import {
  openSharedJournal,
  type SharedJournalOptions,
} from '../../src/store/push-journal-redis.ts';
import type { PushServer } from '../../src/store/push-redis-server.ts';
import { closedAddress } from '../fetch/instance-server.ts';
import { eventually } from '../support/eventually.ts';
import { startForwarder } from '../support/forwarder.ts';
import { SLOW_MS } from '../support/limits.ts';
import { redisClient } from '../support/redis-client.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { failureOf, NumberLedger, type Step } from './push-journal-ledger.ts';

/** A journal with a ledger of the tenant '', and what it has told. */
function promgate(url: string, more: Partial<SharedJournalOptions> = {}) {
  const told = { lost: [] as string[], servers: [] as PushServer[], ready: 0 };
  const journal = openSharedJournal({
    ...{ address: parseRedisUrl(url), readTls: undefined, prefix: 'test' },
    observer: {
      onLost: (tenant) => told.lost.push(tenant),
      onServer: (server) => told.servers.push(server),
      onReady: () => told.ready++,
    },
    ...more,
  });
  return {
    ...{ journal, told, ledger: new NumberLedger(journal) },
    [Symbol.asyncDispose]: () => journal[Symbol.asyncDispose](),
  };
}

/** What a promgate finds that starts now. */
async function stored(url: string): Promise<Record<string, number>> {
  await using fresh = promgate(url);
  return (await fresh.ledger.open()).numbers;
}

/** The key of the tenant ''. */
function keyOf(name: string): string {
  return `test:push:{t:}:${name}`;
}

describe('openSharedJournal', function () {
  this.timeout(SLOW_MS);

  it('gives promgates that push and look in any order the numbers of one ledger', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const step: fc.Arbitrary<Step> = fc.tuple(name, fc.option(fc.nat(9), { nil: undefined }));
    const act = fc.record({
      who: fc.nat(2),
      steps: fc.array(step, { maxLength: 4 }), // none: it looks
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        await client.flushall();
        await using one = promgate(server.url);
        await using two = promgate(server.url);
        await using three = promgate(server.url);
        const ledgers = [one, two, three].map(({ ledger }) => ledger);
        const model: Record<string, number> = {};

        for (const { who, steps } of acts) {
          if (steps.length === 0) await ledgers[who]!.look();
          else await ledgers[who]!.push(steps);
          for (const [key, amount] of steps) {
            if (amount === undefined) delete model[key];
            else model[key] = (model[key] ?? 0) + amount;
          }
        }

        for (const ledger of ledgers) {
          await ledger.look();
          assert.deepEqual(ledger.numbers, { ...ledger.numbers, ...model });
          assert.equal(Object.keys(ledger.numbers).length, Object.keys(model).length);
        }
        assert.deepEqual(await stored(server.url), one.ledger.numbers);
        assert.deepEqual(
          [one, two, three].flatMap(({ told }) => told.lost),
          [],
        );
      }),
      { numRuns: 40 },
    );
  });

  it('adds up exactly what promgates push to one tenant all the time', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    await using two = promgate(server.url);
    await using three = promgate(server.url);
    const all = [one, two, three];

    await Promise.all(
      all.map(async ({ ledger }, i) => {
        for (let n = 0; n < 100; n++)
          await ledger.push([
            ['all', 1],
            [`own-${i}`, 1],
          ]);
      }),
    );

    const expected = { all: 300, 'own-0': 100, 'own-1': 100, 'own-2': 100 };
    assert.deepEqual(await stored(server.url), expected);
    for (const { ledger } of all) {
      await ledger.look();
      assert.deepEqual(ledger.numbers, expected);
    }
  });

  it('lets a promgate go first that was too slow four times', async function () {
    await using server = await startRedisServer(this);
    await using fast = promgate(server.url);
    await using slow = promgate(server.url, { lockMs: 600_000 });
    await fast.ledger.push([['a', 1]]);
    await slow.ledger.look();
    for (let times = 0; times < 4; times++) {
      await fast.ledger.push([['a', 1]]);
      const [stale, touched] = await slow.ledger.pushOnce([['b', 1]]);
      assert.deepEqual(stale, { tenant: '' });
      await slow.ledger.catchUp(touched);
    }

    const [waits, touched] = await fast.ledger.pushOnce([['a', 1]]);
    assert.deepEqual(waits, { tenant: '' });
    await slow.ledger.push([['b', 1]]);

    await fast.ledger.catchUp(touched);
    await fast.ledger.push([['a', 1]]);
    assert.deepEqual(await stored(server.url), { a: 6, b: 1 });
    assert.equal(slow.ledger.stales, 0);
  });

  it('reads a large tenant as it was in one moment, while another promgate changes it', async function () {
    await using server = await startRedisServer(this);
    await using writer = promgate(server.url);
    const names = Array.from({ length: 12_000 }, (_, i) => `${i}-${'x'.repeat(200)}`);
    await writer.ledger.push(names.map((one) => [one, 1]));
    let isReading = true;

    const writing = (async () => {
      for (let i = 0; isReading; i++) {
        const [from, to] = [names[(i * 5003) % names.length]!, names[(i * 7001) % names.length]!];
        await writer.ledger.push([
          [from, -1],
          [to, 1],
        ]);
      }
    })();
    const sums: number[] = [];
    for (let times = 0; times < 5; times++) {
      const all = Object.values(await stored(server.url));
      sums.push(all.reduce((sum, value) => sum + value, 0));
    }
    isReading = false;
    await writing;

    assert.deepEqual(sums, Array(5).fill(names.length));
    assert.deepEqual(await stored(server.url), writer.ledger.numbers);
  });

  it('reads of a large tenant what has changed', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    await using two = promgate(server.url);
    await one.ledger.push(Array.from({ length: 1000 }, (_, i) => [`${i}`, 1]));
    await two.ledger.look();
    await one.ledger.push([
      ['500', 1],
      ['new', 1],
      ['501', undefined],
    ]);

    const update = await two.journal.reload('', []);

    assert.equal(update?.isWhole, false);
    assert.deepEqual(
      update.created.map(({ key }) => key),
      ['new'],
    );
    assert.deepEqual(update.removed, [502]);
    assert.equal(update.changed.length, 127 + 105); // what else is in the two buckets
  });

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

  it('needs no more rights than the documentation gives it', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    const rights = '+evalsha +eval +get +mget +set +del +exists +pexpire +persist +wait +ping';
    const hash = '+hset +hget +hmget +hgetall +hdel +hlen +hincrby';
    const sorted = '+zadd +zrem +zcard +zscore +zrange +zrangebyscore';
    const words = `on >secret resetkeys ~test:push:* -@all ${rights} ${hash} ${sorted}`;
    await client.call('acl', 'setuser', 'promgate', ...words.split(' '));
    const url = server.url.replace('//', '//promgate:secret@');
    await using one = promgate(url);
    await using two = promgate(url);
    await using stranger = promgate(url, { prefix: 'other' });

    await one.ledger.push([
      ['a', 1],
      ['b', 1],
    ]);
    await two.ledger.push([
      ['a', 1],
      ['b', undefined],
    ]);
    await one.ledger.push([['a', 1]]);
    await eventually('the facts', () => one.told.servers[0]);

    assert.deepEqual(await stored(url), { a: 3 });
    assert.equal(one.told.servers[0]?.evictionPolicy, undefined);
    const [stale] = await stranger.ledger.pushOnce([['a', 1]]);
    assert.equal(stale?.error?.failure, 'denied');
  });

  it('keeps the tenants of a cluster', async function () {
    await using server = await startRedisServer(this, { args: ['--cluster-enabled', 'yes'] });
    await using client = redisClient(server.url);
    await client.call('cluster', 'addslotsrange', 0, 16383);
    await eventually('the cluster', async () =>
      String(await client.call('cluster', 'info')).includes('cluster_state:ok') ? true : undefined,
    );
    await using one = promgate(server.url);
    await using two = promgate(server.url);
    const tenants = ['', 'app:1', 'space:{2}', '}{%'];
    const names = Array.from({ length: 300 }, (_, i): Step => [`${i}`, 1]);

    for (const tenant of tenants) await new NumberLedger(one.journal, tenant).push(names);

    assert.deepEqual((await two.journal.changedElsewhere()).toSorted(), tenants.toSorted());
    for (const tenant of tenants) {
      const ledger = new NumberLedger(two.journal, tenant);
      await ledger.push([['0', 1]]);
      assert.deepEqual([ledger.numbers['0'], ledger.numbers['299']], [2, 1]);
    }
    assert.deepEqual(await two.journal.changedElsewhere(), []);
    assert.deepEqual((await one.journal.changedElsewhere()).toSorted(), tenants.toSorted());
    assert.equal((await two.journal.load()).length, tenants.length);
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

  it('lets Redis forget a tenant without records, and only such a tenant', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = promgate(server.url);
    const lives = async () => {
      const keys = (await client.keys('test:push:{*')).toSorted();
      return new Map(
        await Promise.all(keys.map(async (key) => [key, await client.pttl(key)] as const)),
      );
    };
    await one.ledger.push([
      ['a', 1],
      ['b', 1],
    ]);
    await one.ledger.push([['a', undefined]]);
    assert.deepEqual(new Set((await lives()).values()), new Set([-1]));

    await one.ledger.push([['b', undefined]]);
    const emptied = await lives();
    assert.ok(
      [...emptied.values()].every((ms) => ms > 0),
      JSON.stringify([...emptied]),
    );
    await one.ledger.push([['c', 1]]);
    assert.deepEqual(new Set((await lives()).values()), new Set([-1]));

    await one.ledger.push([['c', undefined]]);
    await client.del([...(await lives()).keys()]); // as when the time is over
    await one.ledger.look();
    assert.deepEqual(one.told.lost, []);
    assert.deepEqual(await one.journal.changedElsewhere(), []);
    await client.zadd('test:push:tenants', 'XX', 1, '');
    await using two = promgate(server.url);
    await two.ledger.open();
    assert.deepEqual(await client.zrange('test:push:tenants', 0, -1), []);
  });

  it('forgets buckets that have been empty for long, and then reads a tenant whole', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = promgate(server.url);
    await using two = promgate(server.url);
    const names = Array.from({ length: 130_000 }, (_, i) => `${i}`);
    await one.ledger.push([...names.map((name): Step => [name, 1]), ['last', 1]]);
    await two.ledger.look();

    await one.ledger.push(names.map((name) => [name, undefined]));
    await two.ledger.look();

    assert.deepEqual(two.ledger.numbers, { last: 1 });
    assert.deepEqual(two.told.lost, []);
    assert.equal(await client.zcard(keyOf('changed')), 1016 - 500);
    assert.equal(await client.zcard(keyOf('empty')), 1015 - 500);
  });

  it('refuses a record that is too large, and keeps those of other tenants', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    const record = (key: string) => ({ id: 1, key, values: Float64Array.of(1) });
    const changes = (tenant: string, key: string) => {
      const common = { tenant, forced: [], changed: [], removed: [], nextId: 2 };
      return { ...common, created: [record(key)] };
    };

    const stale = await one.journal.commit([
      changes('app:1', 'x'.repeat(600_000)),
      changes('app:2', 'x'.repeat(500_000)),
    ]);

    assert.deepEqual(
      stale.map(({ tenant, error }) => [tenant, error?.failure]),
      [['app:1', 'too_large']],
    );
    await using two = promgate(server.url);
    assert.deepEqual(
      (await two.journal.load()).map(({ tenant }) => tenant),
      ['app:2'],
    );
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

  it('answers nothing more once it is closed', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);
    await one.journal[Symbol.asyncDispose]();

    await assert.rejects(one.journal.commit([]), { failure: 'ended' });
    await assert.rejects(one.journal.load(), { failure: 'ended' });
  });
});
