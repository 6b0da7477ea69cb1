import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  every,
  everyTurn,
  type Loop,
  retry,
  sleep,
  steadySeconds,
  Turns,
  takeSteps,
} from '../src/clock.ts';
import { type FakeClock, fakeClock } from './support/fake-clock.ts';

/** A loop of a test: its clock, its stop and what it reported. */
function loop() {
  const [clock, stop, reported] = [fakeClock(), new AbortController(), [] as unknown[]];
  const options: Loop = {
    ...{ clock, signal: stop.signal },
    onError: (error) => reported.push(error),
  };
  return { clock, stop, reported, options };
}

const BACKOFF = { firstPauseMs: 1000, maxPauseMs: 5000 };

/** Sleeps until the last run so far has been followed by a pause. */
async function pausesOf(clock: FakeClock, count: number): Promise<readonly number[]> {
  const pauses: number[] = [];
  for (let done = 0; done < count; done++) {
    await clock.advance(0);
    const [ms] = clock.sleeping;
    assert.ok(ms !== undefined, 'the loop pauses');
    pauses.push(ms);
    await clock.advance(ms);
  }
  return pauses;
}

describe('sleep', () => {
  it('ends at once when the signal aborts, and does not reject', async () => {
    const stop = new AbortController();
    const asleep = sleep(2 ** 30, stop.signal);

    stop.abort();

    await asleep;
    await sleep(2 ** 30, stop.signal);
  });
});

describe('every', () => {
  it('starts the first run before it returns, and the next ones a pause after the end of the last', async () => {
    const { clock, stop, options } = loop();
    const startsMs: number[] = [];
    const run = async (): Promise<void> => {
      startsMs.push(clock.nowMs());
      await clock.sleep(300, stop.signal);
    };

    const running = every(1000, run, options);
    assert.deepEqual(startsMs, [0]);
    await clock.advance(3000);

    assert.deepEqual(startsMs, [0, 1300, 2600]);
    stop.abort();
    await running;
  });

  it('waits before the first run where it is told to', async () => {
    const { clock, stop, options } = loop();
    const startsMs: number[] = [];
    const run = (): unknown => startsMs.push(clock.nowMs());

    const running = every(1000, () => void run(), { ...options, firstAfterMs: 50 });
    await clock.advance(1050);

    assert.deepEqual(startsMs, [50, 1050]);
    stop.abort();
    await running;
    assert.equal(startsMs.length, 2);
  });

  it('asks after each run how long to pause, and says how long the run took', async () => {
    const { clock, stop, options } = loop();
    const took: number[] = [];
    let runs = 0;
    const run = (): Promise<void> => clock.sleep(++runs * 100, stop.signal);
    const pauseMs = (runMs: number): number => {
      took.push(runMs);
      return runMs * 10;
    };

    const running = every(pauseMs, run, options);
    await clock.advance(100 + 1000 + 200);

    assert.deepEqual(took, [100, 200]);
    assert.deepEqual(clock.sleeping, [2000]);
    stop.abort();
    await running;
  });

  it('reports a run that fails, at once or later, and goes on', async () => {
    const { clock, stop, options, reported } = loop();
    let runs = 0;
    const run = (): Promise<void> => {
      runs += 1;
      if (runs === 1) throw new Error('at once');
      return runs === 2 ? Promise.reject(new Error('later')) : Promise.resolve();
    };

    const running = every(10, run, options);
    await clock.advance(20);

    assert.deepEqual(reported.map(String), ['Error: at once', 'Error: later']);
    assert.equal(runs, 3);
    stop.abort();
    await running;
  });

  it('lets the running task end, then starts no other and reports nothing', async () => {
    const { stop, options, reported } = loop();
    const seen: string[] = [];

    await every(
      60_000,
      async () => {
        seen.push('start');
        stop.abort();
        await Promise.resolve();
        seen.push('end');
        throw new Error('stopped');
      },
      options,
    );

    assert.deepEqual(seen, ['start', 'end']);
    assert.deepEqual(reported, []);
  });

  it('runs nothing when the signal has aborted before', async () => {
    const { stop, options } = loop();
    stop.abort();

    await every(1, () => assert.fail('it ran'), options);
    await every(1, () => assert.fail('it ran'), { ...options, firstAfterMs: 1 });
  });
});

describe('retry', () => {
  it('gives what the first successful attempt returned, and tries no more', async () => {
    const { clock, options, reported } = loop();
    const attempts = ['first', 'second', undefined];
    const task = async (): Promise<string> => {
      const failure = attempts.shift();
      if (failure !== undefined) throw new Error(failure);
      return 'open';
    };

    const opened = retry(task, { ...options, ...BACKOFF });
    await clock.advance(3000);

    assert.equal(await opened, 'open');
    assert.deepEqual(reported.map(String), ['Error: first', 'Error: second']);
    assert.deepEqual(clock.sleeping, []);
  });

  it('doubles its pauses up to the longest', async () => {
    const { clock, stop, options } = loop();

    const retrying = retry(() => Promise.reject(new Error('away')), { ...options, ...BACKOFF });

    assert.deepEqual(await pausesOf(clock, 5), [1000, 2000, 4000, 5000, 5000]);
    stop.abort();
    assert.equal(await retrying, undefined);
  });

  it('begins with a pause when an attempt has failed before', async () => {
    const { clock, stop, options } = loop();

    const retrying = retry(() => Promise.reject(new Error('away')), {
      ...{ ...options, ...BACKOFF, failures: 1 },
    });

    assert.deepEqual(await pausesOf(clock, 3), [1000, 2000, 4000]);
    stop.abort();
    await retrying;
  });

  it('pauses as after the first failure once a task has worked, although it fails in the end', async () => {
    const { clock, stop, options } = loop();
    let attempts = 0;
    const task = async (worked: () => void): Promise<never> => {
      attempts += 1;
      if (attempts === 3) worked();
      throw new Error('lost');
    };

    const retrying = retry(task, { ...options, ...BACKOFF });

    assert.deepEqual(await pausesOf(clock, 4), [1000, 2000, 1000, 2000]);
    stop.abort();
    await retrying;
  });

  it('ends at once when the signal aborts, with the result of the attempt that was under way', async () => {
    const { stop, options } = loop();
    const succeeding = async (): Promise<string> => {
      stop.abort();
      return 'open';
    };

    assert.equal(await retry(succeeding, { ...options, ...BACKOFF }), 'open');
    const never = (): never => assert.fail('it ran');
    assert.equal(await retry(never, { ...options, ...BACKOFF }), undefined);
  });

  it('does not report an attempt that the signal broke off', async () => {
    const { stop, options, reported } = loop();
    const broken = (): Promise<never> => {
      stop.abort();
      return Promise.reject(new Error('broken off'));
    };

    assert.equal(await retry(broken, { ...options, ...BACKOFF }), undefined);
    assert.deepEqual(reported, []);
  });
});

describe('everyTurn', () => {
  it('ends a turn when it has lasted long enough, and not before', async () => {
    const endless = everyTurn(2 ** 30);
    const short = everyTurn(0);

    assert.equal(endless(), undefined);

    let served = false;
    setImmediate(() => {
      served = true;
    });
    await short();
    assert.ok(served, 'other work ran meanwhile');
  });
});

/** Does nothing useful for so long. */
function work(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

async function turnsUntil(over: () => boolean): Promise<number> {
  let turns = 0;
  for (; !over(); turns++) await nextTurn();
  return turns;
}

describe('Turns', () => {
  it('runs a few at once, without a wait', () => {
    const turns = new Turns();
    let ran = 0;

    for (let n = 0; n < 5; n++) turns.run(() => ran++);

    assert.equal(ran, 5);
    assert.equal(turns.waiting, 0);
  });

  it('lets all else run between, also between what those who ran have caused', async () => {
    const turns = new Turns();
    const order: number[] = [];
    for (let n = 0; n < 40; n++) {
      turns.run(() => {
        order.push(n);
        void Promise.resolve().then(() => work(2));
      });
    }

    const others = await turnsUntil(() => order.length === 40);

    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    assert.ok(others >= 10, `${others} turns of the event loop for 64 ms of work`);
  });

  it('forgets who gives up waiting', async () => {
    const turns = new Turns();
    const ran: string[] = [];
    for (let n = 0; n < 20; n++) turns.run(() => ran.push('first'));
    const late = (): unknown => ran.push('late');
    turns.run(late);

    turns.drop(late);
    await turnsUntil(() => turns.waiting === 0);

    assert.ok(!ran.includes('late'));
  });
});

describe('steadySeconds', () => {
  it("gives the system's time, and goes forward when that is set back", () => {
    const systemNow = Date.now;
    try {
      const before = steadySeconds();
      assert.ok(Math.abs(before - systemNow() / 1_000) < 3_600);
      Date.now = () => systemNow() - 86_400_000;

      assert.ok(steadySeconds() >= before);
    } finally {
      Date.now = systemNow;
    }
  });
});

describe('takeSteps', () => {
  it('takes every step, waits where the pace says so, and gives the result', async () => {
    const seen: string[] = [];
    function* steps(): Generator<void, string, void> {
      for (const step of ['one', 'two', 'three']) {
        seen.push(step);
        yield;
      }
      return 'end';
    }
    let steady = 0;
    const pace = () => {
      steady += 1;
      return steady === 2 ? Promise.resolve().then(() => void seen.push('pause')) : undefined;
    };

    const result = await takeSteps(steps(), pace);

    assert.equal(result, 'end');
    assert.deepEqual(seen, ['one', 'two', 'pause', 'three']);
  });
});
