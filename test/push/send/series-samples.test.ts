import assert from 'node:assert/strict';
import type { FamilyType } from '../../../src/exposition/grammar.ts';
import type { LedgerFamily } from '../../../src/push/page-source.ts';
import { ledgerSeries } from '../../../src/push/send/series-samples.ts';

interface Metric {
  readonly labels?: string;
  readonly bounds?: readonly number[];
  readonly values: readonly number[];
}

function family(name: string, type: FamilyType, ...metrics: readonly Metric[]): LedgerFamily {
  return {
    ...{ tenant: '', name, type, help: 'Help.', unit: '', size: metrics.length },
    blocks: metrics.map(({ labels = '', bounds = [], values }, version) => ({
      version,
      metrics: [
        { labels, createdMs: 1000, current: () => ({ bounds, values, native: undefined }) },
      ],
    })),
  };
}

function read(...families: readonly LedgerFamily[]) {
  return [...ledgerSeries({ families: () => families, seen: () => undefined }).read()];
}

/** The series as lines of text, labels in the order of the source. */
const linesOf = (...families: readonly LedgerFamily[]): string[] =>
  read(...families).map((series) => {
    const [[, name] = ['', ''], ...labels] = series.labels();
    const list = labels.map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    return `${name}{${list.join()}} ${series.value} @${series.createdMs}`;
  });

describe('series of the ledger', () => {
  it('are one for a counter, with the time of its beginning', () => {
    const jobs = family('jobs_total', 'counter', { labels: 'job="a\\"\\n"', values: [5] });

    assert.deepEqual(linesOf(jobs), ['jobs_total{job="a\\"\\n"} 5 @1000']);
  });

  it('are one for a gauge, which has no beginning', () => {
    assert.deepEqual(linesOf(family('queue', 'gauge', { values: [-1] })), ['queue{} -1 @0']);
  });

  it('are buckets, sum and count for a histogram', () => {
    const wait = family('wait', 'histogram', {
      labels: 'job="a"',
      bounds: [0.5, 1, 1e6],
      values: [7, 3.5, 2, 4, 6],
    });

    assert.deepEqual(linesOf(wait), [
      'wait_bucket{job="a",le="0.5"} 2 @1000',
      'wait_bucket{job="a",le="1"} 4 @1000',
      'wait_bucket{job="a",le="1e+06"} 6 @1000',
      'wait_bucket{job="a",le="+Inf"} 7 @1000',
      'wait_sum{job="a"} 3.5 @1000',
      'wait_count{job="a"} 7 @1000',
    ]);
  });

  it('are quantiles, sum and count for a summary', () => {
    const wait = family('wait', 'summary', { bounds: [0.99], values: [7, 3.5, 0.2] });

    assert.deepEqual(linesOf(wait), [
      'wait{quantile="0.99"} 0.2 @1000',
      'wait_sum{} 3.5 @1000',
      'wait_count{} 7 @1000',
    ]);
  });

  it('leave out a sum that is not known', () => {
    const wait = family('wait', 'histogram', { values: [7, Number.NaN] });

    assert.deepEqual(linesOf(wait), ['wait_bucket{le="+Inf"} 7 @1000', 'wait_count{} 7 @1000']);
  });

  it('have the names of OpenMetrics for a histogram of gauges', () => {
    const sizes = family('sizes', 'gaugehistogram', { values: [7, 3] });

    assert.deepEqual(linesOf(sizes), [
      'sizes_bucket{le="+Inf"} 7 @0',
      'sizes_gsum{} 3 @0',
      'sizes_gcount{} 7 @0',
    ]);
  });

  it('have different keys, also where tenants push the same', () => {
    const wait = { bounds: [0.5, 1], values: [7, 3.5, 2, 4] };
    const series = read(
      family('wait', 'histogram', wait, { ...wait, labels: 'job="a"' }),
      { ...family('wait', 'histogram', wait), tenant: 'app:1' },
      family('wait_sum', 'counter', { values: [1] }),
    );

    assert.equal(new Set(series.map(({ key }) => key)).size, series.length);
  });

  it('are those of the time of the call', () => {
    const families = [family('a', 'gauge', { values: [1] })];
    const source = ledgerSeries({ families: () => families, seen: () => undefined });
    const series = source.read();
    families.length = 0;

    assert.equal([...series].length, 1);
  });
});
