/** Arithmetic, quantiles and trims of native histograms. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bucketRanges,
  denseBuckets,
  EMPTY_HISTOGRAM,
  type Histogram,
  upperBound,
} from '../../../src/promql/evaluate/histogram.ts';
import {
  combine,
  detectsReset,
  HistogramSum,
} from '../../../src/promql/evaluate/histogram-arithmetic.ts';
import {
  histogramFraction,
  histogramQuantile,
} from '../../../src/promql/evaluate/histogram-quantile.ts';
import { trim } from '../../../src/promql/evaluate/histogram-trim.ts';
import { holds } from './holds.ts';

const counts = fc.array(fc.nat(20), { maxLength: 12 });
const histogram = fc
  .record({
    schema: fc.integer({ min: -4, max: 8 }),
    positive: counts,
    negative: counts,
    offset: fc.integer({ min: -6, max: 6 }),
    zeroCount: fc.nat(5),
    zeroThreshold: fc.constantFrom(0, 0.001, 0.5, 2),
  })
  .map((of): Histogram => {
    const total = [...of.positive, ...of.negative].reduce(
      (sum, count) => sum + count,
      of.zeroCount,
    );
    const plain = {
      ...EMPTY_HISTOGRAM,
      schema: of.schema,
      positive: denseBuckets(of.offset, of.positive),
      negative: denseBuckets(of.offset, of.negative),
      zeroCount: of.zeroCount,
      count: total,
      sum: 1,
    };
    // The zero bucket lies below all others, as in histograms that a client made.
    const least = Math.min(upperBound(plain, of.offset - 1), of.zeroThreshold);
    return { ...plain, zeroThreshold: least };
  });

function observations(of: Histogram): number {
  return bucketRanges(of).reduce((sum, { count }) => sum + count, 0);
}

describe('native histograms', () => {
  it('have bounds that are powers of two, and the largest double as the last finite one', () => {
    assert.equal(upperBound({ schema: 0, customValues: [] }, 3), 8);
    assert.equal(upperBound({ schema: 1, customValues: [] }, 1), Math.SQRT2);
    assert.equal(upperBound({ schema: -2, customValues: [] }, 1), 16);
    assert.equal(upperBound({ schema: 0, customValues: [] }, 1024), Number.MAX_VALUE);
    assert.equal(upperBound({ schema: 0, customValues: [] }, 1025), Infinity);
    assert.equal(upperBound({ schema: 0, customValues: [] }, -1074), Number.MIN_VALUE);
  });

  it('lose no observation when they are added, whatever their layouts', () => {
    fc.assert(
      fc.property(histogram, histogram, (a, b) => {
        const sum = combine(a, b, 1)?.histogram;

        assert.ok(sum !== undefined);
        assert.equal(observations(sum), observations(a) + observations(b));
        assert.equal(sum.schema, Math.min(a.schema, b.schema));
        assert.ok(sum.zeroThreshold >= Math.max(a.zeroThreshold, b.zeroThreshold));
      }),
    );
  });

  it('are the same whether they are added at once or one by one', () => {
    fc.assert(
      fc.property(histogram, fc.array(histogram, { maxLength: 4 }), (first, others) => {
        const total = new HistogramSum(first);
        let plain = first;
        for (const other of others) {
          total.add(other);
          plain = combine(plain, other, 1)?.histogram ?? plain;
        }

        assert.deepEqual(total.value(), plain);
      }),
    );
  });

  it('are no reset of themselves, nor of a smaller part', () => {
    fc.assert(
      fc.property(histogram, histogram, (a, b) => {
        const sum = combine(a, b, 1)?.histogram ?? a;

        assert.equal(detectsReset(a, a), false);
        assert.equal(detectsReset(sum, a), false);
      }),
    );
  });

  it('have quantiles that rise with the rank, and of which the fraction below is the rank', () => {
    const rank = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(histogram, rank, rank, (of, a, b) => {
        fc.pre(of.count > 0);
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const below = histogramQuantile(low, of).value;

        assert.ok(below - histogramQuantile(high, of).value <= 1e-9 * (Math.abs(below) + 1));
        // Where a quantile falls on a gap between buckets, the fraction steps over the rank.
        const just = Math.abs(below) * 1e-6 + 1e-9;
        assert.ok(histogramFraction(-Infinity, below - just, of).value <= low + 1e-3);
        assert.ok(histogramFraction(-Infinity, below + just, of).value >= low - 1e-3);
      }),
    );
  });

  it('are divided by a trim into two parts that hold all observations', () => {
    const at = fc.double({ min: -100, max: 100, noNaN: true });
    fc.assert(
      fc.property(histogram, at, (of, value) => {
        // Observations of exactly zero are on both sides of zero.
        fc.pre(value !== 0 || of.zeroThreshold > 0);
        const kept = trim(of, value, 'below').count + trim(of, value, 'above').count;

        assert.ok(Math.abs(kept - of.count) < 1e-6 * (of.count + 1), `${kept} of ${of.count}`);
      }),
    );
  });

  it('keep only the custom bounds that both have, and remark on it', async () => {
    await holds(`
      load 1m
        a {{schema:-53 count:6 sum:6 custom_values:[1 2 5] buckets:[1 2 3]}}
        b {{schema:-53 count:4 sum:4 custom_values:[1 5] buckets:[1 3]}}
      eval instant at 0 a + b
        expect info msg: PromQL info: mismatched custom buckets were reconciled during addition (1:1)
        {} {{schema:-53 count:10 sum:10 custom_values:[1 5] buckets:[2 8]}}
    `);
  });

  it('do not mix custom with computed bounds', async () => {
    await holds(`
      load 1m
        a {{schema:-53 count:6 sum:6 custom_values:[1 2 5] buckets:[1 2 3]}}
        b {{schema:0 count:6 sum:6 buckets:[1 2 3]}}
      eval instant at 0 a + b
        expect warn msg: PromQL warning: incompatible bucket layout encountered for binary operator + (1:1)
    `);
  });

  it('become gauges by subtraction and by rates', async () => {
    await holds(`
      load 1m
        h_total {{schema:0 count:1 sum:1 buckets:[1]}}+{{schema:0 count:60 sum:60 buckets:[60]}}x5
      eval instant at 5m rate(h_total[2m1ms])
        {} {{schema:0 count:1 sum:1 buckets:[1] counter_reset_hint:gauge}}
    `);
  });
});

describe('classic histograms', () => {
  it('are interpolated, from zero in the lowest bucket', async () => {
    await holds(`
      load 1m
        h_bucket{le="1"} 10
        h_bucket{le="2"} 20
        h_bucket{le="+Inf"} 30
      eval instant at 0 histogram_quantile(0.5, h_bucket)
        {} 1.5
      eval instant at 0 histogram_quantile(0.1, h_bucket)
        {} 0.3
      eval instant at 0 histogram_quantile(0.99, h_bucket)
        {} 2
      eval instant at 0 histogram_fraction(0, 1.5, h_bucket)
        {} 0.5
    `);
  });

  it('are repaired where counts fall, with a remark; without an infinite bound they say nothing', async () => {
    await holds(`
      load 1m
        h_bucket{le="1"} 10
        h_bucket{le="2"} 5
        h_bucket{le="+Inf"} 20
        open_bucket{le="1"} 10
      eval instant at 0 histogram_quantile(0.25, h_bucket)
        expect info regex: needed to be fixed for monotonicity \\(see .*\\) for metric name "h_bucket", from buckets 2 to 2, with a max diff of 5, over 1 samples from (.*)Z to (.*)Z \\(1:26\\)
        {} 0.5
      eval instant at 0 histogram_quantile(0.5, open_bucket)
        {} NaN
    `);
  });
});
