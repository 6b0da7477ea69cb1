/** The caching proxy, as a process of its own, that sends events of its requests to Kafka. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { type KafkaBroker, startKafkaBroker } from '../support/kafka-broker.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type Program, runPromgate } from '../support/program.ts';
import { startOrigin } from '../support/proxy.ts';

interface Line {
  readonly msg?: string;
  readonly url?: string;
  readonly metrics_url?: string;
}

interface SentEvent {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly cache: string | null;
  readonly origin: string | null;
}

async function startProxy(origin: string, kafka: string) {
  const program = runPromgate(
    ['proxy', '--host', '127.0.0.1', '--port', '0', '--metrics-port', '0', '--origin', origin],
    { environment: { PROMGATE_KAFKA_BROKERS: kafka } },
  );
  const untilLogged = (msg: string): Promise<Line> =>
    eventually(`"${msg}" in the log`, () =>
      linesOf(program).find((line) => line.msg?.includes(msg)),
    );
  const { url = '', metrics_url = '' } = await untilLogged('promgate listens');
  const metric = async (series: string): Promise<number> => {
    const page = await (await fetch(`${metrics_url}/metrics`)).text();
    const line = page.split('\n').find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  };
  const get = async (path: string, init?: RequestInit): Promise<number> => {
    const answer = await fetch(url + path, init);
    await answer.arrayBuffer();
    return answer.status;
  };
  return {
    ...{ program, untilLogged, metric, get },
    untilSent: (count: number) =>
      eventually(
        `${count} sent events`,
        async () => (await metric('promgate_request_events_sent_total')) >= count || undefined,
      ),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

function linesOf({ lines }: Program): Line[] {
  return lines.map((line) => JSON.parse(line));
}

async function eventsOf(broker: KafkaBroker): Promise<SentEvent[]> {
  return (await broker.consume('log-topic')).map(({ value }) => JSON.parse(value));
}

describe('promgate proxy with Kafka', function () {
  this.timeout(SLOW_MS);

  const startCachedOrigin = () =>
    startOrigin((_, response) => {
      response.setHeader('Cache-Control', 'max-age=3600');
      response.end('a page');
    });

  it('sends one event per request, with its credentials masked, and flushes when it stops', async function () {
    await using broker = await startKafkaBroker(this);
    await using origin = await startCachedOrigin();
    await using proxy = await startProxy(origin.url, broker.address);
    await proxy.untilLogged('Kafka takes the events of requests');

    await proxy.get('/products?page=2&token=Qz7Wk9Xv');
    await proxy.get('/products?page=2&token=Qz7Wk9Xv');
    await proxy.get('/products', { method: 'POST', body: 'x' });
    await proxy.untilSent(3);
    await proxy.get('/last');
    proxy.program.kill('SIGTERM');
    assert.equal((await proxy.program.exited).code, 0);

    const events = await eventsOf(broker);
    const shown = events.map(({ method, path, status, cache }) =>
      [method, path, status, cache].join(' '),
    );
    assert.deepEqual(shown.sort(), [
      'GET /last 200 MISS',
      'GET /products?page=2&token=*** 200 HIT',
      'GET /products?page=2&token=*** 200 MISS',
      'POST /products 200 BYPASS',
    ]);
    assert.ok(events.every((one) => one.origin === origin.url));
    assert.doesNotMatch(JSON.stringify(events), /Qz7Wk9Xv/);
  });

  it('is refused with brokers that cannot be used', async () => {
    const environment = { PROMGATE_KAFKA_BROKERS: '["a b"]' };
    await using program = runPromgate(['proxy', '--origin', 'http://h'], { environment });

    assert.equal((await program.exited).code, 2);
    assert.match(program.errors, /PROMGATE_KAFKA_BROKERS.*kafka\.brokers/);
  });

  it('answers all readers while Kafka hangs or is killed with events under way, and counts what it loses', async function () {
    await using broker = await startKafkaBroker(this);
    await using origin = await startCachedOrigin();
    await using proxy = await startProxy(origin.url, broker.address);
    const readMany = async (count: number): Promise<void> => {
      const statuses = await Promise.all(Array.from({ length: count }, () => proxy.get('/a')));
      assert.ok(statuses.every((status) => status === 200));
    };
    await readMany(1);
    await proxy.untilSent(1);

    await broker.hang();
    await readMany(500);
    assert.equal(await proxy.metric('promgate_request_events_queued'), 500);
    assert.equal(await proxy.metric('promgate_request_events_sent_total'), 1);
    broker.goOn();
    await proxy.untilSent(501);

    const reading = readMany(2_000);
    await broker.goDown();
    await reading;
    await proxy.untilLogged('Kafka does not take the events of requests');
    for (let round = 0; round < 5; round += 1) await readMany(2_000);
    const [queued, sent, lost] = await Promise.all([
      proxy.metric('promgate_request_events_queued'),
      proxy.metric('promgate_request_events_sent_total'),
      proxy.metric('promgate_request_events_dropped_total{cause="overflow"}'),
    ]);
    assert.equal(queued, 10_000);
    assert.equal(sent + queued + lost, 12_501);
    proxy.program.kill('SIGTERM');
    assert.equal((await proxy.program.exited).code, 0);
    assert.equal(proxy.program.errors, '');
  });
});
