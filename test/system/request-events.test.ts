/** promgate with Kafka, as a process of its own. */
import assert from 'node:assert/strict';
import { pageOf } from '../support/answers.ts';
import { eventually } from '../support/eventually.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';
import { startProxyUser } from '../support/proxy-process.ts';
import { startApp } from '../support/running-app.ts';

const stateOf = async (promgate: PromgateProcess): Promise<unknown> => {
  const answer = await promgate.get('/readyz');
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { kafka?: unknown }).kafka;
};

describe('promgate with Kafka', function () {
  this.timeout(SLOW_MS);

  it('is ready whatever Kafka does, writes nothing on standard error, and stops in time', async function () {
    await using broker = await startKafkaBroker(this);
    const values = { kafka: { brokers: [broker.address] }, routes: {} };
    await using promgate = await startPromgateProcess({ values });
    await promgate.untilLogged('Kafka takes the events of requests');
    assert.equal(await stateOf(promgate), 'ready');
    assert.equal(await promgate.metric('promgate_request_events_ready'), 1);

    await broker.hang();
    await promgate.untilLogged(
      'Kafka does not take the events of requests: promgate keeps some, and tries again',
      { failure: 'timeout' },
    );
    assert.equal(await stateOf(promgate), 'away');
    broker.goOn();
    await eventually('Kafka to be back', async () =>
      (await stateOf(promgate)) === 'ready' ? true : undefined,
    );
    await broker.goDown();

    const beganMs = performance.now();
    promgate.kill('SIGTERM');
    const { code } = await promgate.exited;
    assert.equal(code, 0);
    assert.ok(performance.now() - beganMs < 5_000);
    assert.equal(promgate.errors, '');
  });

  it('starts without Kafka, and says once what to do', async () => {
    const values = { kafka: { brokers: ['127.0.0.1:1'] }, routes: {} };
    await using promgate = await startPromgateProcess({ values });

    const { advice } = await promgate.untilLogged(
      'Kafka does not take the events of requests: promgate keeps some, and tries again',
    );

    assert.match(String(advice), /kafka\.brokers/);
    assert.equal(await stateOf(promgate), 'away');
    assert.equal(promgate.errors, '');
  });

  it('has an event of each request for an endpoint, kept or not', async function () {
    await using broker = await startKafkaBroker(this);
    await using exporter = await startApp({ name: 'exporter' }, [pageOf(() => 'up 1\n')]);
    const endpoint = exporter.addresses[0]!;
    const endpoints = { allow: [endpoint], allow_private: ['127.0.0.0/8'] };
    const values = { kafka: { brokers: [broker.address] }, routes: {}, endpoints };
    await using promgate = await startPromgateProcess({ values });
    await promgate.untilLogged('Kafka takes the events of requests');

    const path = `/metrics?endpoint=${endpoint}&token=s3cret`;
    for (let count = 0; count < 3; count++) await (await promgate.get(path)).text();
    await (await promgate.get('/metrics?endpoint=169.254.169.254')).text();
    const events = await eventually('four events', async () => {
      const all = await broker.consume('log-topic').catch(() => []);
      return all.length === 4 ? all.map(({ value }) => JSON.parse(value)) : undefined;
    });

    const told = events.map(({ status, cache }) => `${status} ${cache}`).sort();
    assert.deepEqual(told, ['200 HIT', '200 HIT', '200 MISS', '403 null']);
    assert.ok(!JSON.stringify(events).includes('s3cret'));
  });

  it('has an event of each request of the caching proxy', async function () {
    await using broker = await startKafkaBroker(this);
    await using origin = await startApp({ name: 'origin' }, [pageOf(() => 'up 1\n')]);
    await using user = await startProxyUser();
    const flags = ['--origin', `http://${origin.addresses[0]}`];
    const kafka = { PROMGATE_KAFKA_BROKERS: broker.address };
    await using proxy = await user.start(flags, kafka);

    for (let count = 0; count < 3; count++) await proxy.mark('/page?a=1');
    const events = await eventually('three events', async () => {
      const all = await broker.consume('log-topic').catch(() => []);
      return all.length === 3 ? all : undefined;
    });

    assert.deepEqual([...new Set(events.map(({ key }) => key))], ['/page?a=1']);
    const caches = events.map(({ value }) => JSON.parse(value).cache);
    assert.deepEqual(caches, ['MISS', 'HIT', 'HIT']);
  });
});
