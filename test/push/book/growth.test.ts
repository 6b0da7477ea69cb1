/** What clients send for years, or try on purpose, stays within its bounds. */
import assert from 'node:assert/strict';
import type { Ledger } from '../../../src/push/book/ledger.ts';
import type { PushRefusal } from '../../../src/push/refusal.ts';
import {
  counter,
  gauge,
  linesOf,
  openLedger,
  pushOf,
  type TestFamily,
} from '../../support/pushes.ts';

const NEVER = new AbortController().signal;
const REPLACE = { mode: 'replace', replaces: 'group', path: { job: 'j' } } as const;

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as PushRefusal).code;
  }
  return 'none';
}

function gauges(count: number, mark: string): TestFamily {
  const metrics = Array.from({ length: count }, (_, at) => ({
    labels: { at: `${mark}${at}` },
    run: [1],
  }));
  return { name: 'g', type: 'gauge', metrics };
}

function sharesOf(ledger: Ledger): number {
  let shares = 0;
  for (const { blocks } of ledger.families()) {
    for (const metric of blocks.flatMap(({ metrics }) => metrics)) {
      shares += 'shares' in metric && Array.isArray(metric.shares) ? metric.shares.length : 0;
    }
  }
  return shares;
}

describe('growth', () => {
  it('counts series that a push replaces no more, for the limit of their family', async () => {
    const ledger = await openLedger({ limits: { seriesPerFamily: 10 } });

    await ledger.push(pushOf([gauges(8, 'a')], REPLACE));
    const again = await code(ledger.push(pushOf([gauges(10, 'b')], REPLACE)));
    const tooMany = await code(ledger.push(pushOf([gauges(11, 'c')], REPLACE)));

    assert.deepEqual([again, tooMany], ['none', 'family_series_limit']);
  });

  it('counts families and labels that a push replaces no more', async () => {
    const families = await openLedger({ limits: { families: 3 } });
    const characters = await openLedger({ limits: { series: 4 } });
    const long = (char: string) => gauge('g', 1, { a: char.repeat(1_500) });

    await families.push(pushOf([gauge('a', 1)], REPLACE));
    await characters.push(pushOf([long('x')], REPLACE));

    assert.equal(await code(families.push(pushOf([gauge('b', 1)], REPLACE))), 'none');
    assert.equal(await code(characters.push(pushOf([long('y')], REPLACE))), 'none');
  });

  it('counts a histogram that a push replaces by one with other buckets once', async () => {
    const ledger = await openLedger({ limits: { seriesPerFamily: 6 } });
    const histogram = (bounds: number[]): TestFamily => ({
      ...{ name: 'h', type: 'histogram' },
      metrics: [{ bounds, run: [1, 1, ...bounds.map(() => 1)] }],
    });

    await ledger.push(pushOf([histogram([1, 2])], REPLACE));
    const again = await code(ledger.push(pushOf([histogram([1, 3, 4])], REPLACE)));

    assert.equal(again, 'none');
  });

  it('keeps few slots of time of a gauge that clients without a name push', async () => {
    let nowMs = 1_000_000;
    const ledger = await openLedger({ now: () => nowMs });

    for (let at = 0; at < 1_000; at++) {
      await ledger.push(pushOf([gauge('g', 1)], { gaugeMode: 'sum', ttlMs: 16 }));
      nowMs += 1;
    }

    assert.ok(sharesOf(ledger) <= 17, `${sharesOf(ledger)} slots`);
    assert.deepEqual(linesOf(ledger), ['g 17']);
  });

  it('lets the tenant with the most keys lose some when there are too many', async () => {
    const ledger = await openLedger({ bounds: { totalSeries: 40 } });
    const push = (tenant: string, key: string) =>
      ledger.push(pushOf([counter('c', 1)], { tenant, id: { key, hash: 'h' } }));
    await push('app:1', 'mine');

    for (let at = 0; at < 50; at++) await push('app:2', `${at}`);
    const mine = await push('app:1', 'mine');
    const oldest = await push('app:2', '0');
    const last = await push('app:2', '49');

    assert.deepEqual(
      [mine, oldest, last].map(({ isReplay }) => isReplay),
      [true, false, true],
    );
  });

  it('forgets what a source has pushed for metrics that have gone', async () => {
    const ledger = await openLedger({ limits: { series: 2 } });
    const codes = new Set<string>();

    for (let at = 0; at < 50; at++) {
      codes.add(await code(ledger.push(pushOf([counter(`c${at}`, 1)], { source: 'a' }))));
      await ledger.deleteMetrics({ tenant: '', forced: [] }, `c${at}`, []);
      await ledger.expire(NEVER);
    }

    assert.deepEqual([...codes], ['none']);
  });

  it('counts a source on that has pushed metrics that have gone', async () => {
    const ledger = await openLedger();
    await ledger.push(pushOf([counter('a', 1), counter('b', 5)], { source: 's' }));
    await ledger.deleteMetrics({ tenant: '', forced: [] }, 'a', []);
    await ledger.expire(NEVER);

    await ledger.push(pushOf([counter('a', 2), counter('b', 6)], { source: 's' }));

    assert.deepEqual(linesOf(ledger), ['a 2', 'b 6']);
  });

  it('lets other work run while many metrics, sources and tenants are looked at', async function () {
    this.timeout(60_000);
    let nowMs = 1_000_000;
    const ledger = await openLedger({
      now: () => nowMs,
      bounds: { tenants: 3_000, totalSeries: 200_000 },
    });
    for (let at = 0; at < 1_000; at++) {
      await ledger.push(pushOf([gauges(40, '')], { gaugeMode: 'sum', source: `s${at}` }));
    }
    for (let at = 0; at < 2_000; at++) {
      await ledger.push(pushOf([gauges(20, '')], { tenant: `app:${at}` }));
    }
    nowMs += 3_600_000;
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);

    await ledger.expire(NEVER);
    clearImmediate(next);

    assert.ok(turns > 4, `${turns} turns`);
    assert.equal(linesOf(ledger, '').length, 0);
  });
});
