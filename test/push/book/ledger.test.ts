import assert from 'node:assert/strict';
import type { PushRefusal } from '../../../src/push/refusal.ts';
import {
  counter,
  gauge,
  linesOf,
  openLedger,
  pushOf,
  type TestFamily,
} from '../../support/pushes.ts';

function histogram(bounds: number[], run: number[]): TestFamily {
  return { name: 'h', type: 'histogram', metrics: [{ bounds, run }] };
}

function summary(bounds: number[], run: number[]): TestFamily {
  return { name: 's', type: 'summary', metrics: [{ bounds, run }] };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as PushRefusal).code;
  }
  return 'none';
}

describe('Ledger', () => {
  describe('aggregate', () => {
    it('adds counters of equal label sets', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([counter('jobs_total', 2, { kind: 'a' })]));
      await ledger.push(pushOf([counter('jobs_total', 3, { kind: 'a' })]));
      await ledger.push(pushOf([counter('jobs_total', 7, { kind: 'b' })]));

      assert.deepEqual(linesOf(ledger), ['jobs_total{kind="a"} 5', 'jobs_total{kind="b"} 7']);
    });

    it('adds decimals exactly, in any order', async () => {
      const ledger = await openLedger();

      for (const value of [0.1, 0.2, 0.3]) await ledger.push(pushOf([counter('c', value)]));

      assert.deepEqual(linesOf(ledger), ['c 0.6']);
    });

    it('takes a label of the path and the same label of a body for the same series', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([counter('c', 1)], { path: { team: 'x' } }));
      await ledger.push(pushOf([counter('c', 1, { team: 'x' })]));

      assert.deepEqual(linesOf(ledger), ['c{team="x"} 2']);
    });

    it('keeps the last value of a gauge', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([gauge('g', 1.5)]));
      await ledger.push(pushOf([gauge('g', 2)]));

      assert.deepEqual(linesOf(ledger), ['g 2']);
    });

    it('puts gauges together by the mode of the push', async () => {
      const values: Record<string, string> = {};
      for (const gaugeMode of ['sum', 'min', 'max', 'avg', 'count'] as const) {
        const ledger = await openLedger();
        await ledger.push(pushOf([gauge('g', 9)], { gaugeMode, source: 'a' }));
        await ledger.push(pushOf([gauge('g', 1)], { gaugeMode, source: 'a' }));
        await ledger.push(pushOf([gauge('g', 3)], { gaugeMode, source: 'b' }));
        values[gaugeMode] = linesOf(ledger)[0]!;
      }

      assert.deepEqual(values, { sum: 'g 4', min: 'g 1', max: 'g 3', avg: 'g 2', count: 'g 2' });
    });

    it('unites histograms of different buckets to a monotone lower bound', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([histogram([1], [10, 5, 5])]));
      await ledger.push(pushOf([histogram([2], [4, 2, 3])]));

      assert.deepEqual(linesOf(ledger), [
        'h_bucket{le="+Inf"} 14',
        'h_bucket{le="1"} 5',
        'h_bucket{le="2"} 8',
        'h_count 14',
        'h_sum 7',
      ]);
    });

    it('adds what a cumulative source has counted since its last push', async () => {
      const ledger = await openLedger();

      for (const value of [10, 10, 12, 3]) {
        await ledger.push(pushOf([counter('c', value)], { source: 'a' }));
      }
      await ledger.push(pushOf([counter('c', 5)], { source: 'b' }));

      assert.deepEqual(linesOf(ledger), ['c 20']);
    });

    it('takes a histogram as one value when a source begins anew', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([histogram([1], [10, 5, 5])], { source: 'a' }));
      await ledger.push(pushOf([histogram([1], [11, 6, 2])], { source: 'a' }));

      assert.deepEqual(linesOf(ledger), [
        'h_bucket{le="+Inf"} 21',
        'h_bucket{le="1"} 7',
        'h_count 21',
        'h_sum 11',
      ]);
    });

    it('keeps the quantiles of a summary while there is one source', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([summary([0.5], [2, 4, 1.5])], { source: 'a' }));
      const alone = linesOf(ledger);
      await ledger.push(pushOf([summary([0.5], [3, 6, 2])], { source: 'b' }));

      assert.deepEqual(alone, ['s_count 2', 's_sum 4', 's{quantile="0.5"} 1.5']);
      assert.deepEqual(linesOf(ledger), ['s_count 5', 's_sum 10']);
    });

    it('adds untyped series by their suffix', async () => {
      const ledger = await openLedger();
      const untyped = (name: string): TestFamily => ({
        name,
        type: 'unknown',
        metrics: [{ run: [2] }],
      });

      for (let i = 0; i < 2; i++) await ledger.push(pushOf([untyped('a_total'), untyped('b')]));

      assert.deepEqual(linesOf(ledger), ['a_total 4', 'b 2']);
    });

    it('looks anew for what a refused push has named, when it is sent with other values', async () => {
      const ledger = await openLedger();
      await ledger.push(pushOf([counter('c', 1)])); // the tenant stays
      const family: TestFamily = { ...gauge('g', 1), gaugeMode: 'sum' };
      const refused = pushOf([{ ...family, metrics: [{ run: [Number.NaN] }] }]);
      await assert.rejects(ledger.push(refused), { code: 'bad_value' });
      await ledger.push(pushOf([family]));

      await ledger.push({ ...refused, page: { ...refused.page, values: Float64Array.of(2) } });

      assert.deepEqual(linesOf(ledger), ['c 1', 'g 3']);
    });

    it('refuses a metric that no journal keeps', async () => {
      const ledger = await openLedger({ limits: { seriesPerFamily: 1e6, series: 1e6 } });
      const bounds = Array.from({ length: 20_000 }, (_, i) => i);
      const run = [...[0, 0], ...bounds.map(() => 0)];
      const labels = Object.fromEntries(
        bounds.slice(0, 60).map((i) => [`l${i}`, '\0'.repeat(2_000)]),
      );

      const codes = await Promise.all([
        refusal(ledger.push(pushOf([histogram(bounds.slice(0, 10_000), run.slice(0, 10_002))]))),
        refusal(ledger.push(pushOf([histogram(bounds, run)]))),
        refusal(ledger.push(pushOf([{ ...counter('c', 1), help: 'h'.repeat(100_000) }]))),
        refusal(ledger.push(pushOf([counter('c', 1, labels)]))),
      ]);

      assert.deepEqual(codes, ['none', 'too_large', 'too_large', 'too_large']);
    });

    it('changes nothing when it refuses a part of a push', async () => {
      const ledger = await openLedger();
      await ledger.push(pushOf([counter('a', 1), gauge('m', 1)]));

      const code = await refusal(ledger.push(pushOf([counter('a', 1), counter('m', 1)])));

      assert.equal(code, 'type_conflict');
      assert.deepEqual(linesOf(ledger), ['a 1', 'm 1']);
    });

    it('judges types inside a tenant', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([counter('m', 1)], { tenant: 'app:1', forced: [['app_id', '1']] }));
      await ledger.push(pushOf([gauge('m', 2)], { tenant: 'app:2', forced: [['app_id', '2']] }));

      assert.deepEqual(linesOf(ledger), ['m{app_id="1"} 1', 'm{app_id="2"} 2']);
    });

    it('renames labels that the credential forces otherwise', async () => {
      const ledger = await openLedger();

      await ledger.push(
        pushOf([counter('m', 1, { app_id: 'spoofed' })], {
          tenant: 'app:1',
          forced: [['app_id', '1']],
        }),
      );

      assert.deepEqual(linesOf(ledger), ['m{app_id="1",exported_app_id="spoofed"} 1']);
    });

    it('renames labels of places that the credential does not name', async () => {
      const ledger = await openLedger();
      const forced = [['app_id', 'mine']] as const;

      await ledger.push(pushOf([counter('c', 1, { app_name: 'theirs' })], { forced }));
      await ledger.push(pushOf([counter('c', 1)], { forced, path: { space_name: 'theirs' } }));
      await ledger.push(pushOf([counter('c', 1, { app_name: 'any' })]));

      assert.deepEqual(linesOf(ledger), [
        'c{app_id="mine",exported_app_name="theirs"} 1',
        'c{app_id="mine",exported_space_name="theirs"} 1',
        'c{app_name="any"} 1',
      ]);
    });

    it('adds summaries that are told apart by labels which are left out', async () => {
      const ledger = await openLedger({ settings: { without: ['instance'] } });
      const metrics = [
        { labels: { instance: 'a' }, bounds: [0.5], run: [1, 2, 7] },
        { labels: { instance: 'b' }, run: [3, 4] },
      ];

      await ledger.push(pushOf([{ name: 's', type: 'summary', metrics }]));

      assert.deepEqual(linesOf(ledger), ['s_count 4', 's_sum 6']);
    });

    it('answers a repeated key without adding, and refuses another body under the key', async () => {
      const ledger = await openLedger();
      const push = pushOf([counter('c', 1)], { id: { key: 'k', hash: 'h' } });

      await ledger.push(push);
      const again = await ledger.push(push);
      const other = await refusal(ledger.push({ ...push, id: { key: 'k', hash: 'other' } }));

      assert.equal(again.isReplay, true);
      assert.equal(other, 'key_reused');
      assert.deepEqual(linesOf(ledger), ['c 1']);
    });

    it('refuses what goes beyond the limits, and tells which label has the most values', async () => {
      const ledger = await openLedger({ limits: { seriesPerFamily: 3 } });
      const metrics = [1, 2, 3].map((id) => ({ labels: { id: `${id}`, a: 'b' }, run: [1] }));
      await ledger.push(pushOf([{ name: 'c', type: 'counter', metrics }]));

      const refused = await ledger.push(pushOf([counter('c', 1, { id: '4' })])).catch((e) => e);

      assert.equal(refused.code, 'family_series_limit');
      assert.deepEqual(refused.details, {
        ...{ limit: 3, current: 3, would_add: 1, family: 'c' },
        widest_label: { name: 'id', values: 4 },
      });
    });

    it('tells which label of a first push has the most values', async () => {
      const ledger = await openLedger({ limits: { seriesPerFamily: 1 } });
      const metrics = ['1', '2'].map((id) => ({ labels: { id, a: 'b' }, run: [1] }));

      const refused = await ledger
        .push(pushOf([{ name: 'c', type: 'counter', metrics }]))
        .catch((e) => e);

      assert.deepEqual(refused.details.widest_label, { name: 'id', values: 2 });
    });
  });

  it('bounds the characters of label sets', async () => {
    const ledger = await openLedger({ limits: { series: 2 } });

    const code = await refusal(ledger.push(pushOf([counter('c', 1, { a: 'x'.repeat(1_100) })])));

    assert.equal(code, 'characters_limit');
    assert.deepEqual(linesOf(ledger), []);
  });

  it('bounds the values of sources over all tenants', async () => {
    const ledger = await openLedger({ bounds: { totalSeries: 2 } });
    const push = (source: string) =>
      refusal(ledger.push(pushOf([counter('a', 1), counter('b', 1)], { source })));

    const codes = [];
    for (const source of ['a', 'b', 'c', 'd', 'e']) codes.push(await push(source));

    assert.deepEqual(codes, ['none', 'none', 'none', 'none', 'source_limit']);
  });

  it('forgets a tenant that has nothing left', async () => {
    const ledger = await openLedger({ bounds: { tenants: 1 } });
    await ledger.push(pushOf([counter('c', 1)], { tenant: 'app:1' }));
    const full = await refusal(ledger.push(pushOf([counter('c', 1)], { tenant: 'app:2' })));

    await ledger.wipe({ tenant: 'app:1', forced: [] });
    const free = await refusal(ledger.push(pushOf([counter('c', 1)], { tenant: 'app:2' })));

    assert.deepEqual([full, free], ['tenant_limit', 'none']);
    assert.equal(ledger.seriesCount, 1);
  });

  describe('replace', () => {
    const replace = { mode: 'replace', path: { job: 'j' } } as const;

    it('replaces the families that a POST names, and the whole group by PUT', async () => {
      const ledger = await openLedger();

      await ledger.push(pushOf([counter('a', 1), counter('b', 1)], replace));
      await ledger.push(pushOf([counter('b', 5, { x: '1' })], replace));
      const posted = linesOf(ledger);
      await ledger.push(pushOf([gauge('a', 7)], { ...replace, replaces: 'group' }));

      assert.deepEqual(posted, [
        'a{instance="",job="j"} 1',
        'b{instance="",job="j",x="1"} 5',
        'push_failure_time_seconds{instance="",job="j"} 0',
        'push_time_seconds{instance="",job="j"} 1',
      ]);
      assert.deepEqual(linesOf(ledger).slice(0, 1), ['a{instance="",job="j"} 7']);
      assert.equal(linesOf(ledger).length, 3);
    });

    it('deletes a group, and forgets the types of its families', async () => {
      const ledger = await openLedger();
      await ledger.push(pushOf([counter('a', 1)], replace));

      await ledger.deleteGroup({ tenant: '', forced: [] }, [['job', 'j']]);
      await ledger.push(pushOf([gauge('a', 1)], { ...replace, path: { job: 'k' } }));

      assert.deepEqual(linesOf(ledger)[0], 'a{instance="",job="k"} 1');
    });

    it('refuses another type than that of another group', async () => {
      const ledger = await openLedger();
      await ledger.push(pushOf([counter('a', 1)], replace));

      const code = await refusal(
        ledger.push(pushOf([gauge('a', 1)], { ...replace, path: { job: 'k' } })),
      );

      assert.equal(code, 'type_conflict');
    });

    it('refuses labels that Pushgateway refuses', async () => {
      const ledger = await openLedger();

      const code = await refusal(ledger.push(pushOf([gauge('a', 1, { __a: 'b' })], replace)));

      assert.equal(code, 'series_conflict');
    });

    it('forces labels of the credential on the times of a group, too', async () => {
      const ledger = await openLedger();
      const forced = [['app_id', 'mine']] as const;
      const path = { job: 'j', app_id: 'theirs' };

      await ledger.push(pushOf([gauge('a', 1)], { ...replace, path, forced, tenant: 'app:mine' }));

      const labels = 'app_id="mine",exported_app_id="theirs",instance="",job="j"';
      assert.deepEqual(linesOf(ledger), [
        `a{${labels}} 1`,
        `push_failure_time_seconds{${labels}} 0`,
        `push_time_seconds{${labels}} 1`,
      ]);
    });

    it('keeps the times of groups apart from what is added up', async () => {
      const ledger = await openLedger();
      const own = { name: 'push_time_seconds', metrics: [{ run: [1, 1, 1], bounds: [1] }] };

      const codes = [
        await refusal(ledger.push(pushOf([gauge('push_time_seconds', 1)]))),
        await refusal(ledger.push(pushOf([counter('push_failure_time_seconds', 1)]))),
        await refusal(ledger.push(pushOf([{ ...own, type: 'histogram' }]))),
      ];

      assert.deepEqual(codes, ['series_conflict', 'series_conflict', 'series_conflict']);
    });
  });
});
