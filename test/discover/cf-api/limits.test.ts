/** The rate limit of the API and promgate's own: nobody is asked more than they allow. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Budget } from '../../../src/discover/cf-api/budget.ts';
import { largeWorld } from '../../support/cf-api/large-world.ts';
import { type CfApiTest, startSource } from '../../support/cf-api/source.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Notes when each request to the lists of the API comes. */
function noteTimes({ api, clock }: CfApiTest): number[] {
  const times: number[] = [];
  api.fault = (_request, _response, { pathname }) => {
    if (pathname.startsWith('/v3/')) times.push(clock.nowMs());
    return false;
  };
  return times;
}

describe('the rate limit of the CF API', () => {
  it('is never met where X-RateLimit-* announces it, not even with a tenth of the usual quota', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => world.push({ name: 'shop', space }),
    });
    test.api.limit = 30;
    const times = noteTimes(test);

    await test.swept(1);
    while (test.clock.nowMs() < 3 * HOUR_MS) await test.sweepAgain();

    assert.ok(!test.api.statuses.includes(429));
    assert.ok(times.length >= 60, `${times.length} requests in three hours`); // it goes on
    assert.deepEqual(test.told.errors, []);
  });

  it('is waited for as Retry-After says when others have used it up, and the table stays', async () => {
    await using test = await startSource({
      prepare: ({ world }, space) => world.push({ name: 'shop', space }),
    });
    await test.swept(1);
    const times: number[] = [];
    test.api.fault = (_, response, { pathname }) => {
      if (!pathname.startsWith('/v3/')) return false;
      times.push(test.clock.nowMs());
      if (times.length > 1) return false;
      const body =
        '{"errors":[{"code":10013,"title":"CF-RateLimitExceeded","detail":"Rate Limit"}]}';
      response.writeHead(429, { 'Content-Type': 'text/plain', 'Retry-After': '1200' }).end(body);
      return true;
    };

    await test.sweepAgain();
    const during = test.table.sizes().apps;
    await test.sweepAgain();

    assert.deepEqual(test.told.polls.slice(1, 3), ['rate-limited', 'same']);
    assert.match(test.told.errors[0]?.message ?? '', /answered 429 .*CF-RateLimitExceeded/);
    assert.equal(during, 1);
    assert.ok(times[1]! - times[0]! >= 1_200_000, `${times[1]! - times[0]!} ms`);
  });

  it('says how many requests are left', async () => {
    await using test = await startSource();
    await test.swept(1);
    assert.equal(test.source.state.remainingRequests, undefined);
    test.api.limit = 2000;

    await test.sweepAgain();

    assert.equal(test.source.state.remainingRequests, 1800);
  });

  it('is shared by two replicas, each with half of the requests in a minute', async () => {
    await using first = await startSource({
      requestsPerMinute: 5,
      prepare: (api, space) => {
        largeWorld(api.world, { apps: 20, organization: space.organization.name });
      },
    });
    first.api.limit = 600;
    await using second = await startSource({ requestsPerMinute: 5, url: first.api.url });

    for (const one of [first, second]) await one.swept(1);
    while (first.clock.nowMs() < HOUR_MS / 2) {
      for (const one of [first, second]) await one.sweepAgain();
    }

    assert.ok(!first.api.statuses.includes(429));
    assert.deepEqual([...first.told.errors, ...second.told.errors], []);
  });
});

describe('the budget', () => {
  it('gives no more requests in any 60 seconds than configured, whatever is asked and heard', () => {
    const step = fc.record({
      pauseMs: fc.nat({ max: 40_000 }),
      purpose: fc.constantFrom('sweep' as const, 'stats' as const),
      limit: fc.option(fc.nat({ max: 100 }), { nil: undefined }),
      remaining: fc.option(fc.nat({ max: 100 }), { nil: undefined }),
      reset: fc.option(fc.nat({ max: 10_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step), (most, steps) => {
        let nowMs = 0;
        const budget = new Budget({
          ...{ requestsPerMinute: most, nowMs: () => nowMs, wallMs: () => nowMs },
        });
        const sent: number[] = [];
        for (const { pauseMs, purpose, limit, remaining, reset } of steps) {
          nowMs += pauseMs;
          for (let waitMs = budget.waitMs(purpose); waitMs > 0; waitMs = budget.waitMs(purpose)) {
            assert.ok(waitMs <= HOUR_MS);
            nowMs += waitMs;
          }
          budget.take();
          sent.push(nowMs);
          const [a, b, c] = [limit, remaining, reset].map((one) => one?.toString());
          budget.heard({ limit: a, remaining: b, reset: c, retryAfter: undefined });
        }
        for (const at of sent) {
          const within = sent.filter((one) => one > at - MINUTE_MS && one <= at);
          assert.ok(within.length <= most);
        }
      }),
    );
  });

  it('keeps what a sweep needs from stats', () => {
    const budget = new Budget({ requestsPerMinute: 10, nowMs: () => 0, wallMs: () => 0 });
    budget.sweepCost = 4;
    for (let at = 0; at < 6; at += 1) {
      assert.equal(budget.waitMs('stats'), 0);
      budget.take();
    }

    assert.equal(budget.waitMs('stats'), MINUTE_MS);
    assert.equal(budget.waitMs('sweep'), 0);
  });

  it('believes no header that would stop it for longer than an hour', () => {
    const budget = new Budget({ requestsPerMinute: 10, nowMs: () => 0, wallMs: () => 0 });

    budget.refused({ ...NONE, retryAfter: '999999999' });

    assert.equal(budget.pausedMs, HOUR_MS);
  });
});

const NONE = { limit: undefined, remaining: undefined, reset: undefined };
