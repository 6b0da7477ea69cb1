import assert from 'node:assert/strict';
import { parseRedisUrl } from '../../src/config/redis-url.ts';
import type { BatchStore } from '../../src/push/send/remote-write-store.ts';
import { RedisBatches } from '../../src/store/redis-remote-write.ts';
import { batchStoreContract } from '../push/send/batch-store.contract.ts';
import { openRemote, seeRemote, shortPauses, textSource } from '../push/send/remote.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startReceiver, storesAll } from '../support/remote-receiver.ts';

describe('batches of remote write in Redis', function () {
  this.timeout(SLOW_MS);
  let server: RedisServer;
  let count = 0;
  const openStore = async (name: string): Promise<BatchStore> => {
    const address = parseRedisUrl(server.url);
    assert.ok(address);
    return new RedisBatches({ address, readTls: undefined, prefix: 'promgate', name });
  };

  before(async function () {
    server = await startRedisServer(this);
  });
  after(async () => server?.[Symbol.asyncDispose]());

  batchStoreContract(() => {
    count += 1;
    return openStore(`receiver {${count}}`);
  });

  it('are there when the store is opened anew, with the last id, time and number of lanes', async () => {
    const bytes = Buffer.from([0, 255, 10]);
    const batch = (id: number) => ({ id, lane: 3, lanes: 4, atMs: 5000 + id, samples: 2, bytes });
    {
      await using store = await openStore('anew');
      await store.open();
      await store.append([batch(10), batch(9)]);
    }
    await using store = await openStore('anew');
    await store.open();

    assert.deepEqual(store.last, { id: 10, atMs: 5010, lanes: 4 });
    assert.equal(store.level.batches, 2);
    assert.deepEqual(await store.first(3), batch(9));
  });

  it('are there for the replica that gets the lease', async () => {
    await using receiver = await startReceiver(() => ({ status: 503 }));
    const observers = seeRemote();
    const source = textSource();
    let value = 0;
    const counting = {
      read: () => {
        value += 1;
        source.set(`jobs_total{job="a"} ${value}`);
        return source.read();
      },
    };
    let holder = 'first';
    const open = async (name: string) =>
      openRemote({
        ...{ url: receiver.url, source: counting, observers, clock: shortPauses },
        ...{ store: await openStore('one'), lease: { isHeld: () => holder === name } },
      });
    await using _first = await open('first');
    await eventually('rounds', () => (value > 10 ? true : undefined));
    await using _second = await open('second');
    holder = 'second';
    receiver.reply = storesAll;
    const valueAtEnd = value;
    await eventually(
      'new values',
      () => receiver.stored.some(({ samples }) => samples[0]!.value > valueAtEnd + 3) || undefined,
    );

    const samples = receiver.stored.flatMap((series) => series.samples);
    const times = samples.map(({ atMs }) => atMs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.equal(samples[0]?.value, 1);
    const lost = observers.lines
      .filter((line) => line.startsWith('dropped'))
      .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
    assert.ok(lost <= 2, `${lost} samples of the last round`);
    assert.equal(new Set(samples.map((one) => one.value)).size + lost, samples.at(-1)?.value);
  });

  it('cost nothing but older samples while Redis is away', async function () {
    await using redis = await startRedisServer(this);
    const address = parseRedisUrl(redis.url);
    assert.ok(address);
    const store = new RedisBatches({ address, readTls: undefined, prefix: 'p', name: 'away' });
    await using receiver = await startReceiver();
    const observers = seeRemote();
    const source = textSource('jobs_total{job="a"} 5');
    await using _remote = openRemote({ url: receiver.url, source, observers, store });
    await receiver.received(2);
    await redis.goDown();

    await receiver.received(receiver.requests.length + 3);
    assert.ok(receiver.stored.length >= 5);
  });
});
