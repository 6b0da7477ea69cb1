/** Leases in Debian's redis-server, over time that stands still until a test moves it. */
import assert from 'node:assert/strict';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import { type Lease, openLease } from '../../src/store/redis-lease.ts';
import { RedisSession } from '../../src/store/redis-session.ts';
import { eventually } from '../support/eventually.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { startForwarder } from '../support/forwarder.ts';
import { SLOW_MS } from '../support/limits.ts';
import { redisClient } from '../support/redis-client.ts';
import { startRedisServer } from '../support/redis-server.ts';

const KEY = 'test:lease';
/** Redis itself does not end a lease in the time of a test. */
const TTL_MS = 600_000;

function asker(url: string) {
  const clock = fakeClock();
  let failures = 0;
  const session = new RedisSession({
    ...{ address: parseRedisUrl(url), readTls: undefined },
    onFailure: () => failures++,
  });
  const told: boolean[] = [];
  const errors: unknown[] = [];
  let answers = 0;
  const counted = Object.assign(Object.create(session) as RedisSession, {
    run: async (...call: Parameters<RedisSession['run']>) => {
      const answer = await session.run(...call);
      answers += 1;
      return answer;
    },
  });
  const lease = openLease({
    ...{ session: counted, key: KEY, ttlMs: TTL_MS, clock },
    onChange: (isHeld) => told.push(isHeld),
    onError: (error) => errors.push(error),
  });
  const asked = (times: number) =>
    eventually('an answer', () => (answers >= times && clock.sleeping.length > 0) || undefined);
  return {
    ...{ clock, lease, told, errors, asked, failures: () => failures },
    async [Symbol.asyncDispose]() {
      await lease[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
    },
  };
}

function held(lease: Lease): Promise<true> {
  return eventually('the lease', () => lease.isHeld() || undefined);
}

describe('openLease', function () {
  this.timeout(SLOW_MS);

  it('gives the lease to one at a time, and to the next when it is given back', async function () {
    await using server = await startRedisServer(this);
    await using one = asker(server.url);
    await held(one.lease);
    await using two = asker(server.url);
    await two.asked(1);
    assert.equal(two.lease.isHeld(), false);

    await one.lease[Symbol.asyncDispose]();
    await two.clock.advance(TTL_MS / 3);

    await held(two.lease);
    assert.deepEqual([one.lease.isHeld(), one.told, two.told], [false, [true, false], [true]]);
  });

  it('ends before Redis ends it, unless it is renewed', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = asker(server.url);
    await held(one.lease);
    assert.ok(one.lease.heldForMs() <= 0.9 * TTL_MS);
    const leftMs = await client.pttl(KEY);
    assert.ok(leftMs > 0.9 * TTL_MS - SLOW_MS && leftMs <= TTL_MS, `${leftMs} ms`);

    await one.asked(1);
    await one.clock.advance(TTL_MS / 3);
    await one.asked(2);
    await one.clock.advance(TTL_MS / 3);
    await one.asked(3);
    assert.equal(one.lease.heldForMs(), 0.9 * TTL_MS);

    await server.goDown();
    await eventually('a failed attempt', () => one.failures() > 1 || undefined);
    await one.clock.advance(0.9 * TTL_MS);
    assert.equal(one.lease.isHeld(), false);
    await eventually('to be told', () => one.told.length === 2 || undefined);
    assert.deepEqual(one.told, [true, false]);
    assert.ok(one.errors.length > 0);
  });

  it('is lost when somebody else has it in Redis', async function () {
    await using server = await startRedisServer(this);
    await using client = redisClient(server.url);
    await using one = asker(server.url);
    await held(one.lease);
    await client.set(KEY, 'another');

    await one.clock.advance(TTL_MS / 3);
    await eventually('the loss', () => !one.lease.isHeld() || undefined);

    await one.lease[Symbol.asyncDispose]();
    assert.equal(await client.get(KEY), 'another');
  });

  it('is taken although the answer was lost', async function () {
    await using server = await startRedisServer(this);
    await using cable = await startForwarder(server.url);
    const isLost = cable.lose('answer', (bytes) => bytes.includes(':1\r\n'));
    await using one = asker(cable.urlOf(server.url));

    await isLost;
    await held(one.lease);
  });

  it('keeps nobody waiting who ends while Redis is frozen', async function () {
    await using server = await startRedisServer(this);
    await using one = asker(server.url);
    await held(one.lease);
    await server.hang();

    await one.lease[Symbol.asyncDispose]();

    assert.equal(one.lease.isHeld(), false);
    assert.equal(one.errors.length, 1);
  });
});
