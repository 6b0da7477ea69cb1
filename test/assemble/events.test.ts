/** Events of requests to a mock of Kafka, and what happens when it fails. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { openEvents } from '../../src/assemble/events.ts';
import { readConfig } from '../../src/config/config.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import type { RequestEvent } from '../../src/telemetry/request-event.ts';
import { closedAddress, listen } from '../fetch/instance-server.ts';
import { eventually } from '../support/eventually.ts';
import { startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { recordLog } from '../support/promgate.ts';
import { refusingBroker } from '../support/refusing-broker.ts';
import { hasLines } from '../telemetry/has-lines.ts';

const EVENT: RequestEvent = {
  atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  method: 'GET',
  path: '/products?page=2',
  status: 200,
  cache: 'HIT',
  durationMs: 1.26,
  bytes: 512,
  origin: 'http://origin.example:8080',
};
const TAKEN = 'Kafka takes the events of requests';

async function open(brokers: readonly string[] | undefined, more: object = {}) {
  const values = brokers ? { kafka: { brokers, ...more } } : {};
  const { kafka } = await readConfig({ values, memoryBytes: 2 ** 30 });
  const { log, lines } = recordLog();
  const registry = new MetricRegistry();
  const cut = new AbortController();
  const part = await openEvents(kafka, { log, registry, cut, authorities: async () => [] });
  const metric = async (series: string): Promise<number> => {
    const line = (await registry.print()).split('\n').find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  };
  return {
    ...part,
    lines,
    registry,
    metric,
    state: () => part.mentions?.['kafka']?.(),
    emitAll: (count: number, path = (index: number) => `/p${index}`) => {
      for (let index = 0; index < count; index += 1) {
        part.record({ ...EVENT, path: path(index) });
      }
    },
    untilLogged: (part: string) =>
      eventually(`"${part}" in the log`, () => lines.find(({ message }) => message.includes(part))),
    untilSent: (count: number) =>
      eventually(
        `${count} sent events`,
        async () => (await metric('promgate_request_events_sent_total')) >= count || undefined,
        { timeoutMs: 60_000 },
      ),
  };
}

describe('openEvents', function () {
  this.timeout(SLOW_MS);

  it('sends one event per request, with its path as the key and its secrets masked', async function () {
    await using broker = await startKafkaBroker(this);
    await using kafka = await open([broker.address]);
    kafka.record(EVENT);
    kafka.record({
      ...EVENT,
      path: '/login?token=secret&x=1',
      cache: undefined,
      origin: 'http://me:secret@o',
    });
    await kafka.untilSent(2);

    const events = await broker.consume('log-topic');

    const first = events.find(({ key }) => key === EVENT.path);
    assert.equal(
      first?.value,
      '{"v":1,"time":"2026-01-02T03:04:05.678Z","method":"GET","path":"/products?page=2",' +
        '"status":200,"cache":"HIT","ms":1.3,"bytes":512,"origin":"http://origin.example:8080"}',
    );
    const other = events.find(({ key }) => key === '/login?token=***&x=1');
    assert.match(other?.value ?? '', /"cache":null,.*"origin":"http:\/\/\*\*\*@o"/);
    assert.equal(kafka.state(), 'ready');
    await hasLines(
      kafka.registry,
      'promgate_request_events_sent_total 2',
      'promgate_request_events_queued 0',
      'promgate_request_events_queued_bytes 0',
      'promgate_request_events_ready 1',
    );
  });

  it('loses and repeats none of 20,000 events that a client can take, and flushes at the end', async function () {
    await using broker = await startKafkaBroker(this);
    const kafka = await open([broker.address], { topic: 'many' });
    await kafka.untilLogged(TAKEN);

    for (let round = 0; round < 20; round += 1) {
      const { record } = kafka;
      for (let index = 0; index < 1000; index += 1) {
        record({ ...EVENT, path: `/${round}/${index}` });
      }
      await kafka.untilSent(round * 1000);
    }
    await kafka[Symbol.asyncDispose]();

    const keys = (await broker.consume('many')).map(({ key }) => key);
    assert.equal(keys.length, 20_000);
    assert.equal(new Set(keys).size, 20_000);
    assert.equal(await kafka.metric('promgate_request_events_queued'), 0);
  });

  it('keeps what fits while there is no broker, counts the rest, and ends in time', async () => {
    const kafka = await open([await closedAddress()]);
    const { fields } = await kafka.untilLogged('Kafka does not take the events');
    assert.equal(fields['failure'], 'unreachable');
    assert.match(String(fields['advice']), /kafka\.brokers/);

    const beganMs = performance.now();
    kafka.emitAll(30_000);
    const perEventUs = ((performance.now() - beganMs) * 1000) / 30_000;

    assert.ok(perEventUs < 50, `${perEventUs} us`);
    await hasLines(
      kafka.registry,
      'promgate_request_events_queued 10000',
      'promgate_request_events_dropped_total{cause="overflow"} 20000',
      'promgate_request_events_ready 0',
    );
    assert.equal(kafka.state(), 'away');
    const endMs = performance.now();
    await kafka[Symbol.asyncDispose]();
    assert.ok(performance.now() - endMs < 3_500);
    kafka.record(EVENT);
    await hasLines(
      kafka.registry,
      'promgate_request_events_dropped_total{cause="stopped"} 10001',
      'promgate_request_events_queued 0',
    );
    const warnings = kafka.lines.filter(({ level }) => level === 'warn');
    assert.equal(warnings.length, 1);
  });

  it('sends what waited when a broker that hung goes on', async function () {
    await using broker = await startKafkaBroker(this);
    await using kafka = await open([broker.address]);
    kafka.emitAll(10);
    await kafka.untilSent(10);

    await broker.hang();
    kafka.emitAll(700, (index) => `/hung/${index}`);
    const { fields } = await kafka.untilLogged('Kafka does not take the events');
    assert.equal(fields['failure'], 'timeout');
    assert.equal(await kafka.metric('promgate_request_events_queued'), 700);
    broker.goOn();

    await kafka.untilSent(710);
    const keys = (await broker.consume('log-topic')).map(({ key }) => key);
    assert.equal(new Set(keys).size, 710);
  });

  it('ends within 2 s and a little while a broker hangs with a batch', async function () {
    await using broker = await startKafkaBroker(this);
    const kafka = await open([broker.address]);
    await kafka.untilLogged(TAKEN);
    await broker.hang();
    kafka.emitAll(700);

    const beganMs = performance.now();
    await kafka[Symbol.asyncDispose]();

    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs < 3_500, `${tookMs} ms`);
    await hasLines(
      kafka.registry,
      'promgate_request_events_dropped_total{cause="stopped"} 700',
      'promgate_request_events_queued 0',
    );
    broker.goOn();
  });

  it('outlives a broker that is killed with a batch under way', async function () {
    await using broker = await startKafkaBroker(this);
    await using kafka = await open([broker.address]);
    await kafka.untilLogged(TAKEN);
    kafka.emitAll(5_000);
    await kafka.untilSent(500);

    await broker.goDown();
    kafka.emitAll(5_000);

    await kafka.untilLogged('Kafka does not take the events');
    const queued = await kafka.metric('promgate_request_events_queued');
    const sent = await kafka.metric('promgate_request_events_sent_total');
    assert.equal(queued + sent, 10_000);
  });

  it('warns once of brokers that refuse events, counts these, and stays ready', async () => {
    await using broker = await listen(refusingBroker({ produce: 10 }));
    await using kafka = await open([broker.address]);
    await kafka.untilLogged(TAKEN);

    kafka.emitAll(20);

    await eventually(
      'all to be dropped',
      async () =>
        (await kafka.metric('promgate_request_events_dropped_total{cause="refused"}')) === 20 ||
        undefined,
    );
    const warnings = kafka.lines.filter(({ level }) => level === 'warn');
    assert.deepEqual(
      warnings.map(({ fields }) => fields['failure']),
      ['refused'],
    );
    assert.match(String(warnings[0]?.fields['advice']), /message\.max\.bytes/);
    assert.equal(kafka.state(), 'ready');
  });

  it('outlives what answers and is no broker', async () => {
    const answers = [
      'HTTP/1.1 400 Bad Request\r\n\r\n',
      '\x00\x00\x00\x04\x00\x00\x00\x01',
      '\x00\x00\x00\x00'.repeat(10),
      '\x7f\xff\xff\xffxxxxxxxx',
      '\xff'.repeat(100),
      `\x00\x00\x01\x00${'\x7f'.repeat(256)}`,
    ];
    await Promise.all(
      answers.map(async (answer) => {
        await using server = await listen(
          createServer((socket) => {
            socket.on('error', () => undefined); // the client cuts it
            socket.on('data', () => socket.write(answer, 'latin1'));
          }),
        );
        await using kafka = await open([server.address], {
          sasl: { username: 'me', password: 'secret' },
        });
        kafka.emitAll(10);

        await kafka.untilLogged('Kafka does not take the events');
        assert.equal(await kafka.metric('promgate_request_events_queued'), 10);
        assert.doesNotMatch(JSON.stringify(kafka.lines), /secret/);
      }),
    );
  });

  it('costs nothing without kafka.brokers', async () => {
    await using kafka = await open(undefined);

    kafka.record(EVENT);

    assert.deepEqual(kafka.mentions, {});
    assert.doesNotMatch(await kafka.registry.print(), /event/);
  });
});
