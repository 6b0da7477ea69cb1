import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Instance } from '../../../src/discover/instance.ts';
import type { Failure } from '../../../src/fetch/failure.ts';
import type { Outcome } from '../../../src/serve/outcome.ts';
import { failureOf, ScrapeHistory } from '../../../src/serve/status/history.ts';
import { guidOf, instance } from '../instances.ts';

const ROOMY = { maxResultBytes: 1_000_000, maxRingBytes: 1_000_000 };
const SHOP = guidOf('shop');
const [FIRST, SECOND] = [
  instance('shop', '0', '10.0.0.1:80'),
  instance('shop', '1', '10.0.0.2:80'),
];

function outcome(of: Instance, failure?: Failure, more: Partial<Outcome> = {}): Outcome {
  return {
    ...{ app: of.app, instance: of, path: '/metrics', durationSeconds: 0.5, bytes: 10, samples: 3 },
    ...{ failure, status: undefined, detail: undefined },
    ...more,
  };
}

describe('the history of scrapes', () => {
  it('has the last result of each instance and how many failed', () => {
    const history = new ScrapeHistory(ROOMY);

    history.record(SHOP, [outcome(FIRST), outcome(SECOND, 'timeout')], [FIRST, SECOND], 1_000);

    assert.equal(history.downOf(SHOP), 1);
    assert.equal(history.resultOf(SHOP, FIRST)?.failure, undefined);
    assert.equal(history.resultOf(SHOP, SECOND)?.failure, 'timeout');
    const newest = history.readingsOf(SHOP, SECOND, 1_000).at(-1);
    assert.equal(failureOf(newest?.code ?? 0), 'timeout');
    history.record(SHOP, [outcome(SECOND)], [FIRST, SECOND], 1_001);
    assert.equal(history.downOf(SHOP), 0);
  });

  it('joins the pages of an instance, and keeps the failure among them', () => {
    const history = new ScrapeHistory(ROOMY);
    const pages = [
      outcome(FIRST, undefined, { path: '/a', durationSeconds: 2 }),
      outcome(FIRST, 'invalid', { path: '/b', samples: 0 }),
      outcome(FIRST, undefined, { path: '/c' }),
    ];

    history.record(SHOP, pages, [FIRST], 1_000);

    const { atSeconds: _, ...result } = history.resultOf(SHOP, FIRST) ?? { atSeconds: 0 };
    assert.deepEqual(result, {
      ...{ failure: 'invalid', status: undefined, detail: undefined, path: '/b' },
      ...{ durationSeconds: 2, samples: 6, bytes: 30 },
    });
  });

  it('says nothing of what a reader broke off', () => {
    const history = new ScrapeHistory(ROOMY);

    history.record(SHOP, [outcome(FIRST, 'aborted')], [FIRST], 1_000);

    assert.equal(history.downOf(SHOP), undefined);
  });

  it('drops instances that run no more, and the app with all it holds', () => {
    const history = new ScrapeHistory(ROOMY);
    history.record(SHOP, [outcome(FIRST, 'refused'), outcome(SECOND)], [FIRST, SECOND], 1_000);

    history.record(SHOP, [outcome(SECOND)], [SECOND], 1_020);
    const kept = history.resultOf(SHOP, FIRST);
    const down = history.downOf(SHOP);
    history.forget(SHOP);

    assert.equal(kept, undefined);
    assert.equal(down, 0);
    assert.equal(history.downOf(SHOP), undefined);
  });

  it('never holds more than its bounds, and counts as a plain map does', () => {
    const bounds = { maxResultBytes: 4_000, maxRingBytes: 140_000 };
    const step = fc.record({
      app: fc.constantFrom('a', 'b', 'c', 'd'),
      index: fc.integer({ min: 0, max: 6 }),
      failure: fc.constantFrom<Failure | undefined>(undefined, 'timeout', 'invalid'),
      detail: fc.constantFrom(undefined, 'x'.repeat(1_000)),
      forgets: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const history = new ScrapeHistory(bounds);
        for (const [at, { app, index, failure, detail, forgets }] of steps.entries()) {
          const one = instance(app, String(index), `10.0.0.${index}:80`);
          if (forgets && index === 0) history.forget(guidOf(app));
          history.record(guidOf(app), [outcome(one, failure, { detail })], [one], at * 15);
          assert.ok(history.bytes <= bounds.maxResultBytes + bounds.maxRingBytes);
          const result = history.resultOf(guidOf(app), one);
          const down = result === undefined ? undefined : Number(result.failure !== undefined);
          assert.equal(history.downOf(guidOf(app)), down);
        }
        for (const app of ['a', 'b', 'c', 'd']) history.forget(guidOf(app));
        const one = instance('shop', '0', '10.0.0.1:80');
        history.record(SHOP, [outcome(one)], [one], 1);
        assert.ok(history.resultOf(SHOP, one), 'what was forgotten gave its room back');
      }),
      { numRuns: 50 },
    );
  });
});
