/** promgate with Kafka, as a process of its own. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type PromgateProcess, startPromgateProcess } from '../support/promgate-process.ts';

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
});
