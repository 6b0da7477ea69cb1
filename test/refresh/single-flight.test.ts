import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LateError, type Run, type Waiter } from '../../src/refresh/flight.ts';
import { SingleFlight } from '../../src/refresh/single-flight.ts';
import { FakeTimers, settle } from './fake-timers.ts';

interface Begun {
  readonly run: Run<string>;
  readonly land: (value: string) => void;
  readonly fail: (error: Error) => void;
}

function open() {
  const timers = new FakeTimers();
  const flights = new SingleFlight<string>({ timers });
  const begun: Begun[] = [];
  const load = (run: Run<string>): Promise<string> =>
    new Promise((resolve, reject) => {
      begun.push({ run, land: resolve, fail: reject });
      run.signal.addEventListener('abort', () => reject(run.signal.reason));
    });
  const waiter = (deadlineMs = 1000) => {
    const leave = new AbortController();
    const hurry = new AbortController();
    return { deadlineMs, signal: leave.signal, hurry: hurry.signal, leave, rush: hurry };
  };
  const get = (key: string, one: Waiter) => flights.get(key, one, load);
  return { timers, flights, begun, load, waiter, get };
}

describe('SingleFlight', () => {
  it('loads once for all who ask at the same time', async () => {
    const { begun, waiter, get } = open();

    const all = [get('a', waiter()), get('a', waiter()), get('b', waiter())];
    assert.equal(begun.length, 2);
    begun[0]?.land('A');
    begun[1]?.land('B');

    assert.deepEqual(await Promise.all(all), [
      { value: 'A', how: 'own' },
      { value: 'A', how: 'shared' },
      { value: 'B', how: 'own' },
    ]);
  });

  it('loads again for who asks after the load has ended', async () => {
    const { begun, waiter, get } = open();
    const first = get('a', waiter());
    begun[0]?.land('1');
    await first;

    const second = get('a', waiter());
    begun[1]?.land('2');

    assert.deepEqual(await second, { value: '2', how: 'own' });
  });

  it('runs to the longest deadline, and gives each at its own what there is', async () => {
    const { timers, begun, waiter, get } = open();
    const short = get('a', waiter(1000));
    assert.equal(begun[0]?.run.deadlineMs, 1000);
    const long = get('a', waiter(3000));
    assert.equal(begun[0]?.run.deadlineMs, 3000);
    begun[0]?.run.offer(async () => 'a part');

    await timers.pass(1000);
    assert.deepEqual(await short, { value: 'a part', how: 'late' });
    begun[0]?.land('all');

    assert.deepEqual(await long, { value: 'all', how: 'shared' });
    assert.equal(begun[0]?.run.hurry.aborted, false);
  });

  it('lets nobody join a load that began long ago, or that somebody could not wait for', async () => {
    const { timers, begun, waiter, get } = open();
    const ask = (deadlineMs: number) => void get('a', waiter(deadlineMs)).catch(() => undefined);

    ask(60_000);
    await timers.pass(4_999);
    ask(60_000);
    assert.equal(begun.length, 1);
    await timers.pass(1);
    ask(60_000);
    assert.equal(begun.length, 2);
    ask(6_000);
    await timers.pass(1_000);
    ask(60_000);

    assert.equal(begun.length, 3);
  });

  it('never gives old answers to readers who follow each other, while a load hangs', async () => {
    const { timers, flights } = open();
    const load = (run: Run<string>): Promise<string> =>
      new Promise((resolve) => {
        const began = String(timers.nowMs());
        run.offer(async () => began);
        run.hurry.addEventListener('abort', () => resolve(began));
      });
    const oldest: number[] = [];
    const ask = async (): Promise<void> => {
      const waiter = { deadlineMs: timers.nowMs() + 10_000, signal: new AbortController().signal };
      const { value } = await flights.get('a', waiter, load);
      oldest.push(timers.nowMs() - Number(value));
    };

    for (let round = 0; round < 10; round++) {
      void ask();
      await timers.pass(7_000);
      void ask();
      await timers.pass(8_000);
    }
    await timers.pass(10_000);

    assert.equal(oldest.length, 20);
    assert.ok(Math.max(...oldest) <= 15_000, `${oldest}`);
  });

  it('lets all wait for a load that ends soon', async () => {
    const { timers, begun, waiter, get } = open();
    const short = get('a', waiter(1000));
    const long = get('a', waiter(3000));
    begun[0]?.run.offer(async () => 'a part');
    begun[0]?.run.endsSoon();

    await timers.pass(1000);
    begun[0]?.land('all');

    assert.deepEqual(await short, { value: 'all', how: 'own' });
    assert.deepEqual(await long, { value: 'all', how: 'shared' });
  });

  it('tells who cannot wait that nothing is there', async () => {
    const { timers, begun, waiter, get } = open();
    const short = get('a', waiter(1000));
    const long = get('a', waiter(3000));

    const refused = assert.rejects(short, LateError);
    await timers.pass(1000);
    await refused;
    begun[0]?.land('all');

    assert.equal((await long).value, 'all');
  });

  it('hurries the load at the deadline of the last, and lets nobody join it then', async () => {
    const { timers, begun, waiter, get } = open();
    const last = get('a', waiter(1000));

    await timers.pass(1000);
    assert.equal(begun[0]?.run.hurry.aborted, true);
    const next = get('a', waiter(5000));
    assert.equal(begun.length, 2);
    begun[0]?.land('what came');
    begun[1]?.land('new');

    assert.deepEqual(await last, { value: 'what came', how: 'own' });
    assert.deepEqual(await next, { value: 'new', how: 'own' });
  });

  it('ends the load when the last has left, not before', async () => {
    const { begun, waiter, get } = open();
    const [one, two] = [waiter(), waiter()];
    const left = assert.rejects(get('a', one), { name: 'AbortError' });
    const also = assert.rejects(get('a', two), { name: 'AbortError' });

    one.leave.abort();
    await left;
    assert.equal(begun[0]?.run.signal.aborted, false);
    two.leave.abort();
    await also;

    assert.equal(begun[0]?.run.signal.aborted, true);
  });

  it('takes a waiter that is in a hurry for one whose deadline is now', async () => {
    const { begun, waiter, get } = open();
    const [one, two] = [waiter(), waiter()];
    const first = get('a', one);
    const second = get('a', two);
    begun[0]?.run.offer(async () => 'a part');

    one.rush.abort();
    assert.equal((await first).how, 'late');
    two.rush.abort();
    assert.equal(begun[0]?.run.hurry.aborted, true);
    begun[0]?.land('all');

    assert.equal((await second).value, 'all');
  });

  it('fails for all when the load fails', async () => {
    const { begun, waiter, get } = open();
    const all = [get('a', waiter()), get('a', waiter())].map((one) =>
      assert.rejects(one, /it broke/),
    );

    begun[0]?.fail(new Error('it broke'));

    await Promise.all(all);
  });

  it('keeps requests of a key apart after an answer that must not be shared', async () => {
    const { timers, flights, begun, waiter, get } = open();
    flights.keepApart('a');

    for (const one of [get('a', waiter()), get('a', waiter())]) one.catch(() => undefined);
    assert.equal(begun.length, 2);
    await timers.pass(10_000);
    for (const one of [get('a', waiter()), get('a', waiter())]) one.catch(() => undefined);

    assert.equal(begun.length, 3);
  });

  it('shares each load among those who asked while it ran, whatever happens in which order', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ ask: fc.constantFrom('a', 'b') }) },
      { weight: 2, arbitrary: fc.record({ leave: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ land: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.integer({ min: 1, max: 700 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const timers = new FakeTimers();
        const held = new Map<object, number>();
        const retain = (value: object): void => void held.set(value, (held.get(value) ?? 0) + 1);
        const release = (value: object): void => void held.set(value, held.get(value)! - 1);
        const flights = new SingleFlight<{ key: string }>({ timers, retain, release });
        const loads: { key: string; atMs: number; done: boolean; land: () => void }[] = [];
        const waiting: { leave: AbortController; key: string; over: boolean }[] = [];
        const results: Promise<void>[] = [];
        for (const one of steps) {
          if ('ask' in one) {
            const key = one.ask;
            const seat = { leave: new AbortController(), key, over: false };
            waiting.push(seat);
            const got = flights.get(
              key,
              { deadlineMs: timers.nowMs() + 500, signal: seat.leave.signal },
              (run) =>
                new Promise((resolve, reject) => {
                  const load = {
                    ...{ key, atMs: timers.nowMs(), done: false },
                    land: () => {
                      load.done = true;
                      const value = { key };
                      held.set(value, 1);
                      resolve(value);
                    },
                  };
                  loads.push(load);
                  run.signal.addEventListener('abort', () => {
                    load.done = true;
                    reject(run.signal.reason);
                  });
                  run.hurry.addEventListener('abort', () => load.land());
                }),
            );
            const young = loads.filter(
              (load) => load.key === key && !load.done && timers.nowMs() - load.atMs < 500,
            );
            assert.ok(young.length <= 1, 'one load of a key, until a waiter of it was late');
            results.push(
              got
                .then(
                  ({ value }) => {
                    assert.equal(value.key, key);
                    assert.equal(seat.leave.signal.aborted, false);
                    assert.ok(held.get(value)! > 0, 'a value that is handed out is held');
                    release(value);
                  },
                  (error: Error) => {
                    assert.ok(error instanceof LateError || seat.leave.signal.aborted);
                  },
                )
                .then(() => {
                  seat.over = true;
                }),
            );
          } else if ('leave' in one) waiting[one.leave % (waiting.length || 1)]?.leave.abort();
          else if ('land' in one) loads.filter(({ done }) => !done)[one.land]?.land();
          else await timers.pass(one.pass);
          await settle();
        }
        await timers.pass(1000);
        await Promise.all(results);
        assert.equal(flights.size, 0);
        assert.equal(timers.planned, 0);
        for (const count of held.values()) assert.equal(count, 0, 'every value is let go of');
      }),
    );
  });
});
