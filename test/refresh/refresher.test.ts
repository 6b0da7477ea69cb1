import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Refresher, type RefresherOptions } from '../../src/refresh/refresher.ts';
import { FakeTimers } from './fake-timers.ts';

function open(options: Partial<RefresherOptions> = {}) {
  const timers = new FakeTimers();
  const errors: unknown[] = [];
  const refresher = new Refresher({
    ...{ timers, minIntervalMs: 1_000, idleMs: 600_000, maxJobs: 100, concurrency: 4 },
    onError: (error) => errors.push(error),
    ...options,
  });
  const times: number[] = [];
  const target = { takesMs: 0, goesOn: true, running: 0, most: 0 };
  const of = (host = 'h') => ({
    host,
    refresh: async () => {
      times.push(Math.round(timers.nowMs()));
      target.most = Math.max(target.most, ++target.running);
      if (target.takesMs > 0) {
        await new Promise<void>((resolve) => timers.after(target.takesMs, resolve));
      }
      target.running--;
      return target.goesOn;
    },
  });
  return { timers, refresher, times, target, of, errors };
}

describe('Refresher', () => {
  it('refreshes what was read twice shortly before it is read again', async () => {
    const { timers, refresher, times, of } = open();
    for (let read = 0; read < 4; read++) {
      refresher.read('k', 'prometheus', of());
      await timers.pass(15_000);
    }

    assert.equal(times.length, 3);
    for (const [at, time] of times.entries()) {
      const expected = 15_000 * (at + 2);
      assert.ok(time <= expected && time >= expected - 1_000, `${time} before ${expected}`);
    }
  });

  it('refreshes once for each read, however long the period, and so late that it is fresh', async () => {
    for (const periodMs of [15_000, 60_000, 300_000]) {
      for (let key = 0; key < 10; key++) {
        const { timers, refresher, times, of } = open();
        for (let read = 0; read < 5; read++) {
          refresher.read(`key-${key}`, 'prometheus', { ...of(), ttlMs: 5_000 });
          await timers.pass(periodMs);
        }

        const early = times.map((time, at) => periodMs * (at + 2) - time);
        assert.equal(times.length, 4, `${times}`);
        for (const one of early) assert.ok(one >= 0 && one <= 2_500, `${early}`);
      }
    }
  });

  it('begins no earlier than the answer is fresh at the read, after one that took long', async () => {
    const { timers, refresher, times, target, of } = open();
    for (let read = 0; read < 8; read++) {
      refresher.read('k', 'prometheus', { ...of(), ttlMs: 5_000 });
      target.takesMs = read === 2 ? 7_000 : 100;
      await timers.pass(15_000);
    }

    const early = times.map((time) => 15_000 - (time % 15_000));
    assert.equal(times.length, 7);
    assert.ok(Math.max(...early) <= 5_000, `${early}`);
  });

  it('does not expect a reader for ever that reads no more, while another reads', async () => {
    const { timers, refresher, times, of } = open({ idleMs: 120_000 });
    for (let read = 0; read < 5; read++) {
      refresher.read('k', 'dashboard', of());
      await timers.pass(5_000);
    }
    for (let read = 0; read < 10; read++) {
      refresher.read('k', 'prometheus', of());
      await timers.pass(60_000);
    }

    const late = times.filter((time) => time > 300_000);
    assert.ok(late.length <= 6, `${late}`);
  });

  it('leaves alone what was read once', async () => {
    const { timers, refresher, times, of } = open();
    refresher.read('k', 'one', of());
    refresher.read('k', 'two', of());

    await timers.pass(590_000);
    assert.equal(refresher.jobs, 1);
    await timers.pass(10_000);

    assert.deepEqual(times, []);
    assert.equal(refresher.jobs, 0);
  });

  it('stops when nobody reads any more, whether loads work or not', async () => {
    const { timers, refresher, times, of } = open({ idleMs: 60_000 });
    refresher.read('k', 'p', of());
    await timers.pass(10_000);
    refresher.read('k', 'p', of());

    await timers.pass(60_000);
    const count = times.length;
    assert.equal(count, 6);
    assert.equal(refresher.jobs, 0);
    await timers.pass(600_000);

    assert.equal(times.length, count);
    assert.equal(timers.planned, 0);
  });

  it('goes on after a refresh that threw, and tells of it', async () => {
    const { timers, refresher, errors } = open({ fixedPauseMs: 1_000 });
    const of = { host: 'h', refresh: () => Promise.reject(new Error('a mistake')) };
    refresher.read('k', 'p', of);
    await timers.pass(2_500);

    assert.ok(errors.length >= 1);
    refresher.read('k', 'p', of);
    await timers.pass(2_500);

    assert.ok(errors.length >= 2);
  });

  it('drops what is not to be refreshed any more', async () => {
    const { timers, refresher, times, target, of } = open({ fixedPauseMs: 1_000 });
    target.goesOn = false;
    refresher.read('k', 'p', of());
    await timers.pass(60_000);

    assert.equal(times.length, 1);
    assert.equal(refresher.jobs, 0);
  });

  it('waits a fixed pause after each refresh where one is set', async () => {
    const { timers, refresher, times, target, of } = open({ fixedPauseMs: 1_000 });
    target.takesMs = 500;
    refresher.read('k', 'p', of());

    await timers.pass(6_000);

    assert.deepEqual(times, [1_000, 2_500, 4_000, 5_500]);
  });

  it('does not put a refresh off because somebody reads', async () => {
    const { timers, refresher, times, of } = open({ fixedPauseMs: 1_000 });
    for (let read = 0; read < 50; read++) {
      refresher.read('k', 'p', of());
      await timers.pass(100);
    }

    assert.deepEqual(times, [1_000, 2_000, 3_000, 4_000, 5_000]);
  });

  it('refreshes no faster than the shortest interval', async () => {
    const { timers, refresher, times, of } = open({ minIntervalMs: 5_000 });
    for (let read = 0; read < 100; read++) {
      refresher.read('k', 'p', of());
      await timers.pass(500);
    }

    const gaps = times.slice(1).map((time, at) => time - times[at]!);
    assert.ok(times.length >= 5, `${times.length}`);
    for (const gap of gaps) assert.ok(gap >= 5_000, `${gap}`);
  });

  it('refreshes the answers of one host one after the other, and a bounded number at once', async () => {
    const { timers, refresher, target, of } = open({ fixedPauseMs: 1_000, concurrency: 3 });
    target.takesMs = 700;
    for (let key = 0; key < 4; key++) refresher.read(`k${key}`, 'p', of('same'));
    await timers.pass(4_000);
    assert.equal(target.most, 1);

    for (let key = 0; key < 9; key++) refresher.read(`o${key}`, 'p', of(`host-${key}`));
    await timers.pass(4_000);

    assert.equal(target.most, 3);
  });

  it('plans those who read at the same time at different times', async () => {
    const { timers, refresher, times, of } = open({ concurrency: 1_000, maxJobs: 1_000 });
    for (let read = 0; read < 2; read++) {
      for (let key = 0; key < 200; key++) refresher.read(`target-${key}`, 'p', of(`h${key}`));
      await timers.pass(15_000);
    }

    assert.equal(times.length, 200);
    assert.ok(new Set(times).size > 100);
  });

  it('watches a bounded number of answers', () => {
    const { refresher, of } = open({ maxJobs: 3 });

    const taken = ['a', 'b', 'c', 'd', 'a'].map((key) => refresher.read(key, 'p', of()));

    assert.deepEqual(taken, [true, true, true, false, true]);
    assert.equal(refresher.jobs, 3);
  });

  it('watches a bounded number of answers of one host, and others once these are forgotten', () => {
    const { refresher, of } = open({ maxJobsOfHost: 2 });

    const read = (key: string, host: string): boolean => refresher.read(key, 'p', of(host));
    const taken = [read('a', 'h'), read('b', 'h'), read('c', 'h'), read('d', 'other')];
    refresher.forget('a');
    refresher.forget('a');

    assert.deepEqual([...taken, read('c', 'h')], [true, true, false, true, true]);
    assert.equal(read('e', 'h'), false);
  });

  it('ends with the refreshes that run, and starts no other', async () => {
    const { timers, refresher, times, target, of } = open({ fixedPauseMs: 1_000 });
    target.takesMs = 500;
    refresher.read('k', 'p', of());
    await timers.pass(1_100);

    const ended = refresher[Symbol.asyncDispose]();
    await timers.pass(500);
    await ended;
    await timers.pass(10_000);

    assert.equal(times.length, 1);
    assert.equal(timers.planned, 0);
    assert.equal(refresher.read('k', 'p', of()), false);
  });

  it('ends while refreshes wait for others, and takes their end for no mistake', async () => {
    const { timers, refresher, errors } = open({ fixedPauseMs: 1_000, concurrency: 1 });
    const refresh = (signal: AbortSignal): Promise<boolean> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    for (const key of ['a', 'b', 'c']) refresher.read(key, 'p', { host: key, refresh });
    await timers.pass(1_500);

    await refresher[Symbol.asyncDispose]();

    assert.deepEqual(errors, []);
    assert.equal(timers.planned, 0);
  });

  it('keeps its bounds whatever is read when', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      reader: fc.constantFrom('p', 'q'),
      passMs: fc.integer({ min: 0, max: 20_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { timers, refresher, target, of } = open({ maxJobs: 3, concurrency: 2 });
        target.takesMs = 300;
        for (const { key, reader, passMs } of steps) {
          refresher.read(key, reader, of(key));
          await timers.pass(passMs);
          assert.ok(refresher.jobs <= 3);
          assert.ok(target.most <= 2);
        }
        await timers.pass(700_000);
        assert.equal(refresher.jobs, 0);
        assert.equal(timers.planned, 0);
      }),
      { numRuns: 40 },
    );
  });
});
