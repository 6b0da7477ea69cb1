/** The endpoint cache with Kafka, which gets an event per request, and with Redis, which takes purges. */
import assert from 'node:assert/strict';
import { pageOf } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startServer } from '../support/simulated-server.ts';

const ENDPOINTS = {
  endpoints: { allow: ['localhost'], allow_private: ['127.0.0.0/8', '::1'] },
  cache: { ttl: '1h' },
};

const startExporter = async () => {
  let count = 0;
  const server = await startServer(pageOf(() => `asked ${++count}\n`));
  return { server, name: server.address.replace(/^[^:]+/, 'localhost') };
};

const read = async (promgate: PromgateProcess, endpoint: string) => {
  const answer = await promgate.get(`/metrics?endpoint=${encodeURIComponent(endpoint)}`);
  await answer.arrayBuffer();
  return { status: answer.status, cache: answer.headers.get('X-Cache') };
};

describe('the endpoint cache', function () {
  this.timeout(SLOW_MS);

  it('sends one event per request to Kafka, hits and refusals too, with credentials masked', async function () {
    await using broker = await startKafkaBroker(this);
    const { server, name } = await startExporter();
    await using _ = server;
    const values = { ...ENDPOINTS, kafka: { brokers: [broker.address] } };
    await using promgate = await startPromgateProcess({ values, untilReady: false });
    await promgate.untilLogged('Kafka takes the events of requests');

    for (let i = 0; i < 4; i += 1) await read(promgate, `http://${name}/m?token=Qz7Wk9Xv`);
    await read(promgate, 'http://10.1.2.3:9100/m');
    await read(promgate, `http://me:Qz7Wk9Xv@${name}/m`);

    await eventually(
      'six events',
      async () => (await promgate.metric('promgate_request_events_sent_total')) === 6 || undefined,
    );
    const sent = (await broker.consume('log-topic')).map(({ value }) => JSON.parse(value));
    assert.deepEqual(sent.map(({ status, cache }) => `${status} ${cache}`).sort(), [
      ...['200 HIT', '200 HIT', '200 HIT', '200 MISS', '400 null', '403 null'],
    ]);
    assert.equal(sent.filter(({ origin }) => origin === `http://${name}`).length, 4);
    assert.doesNotMatch(JSON.stringify(sent), /Qz7Wk9Xv/);
    assert.ok(sent.some(({ path }) => path.includes(encodeURIComponent('/m?token=***'))));
  });

  it('is purged in all replicas', async function () {
    await using redis = await startRedisServer(this);
    const { server, name } = await startExporter();
    await using _ = server;
    const values = { ...ENDPOINTS, redis: { url: redis.url } };
    await using one = await startPromgateProcess({ values, untilReady: false });
    await using two = await startPromgateProcess({ values, untilReady: false });
    for (const replica of [one, two]) {
      await replica.untilLogged('the replicas are connected through Redis');
      await read(replica, `http://${name}/m`);
      assert.equal((await read(replica, `http://${name}/m`)).cache, 'HIT');
    }

    const answer = await one.get('/-/purge?all', { method: 'POST' });

    assert.deepEqual(await answer.json(), { purged: 1, redis: 'ready' });
    await eventually('the purge', async () =>
      (await read(two, `http://${name}/m`)).cache === 'MISS' ? true : undefined,
    );
    assert.equal((await read(one, `http://${name}/m`)).cache, 'MISS');
  });
});
