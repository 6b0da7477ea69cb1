import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LateError, type Run } from '../../src/refresh/flight.ts';
import type { Loaded } from '../../src/refresh/kept-answers.ts';
import { type Kind, LIVE, type Life } from '../../src/refresh/life.ts';
import { type Ask, WarmCache } from '../../src/refresh/warm-cache.ts';
import { FakeTimers, settle } from './fake-timers.ts';

const LIFE: Life = { ttlMs: 5_000, staleWhileRevalidateMs: 10_000, staleIfErrorMs: 60_000 };
const NEGATIVE = { notFoundMs: 3_000, failedMs: 1_000 };

/** A cache, and a target whose answers a test sets. */
function open({ maxBytes = 100_000 } = {}) {
  const timers = new FakeTimers();
  const cache = new WarmCache<string>({ maxBytes, negative: NEGATIVE, timers });
  const target = { kind: 'good' as Kind, value: 'page 1', sizeBytes: 100, loads: 0, takesMs: 0 };
  const load = async (run: Run<Loaded<string>>): Promise<Loaded<string>> => {
    target.loads++;
    const { kind, value, sizeBytes } = target;
    if (target.takesMs > 0) {
      await new Promise<void>((resolve) => {
        timers.after(target.takesMs, resolve);
        run.hurry.addEventListener('abort', () => resolve());
      });
    }
    if (run.hurry.aborted) return { kind: 'failed', value: 'timeout', sizeBytes: 7 };
    return { kind, value, sizeBytes };
  };
  const ask = (more: Partial<Ask<string>> = {}): Ask<string> => ({
    ...{ load, life: LIFE, tags: ['app:a'], signal: new AbortController().signal },
    deadlineMs: timers.nowMs() + 10_000,
    ...more,
  });
  const get = async (key = 'k', more: Partial<Ask<string>> = {}) => {
    const { value, from, ageMs } = await cache.get(key, ask(more));
    return `${from} ${value} ${ageMs}`;
  };
  return { timers, cache, target, ask, get };
}

describe('WarmCache', () => {
  it('answers from what it keeps while that is fresh', async () => {
    const { timers, target, get } = open();

    assert.equal(await get(), 'miss page 1 0');
    await timers.pass(4_999);
    target.value = 'page 2';
    assert.equal(await get(), 'hit page 1 4999');

    assert.equal(target.loads, 1);
  });

  it('answers with what is stale, and loads behind it', async () => {
    const { timers, target, get } = open();
    await get();
    target.value = 'page 2';
    target.takesMs = 100;

    await timers.pass(5_000);
    assert.equal(await get(), 'stale page 1 5000');
    assert.equal(await get(), 'stale page 1 5000');
    await timers.pass(100);

    assert.equal(target.loads, 2);
    assert.equal(await get(), 'hit page 2 100');
  });

  it('waits for a load when what it keeps is too old to go out at once', async () => {
    const { timers, target, get } = open();
    await get();
    target.value = 'page 2';

    await timers.pass(15_000);

    assert.equal(await get(), 'miss page 2 0');
  });

  it('answers with what is stale when the load fails, up to the bound', async () => {
    const { timers, target, get } = open();
    await get();
    target.kind = 'failed';
    target.value = 'broken';

    await timers.pass(20_000);
    assert.equal(await get(), 'stale page 1 20000');
    await timers.pass(44_999);
    assert.equal(await get(), 'stale page 1 64999');
    await timers.pass(1);

    assert.equal(await get(), 'hit broken 1');
    await timers.pass(1_000);
    assert.equal(await get(), 'miss broken 0');
  });

  it('remembers failures for a while, each as long as its kind says', async () => {
    const { timers, target, get } = open();
    target.kind = 'not-found';
    await get();
    await timers.pass(2_999);
    assert.equal(await get(), 'hit page 1 2999');
    await timers.pass(1);
    target.kind = 'failed';
    assert.equal(await get(), 'miss page 1 0');
    await timers.pass(999);
    assert.equal(await get(), 'hit page 1 999');
    await timers.pass(1);

    assert.equal(await get(), 'miss page 1 0');
  });

  it('answers with what is stale when the load takes too long', async () => {
    const { timers, target, get, ask, cache } = open();
    await get();
    await timers.pass(20_000);
    target.takesMs = 50_000;

    const first = cache.get('k', ask());
    const second = cache.get('k', ask({ deadlineMs: timers.nowMs() + 2_000 }));
    await timers.pass(2_000);
    assert.equal((await second).from, 'stale');
    await timers.pass(8_000);

    assert.equal((await first).from, 'stale');
  });

  it('says that it is late when there is nothing to give', async () => {
    const { timers, target, ask, cache } = open();
    target.takesMs = 50_000;
    const first = cache.get('k', ask());
    const second = assert.rejects(
      cache.get('k', ask({ deadlineMs: timers.nowMs() + 2_000 })),
      LateError,
    );

    await timers.pass(2_000);
    await second;
    await timers.pass(8_000);

    assert.equal((await first).value, 'timeout');
  });

  it('takes a refresh that others wait for longer than itself for a failed one', async () => {
    const { timers, cache, target, ask, get } = open();
    target.takesMs = 9_000;
    const reader = get('k', { deadlineMs: 20_000 });

    const refreshed = cache.refresh('k', ask({ deadlineMs: 1_000 }));
    await timers.pass(9_000);

    assert.equal(await refreshed, 'failed');
    assert.equal(await reader, 'miss page 1 9000');
  });

  it('keeps nothing in a live life, but shares loads', async () => {
    const { target, get, cache } = open();

    const both = await Promise.all([get('k', { life: LIVE }), get('k', { life: LIVE })]);
    assert.deepEqual(both, ['miss page 1 0', 'shared page 1 0']);
    assert.equal(await get('k', { life: LIVE }), 'miss page 1 0');

    target.kind = 'failed';
    await get('k', { life: LIVE });

    assert.equal(target.loads, 3);
    assert.equal(cache.size, 0);
  });

  it('lets the target shorten a life, and not lengthen it', async () => {
    const { timers, get, ask, cache } = open();
    const load = (maxTtlMs: number) => async (): Promise<Loaded<string>> => ({
      kind: 'good',
      value: 'x',
      sizeBytes: 1,
      maxTtlMs,
    });
    await cache.get('short', ask({ load: load(1_000) }));
    await cache.get('long', ask({ load: load(100_000) }));

    await timers.pass(1_000);
    assert.equal((await get('short')).slice(0, 5), 'stale');
    assert.equal((await get('long')).slice(0, 3), 'hit');
    await timers.pass(4_000);

    assert.equal((await get('long')).slice(0, 5), 'stale');
  });

  it('forgets an answer whose credential is refused now, and never keeps the refusal', async () => {
    const { timers, target, get, cache } = open();
    await get();
    await timers.pass(20_000);
    target.kind = 'denied';
    target.value = 'no';

    assert.equal(await get(), 'miss no 0');

    assert.equal(cache.size, 0);
    assert.equal(await get(), 'miss no 0');
  });

  it('keeps nothing uncacheable, and does not let others wait for it', async () => {
    const { target, get, cache } = open();
    target.kind = 'uncacheable';
    await get();

    await Promise.all([get(), get()]);

    assert.equal(target.loads, 3);
    assert.equal(cache.size, 0);
  });

  it('drops what is not valid any more, also as stale', async () => {
    const { timers, target, get, cache } = open();
    await get();
    const isValid = (value: string): boolean => value !== 'page 1';
    target.kind = 'failed';
    target.value = 'broken';
    await timers.pass(20_000);

    assert.equal(await get('k', { isValid }), 'miss broken 0');
    assert.equal(cache.size, 1);
    assert.equal(await get('k'), 'hit broken 0');
  });

  it('drops by tag and all, and keeps no load that began before', async () => {
    const { timers, target, get, ask, cache } = open();
    await get('k1', { tags: ['app:a', 'key:1'] });
    await get('k2', { tags: ['app:a'] });
    await get('k3', { tags: ['app:b'] });

    assert.equal(cache.purge('app:none'), 0);
    assert.equal(cache.purge('app:a'), 2);
    assert.equal(await get('k3'), 'hit page 1 0');
    target.takesMs = 1_000;
    const under = cache.get('k4', ask());
    assert.equal(cache.purgeAll(), 1);
    await timers.pass(1_000);
    await under;

    assert.equal(cache.size, 0);
    assert.equal(cache.bytes, 0);
  });

  it('keeps the answer of the later load when an earlier one ends after it', async () => {
    const { timers, target, get } = open();
    target.takesMs = 7_000;
    const early = get();
    await timers.pass(5_000);
    Object.assign(target, { value: 'page 2', takesMs: 10 });
    const late = get();
    await timers.pass(10);
    assert.equal(await late, 'miss page 2 10');
    await timers.pass(1_990);
    assert.equal(await early, 'miss page 1 7000');

    assert.equal(await get(), 'hit page 2 2000');
  });

  it('does not hold what is of no use any more for long', async () => {
    const { timers, get, cache } = open();
    for (let count = 0; count < 100; count++) await get(`old ${count}`);

    await timers.pass(65_000);
    for (let count = 0; count < 60; count++) await get(`new ${count}`);

    assert.equal(cache.size, 60);
    assert.equal(cache.purge('app:a'), 60);
  });

  it('never holds more bytes than its bound, and lets go of each value once', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      kind: fc.constantFrom<Kind>('good', 'failed', 'not-found', 'denied', 'uncacheable'),
      sizeBytes: fc.integer({ min: 0, max: 4_000 }),
      passMs: fc.constantFrom(0, 0, 900, 4_000, 12_000),
      purge: fc.constantFrom('', '', '', 'tag', 'all'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const timers = new FakeTimers();
        const holders = new Map<object, number>();
        const holding = {
          retain: (value: object): void => void holders.set(value, holders.get(value)! + 1),
          release: (value: object): void => {
            assert.ok(holders.get(value)! > 0, 'nothing is let go of twice');
            holders.set(value, holders.get(value)! - 1);
          },
        };
        const cache = new WarmCache<{ key: string }>({
          ...{ maxBytes: 9_000, negative: NEGATIVE, timers, holding },
        });
        for (const { key, kind, sizeBytes, passMs, purge } of steps) {
          const load = async (): Promise<Loaded<{ key: string }>> => {
            const value = { key };
            holders.set(value, 1);
            await settle();
            return { kind, value, sizeBytes };
          };
          const signal = new AbortController().signal;
          const ask = { load, life: LIFE, tags: ['tag'], signal, deadlineMs: Infinity };
          const kept = await cache.get(key, ask);
          assert.equal(kept.value.key, key);
          assert.ok(holders.get(kept.value)! > 0, 'what is handed out is held');
          holding.release(kept.value);
          assert.ok(cache.bytes <= 9_000);
          if (purge === 'tag') cache.purge('tag');
          if (purge === 'all') cache.purgeAll();
          await timers.pass(passMs);
        }
        cache.purgeAll();
        await settle();
        for (const count of holders.values()) assert.equal(count, 0);
      }),
    );
  });
});
