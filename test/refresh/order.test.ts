/** The cache under loads that end in any order, as fast-check's scheduler chooses. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Loaded } from '../../src/refresh/kept-answers.ts';
import { keyMaker } from '../../src/refresh/key.ts';
import type { Kind, Life } from '../../src/refresh/life.ts';
import { WarmCache } from '../../src/refresh/warm-cache.ts';
import { FakeTimers } from './fake-timers.ts';

const LIFE: Life = { ttlMs: 5_000, staleWhileRevalidateMs: 10_000, staleIfErrorMs: 60_000 };
const NEGATIVE = { notFoundMs: 3_000, failedMs: 1_000 };
const MAX_BYTES = 6_000;

/** Whose page it is: what the target answers with that credential at that path. */
interface Page {
  readonly path: string;
  readonly credential: string;
}

const step = fc.record({
  path: fc.constantFrom('/a', '/ab', '/b'),
  credential: fc.constantFrom('', 'a', 'bc', 'c'),
  kind: fc.constantFrom<Kind>('good', 'good', 'good', 'failed', 'not-found', 'denied'),
  sizeBytes: fc.integer({ min: 0, max: 3_000 }),
  passMs: fc.constantFrom(0, 0, 0, 1_500, 6_000, 20_000),
  does: fc.constantFrom('get', 'get', 'get', 'refresh', 'leave', 'purge'),
});

describe('WarmCache, whatever ends when,', () => {
  it('loads each key once at a time, keeps its bound, and gives nobody the page of another', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(step, { minLength: 1, maxLength: 30 }),
        async (scheduler, steps) => {
          const timers = new FakeTimers();
          const cache = new WarmCache<Page>({ maxBytes: MAX_BYTES, negative: NEGATIVE, timers });
          const keyOf = keyMaker();
          const loading = new Map<string, number>();
          let purged = false;
          const answered: Promise<void>[] = [];
          for (const { path, credential, kind, sizeBytes, passMs, does } of steps) {
            const key = keyOf([path, credential]);
            const load = async (): Promise<Loaded<Page>> => {
              const before = loading.get(key) ?? 0;
              assert.ok(before === 0 || purged, 'one load of a key at a time, but after a purge');
              loading.set(key, before + 1);
              await scheduler.schedule(Promise.resolve(), `load ${path} ${credential}`);
              loading.set(key, loading.get(key)! - 1);
              return { kind, value: { path, credential }, sizeBytes };
            };
            const reader = new AbortController();
            const ask = {
              ...{ load, life: LIFE, tags: ['all'], signal: reader.signal },
              deadlineMs: Number.POSITIVE_INFINITY,
            };
            if (does === 'purge') purged = cache.purge('all') >= 0;
            if (does === 'refresh') answered.push(cache.refresh(key, ask).then(() => undefined));
            if (does === 'get' || does === 'leave') {
              const asking = cache.get(key, ask).then(
                ({ value }) => assert.deepEqual(value, { path, credential }),
                (error: unknown) => assert.equal(error, reader.signal.reason),
              );
              answered.push(asking);
            }
            if (does === 'leave') reader.abort();
            assert.ok(cache.bytes <= MAX_BYTES);
            await timers.pass(passMs);
            if (scheduler.count() > 0) await scheduler.waitOne();
          }
          await scheduler.waitIdle();
          await Promise.all(answered);
          assert.ok(cache.bytes <= MAX_BYTES);
          assert.equal(cache.loading, 0);
        },
      ),
    );
  });
});
