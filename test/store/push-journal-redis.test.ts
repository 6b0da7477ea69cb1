/** The journal of pushes in Debian's redis-server. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { redisClient } from '../support/redis-client.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { itIsAJournal } from './push-journal-contract.ts';
import { NumberLedger, type Step } from './push-journal-ledger.ts';
import { keyOf, promgate, stored } from './redis-promgate.ts';

describe('openSharedJournal', function () {
  this.timeout(SLOW_MS);
  let common: RedisServer | undefined;

  before(async function () {
    common = await startRedisServer(this);
  });

  after(() => common?.[Symbol.asyncDispose]());

  itIsAJournal(async () => {
    const { url } = common!; // started above
    await using client = redisClient(url);
    await client.flushall();
    return {
      open: async () => promgate(url).journal,
      [Symbol.asyncDispose]: async () => undefined,
    };
  });

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
    assert.deepEqual(update.removed, [502]);
    assert.equal(update.changed.length, 127); // what else is in the bucket of the changed record
    assert.equal(update.created.length, 1000 - 895 + 1); // the bucket of the new one, as numbers may be reused
    assert.equal(update.created.at(-1)?.key, 'new');
  });

  it('needs no more rights than the documentation gives it', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    const page = await readFile(new URL('../../docs/operating.md', import.meta.url), 'utf8');
    const [, rights = ''] = /`ACL SETUSER promgate (~promgate:push[^`]*)`/.exec(page) ?? [];
    const words = `on >secret resetkeys -@all ${rights} -info`;
    await client.call('acl', 'setuser', 'promgate', ...words.split(' '));
    const url = server.url.replace('//', '//promgate:secret@');
    await using one = promgate(url, { prefix: 'promgate' });
    await using two = promgate(url, { prefix: 'promgate' });
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

    await two.ledger.open();
    assert.deepEqual(two.ledger.numbers, { a: 3 });
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

  it('answers nothing more once it is closed', async function () {
    await using server = await startRedisServer(this);
    await using one = promgate(server.url);
    await one.ledger.push([['a', 1]]);
    await one.journal[Symbol.asyncDispose]();

    await assert.rejects(one.journal.commit([]), { failure: 'ended' });
    await assert.rejects(one.journal.load(), { failure: 'ended' });
  });
});
