/** The loop that sends events, with a transport and a clock of the test's. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RequestEvent } from '../../src/telemetry/request-event.ts';
import { EventSender, type Transport } from '../../src/telemetry/request-events.ts';
import { SendError, type SendFailure } from '../../src/telemetry/send-error.ts';
import { fakeClock } from '../support/fake-clock.ts';

const EVENT: RequestEvent = {
  ...{ atMs: 0, method: 'GET', path: '/', status: 200, cache: 'MISS' },
  ...{ durationMs: 1, bytes: 1, origin: undefined },
};

/** A sender whose transport fails as `answer` says, and all that it did and told. */
function scene(
  answer: (batch: readonly RequestEvent[]) => SendFailure | undefined | Promise<never>,
) {
  const clock = fakeClock();
  const batches: (readonly string[])[] = [];
  const told: string[] = [];
  const failures: SendFailure[] = [];
  let underWay = 0;
  let checks = 0;
  let isDisposed = false;
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined); // only some tests wait for it
  const ask = async (batch: readonly RequestEvent[]): Promise<void> => {
    underWay += 1;
    assert.equal(underWay, 1, 'one flight at a time');
    try {
      const failure = await Promise.race([answer(batch), stopped.promise]);
      if (failure !== undefined) throw new SendError(failure, failure);
    } finally {
      underWay -= 1;
    }
  };
  const transport: Transport = {
    check: () => {
      checks += 1;
      return ask([]);
    },
    send: (events) => {
      batches.push(events.map(({ path }) => path));
      return ask(events);
    },
    [Symbol.asyncDispose]: async () => {
      isDisposed = true;
      stopped.reject(new SendError('timeout', 'stopped'));
    },
  };
  const stopping = new AbortController();
  const sender = new EventSender({
    transport,
    clock,
    stopping: stopping.signal,
    onSent: (count) => told.push(`sent ${count}`),
    onDropped: (cause, count) => told.push(`${cause} ${count}`),
    onReady: () => told.push('ready'),
    onFailure: ({ failure }) => failures.push(failure),
  });
  const emit = (...paths: readonly string[]) => {
    for (const path of paths) sender.record({ ...EVENT, path });
  };
  return {
    ...{ clock, batches, told, failures, sender, emit, stopping },
    get checks() {
      return checks;
    },
    get isDisposed() {
      return isDisposed;
    },
  };
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`);

describe('EventSender', () => {
  it('sends what 50 ms gather, or 500 events at once', async () => {
    const { clock, batches, emit, told, sender } = scene(() => undefined);
    await clock.advance(0);
    emit('/a');
    await clock.advance(49);
    emit('/b');
    assert.deepEqual(batches, []);

    await clock.advance(1);
    assert.deepEqual(batches, [['/a', '/b']]);
    emit(...many(1001));
    await clock.advance(0);

    assert.deepEqual(
      batches.map(({ length }) => length),
      [2, 500, 500],
    );
    await clock.advance(50);
    assert.deepEqual(told, ['ready', 'sent 2', 'sent 500', 'sent 500', 'sent 1']);
    assert.deepEqual(sender.queued, { events: 0, bytes: 0 });
  });

  it('bounds a batch by bytes', async () => {
    const { clock, batches, emit } = scene(() => undefined);
    await clock.advance(0);
    emit(...Array.from({ length: 40 }, () => `/${'x'.repeat(16_000)}`));
    await clock.advance(0);

    assert.deepEqual(
      batches.map(({ length }) => length),
      [16, 16],
    );
    await clock.advance(50);
    assert.equal(batches.flat().length, 40);
  });

  it('checks the connection every 10 s while there are no events', async () => {
    const one = scene(() => undefined);
    await one.clock.advance(30_500);

    assert.equal(one.checks, 4);
    assert.equal(one.sender.state, 'ready');
  });

  it('pauses for 1 s to 30 s after failures, keeps the batch, and sends it again in order', async () => {
    let fails = true;
    const { clock, batches, emit, failures, told, sender } = scene(() =>
      fails ? 'unreachable' : undefined,
    );
    emit('/a');
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      await clock.advance(0);
      assert.equal(failures.length, attempt);
      pauses.push(clock.sleeping[0]!); // the loop pauses
      await clock.advance(pauses.at(-1)!);
    }
    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    assert.equal(sender.state, 'away');
    emit('/b');

    fails = false;
    await clock.advance(30_000);
    await clock.advance(50);

    assert.deepEqual(batches.at(-1), ['/a', '/b']);
    assert.deepEqual(told, ['ready', 'sent 2']);
  });

  it('takes no event beyond the bounds, and says so at once', () => {
    const { emit, told, sender } = scene(() => new Promise<never>(() => undefined));
    emit(...many(10_002));

    assert.deepEqual(told, ['overflow 1', 'overflow 1']);
    assert.equal(sender.queued.events, 10_000);

    const large = scene(() => new Promise<never>(() => undefined));
    large.emit(...Array.from({ length: 1000 }, () => `/${'x'.repeat(10_000)}`));

    assert.ok(large.sender.queued.bytes <= 4 * 1024 * 1024);
    assert.ok(large.sender.queued.bytes > 4 * 1024 * 1024 - 21_000);
  });

  it('finds the event that the brokers refuse, and sends all others', async () => {
    const { clock, batches, emit, told } = scene((batch) =>
      batch.some(({ path }) => path === '/7') ? 'refused' : undefined,
    );
    await clock.advance(0);
    emit(...many(20));
    await clock.advance(20_000);

    assert.ok(told.includes('refused 1'));
    const sent = told
      .filter((one) => one.startsWith('sent'))
      .reduce((sum, one) => sum + Number(one.slice(5)), 0);
    assert.equal(sent, 19);
    assert.ok(batches.length < 20, `${batches.length} batches`);
  });

  it('pauses when the brokers refuse everything, and is ready all the same', async () => {
    const { clock, batches, emit, told, failures } = scene((batch) =>
      batch.length > 0 ? 'refused' : undefined,
    );
    await clock.advance(0);
    emit(...many(5_000));

    await clock.advance(10 * 60_000);

    assert.ok(batches.length < 60, `${batches.length} batches`);
    assert.ok(failures.every((one) => one === 'refused'));
    assert.deepEqual(
      told.filter((one) => one !== 'refused 1'),
      ['ready'],
    );
  });

  it('drops a batch at which the client crashes, and goes on', async () => {
    let crashes = true;
    const { clock, emit, told } = scene((batch) =>
      batch.length > 0 && crashes ? 'crashed' : undefined,
    );
    await clock.advance(0);
    emit('/a', '/b');
    await clock.advance(50);
    crashes = false;
    emit('/c');
    await clock.advance(2_000);

    assert.deepEqual(told, ['ready', 'crashed 2', 'ready', 'sent 1']);
  });

  it('sends at the end what waits, and takes no more', async () => {
    const one = scene(() => undefined);
    await one.clock.advance(0);
    one.emit(...many(1200));

    await one.sender[Symbol.asyncDispose]();
    one.emit('/late');

    assert.deepEqual(one.told, ['ready', 'sent 500', 'sent 500', 'sent 200', 'stopped 1']);
    assert.ok(one.isDisposed);
  });

  it('waits for 2 s at the end at most', async () => {
    const one = scene((batch) =>
      batch.length === 0 ? undefined : new Promise<never>(() => undefined),
    );
    await one.clock.advance(0);
    one.emit('/a', '/b');
    await one.clock.advance(50);
    const ended = one.sender[Symbol.asyncDispose]();
    await one.clock.advance(1_999);
    assert.equal(one.isDisposed, false);
    await one.clock.advance(1);
    await ended;

    assert.deepEqual(one.told, ['ready', 'stopped 2']);
  });

  it('has less time at the end if all else took its time', async () => {
    const one = scene((batch) =>
      batch.length === 0 ? undefined : new Promise<never>(() => undefined),
    );
    await one.clock.advance(0);
    one.emit('/a');
    one.stopping.abort();
    await one.clock.advance(1_900);
    const ended = one.sender[Symbol.asyncDispose]();
    await one.clock.advance(499);
    assert.equal(one.isDisposed, false);
    await one.clock.advance(1);
    await ended;

    assert.deepEqual(one.told, ['ready', 'stopped 1']);
  });

  it('loses no event unless it says so, whatever fails', async () => {
    const failure = fc.constantFrom<SendFailure | undefined>(
      ...([undefined, undefined, 'unreachable', 'timeout', 'refused', 'crashed', 'auth'] as const),
    );
    const step = fc.record({ emits: fc.nat(700), waitMs: fc.nat(3000) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(failure, { minLength: 1, maxLength: 30 }),
        fc.array(step, { maxLength: 20 }),
        async (answers, steps) => {
          let asked = 0;
          const one = scene(() => answers[asked++ % answers.length]);
          let emitted = 0;
          for (const { emits, waitMs } of steps) {
            one.emit(...many(emits));
            emitted += emits;
            assert.ok(one.sender.queued.events <= 10_000);
            await one.clock.advance(waitMs);
          }
          const ended = one.sender[Symbol.asyncDispose]();
          await one.clock.advance(2_000);
          await ended;

          const counted = one.told
            .filter((line) => line !== 'ready')
            .reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
          assert.equal(counted, emitted);
          assert.deepEqual(one.sender.queued, { events: 0, bytes: 0 });
        },
      ),
      { numRuns: 50 },
    );
  });
});
