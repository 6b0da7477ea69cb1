/** One value from the samples of a window. */
import { holds } from './holds.ts';

describe('functions over time', () => {
  it('keep what rounding would lose of a sum', async () => {
    await holds(`
      load 1m
        huge 1 1e100 1 -1e100
      eval instant at 3m sum_over_time(huge[5m])
        {} 2
      eval instant at 3m avg_over_time(huge[5m])
        {} 0.5
    `);
  });

  it('give a mean where the sum overflows', async () => {
    await holds(`
      load 1m
        huge 1.7e308 1.7e308
      eval instant at 1m avg_over_time(huge[5m])
        {} 1.7e308
    `);
  });

  it('take NaN as least or largest only where there is nothing else', async () => {
    await holds(`
      load 1m
        some 1 NaN 3
        none NaN NaN
      eval instant at 2m min_over_time(some[5m])
        {} 1
      eval instant at 2m max_over_time(some[5m])
        {} 3
      eval instant at 2m max_over_time(none[5m])
        {} NaN
    `);
  });

  it('interpolate quantiles, and warn of those that are none', async () => {
    await holds(`
      load 1m
        up 0 1 2 3
      eval instant at 3m quantile_over_time(0.5, up[5m])
        {} 1.5
      eval instant at 3m quantile_over_time(2, up[5m])
        expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)
        {} +Inf
    `);
  });

  it('know the times of the first, last, least and largest value', async () => {
    await holds(`
      load 1m
        up 5 1 9 1 9
      eval instant at 4m ts_of_first_over_time(up[5m])
        {} 0
      eval instant at 4m ts_of_min_over_time(up[5m])
        {} 180
      eval instant at 4m ts_of_max_over_time(up[5m])
        {} 240
    `);
  });

  it('find the line through a gauge, and where the line leads', async () => {
    await holds(`
      load 1m
        level 60 120 180 240
        flat 5 5 5
      eval instant at 3m deriv(level[5m])
        {} 1
      eval instant at 3m predict_linear(level[5m], 60)
        {} 300
      eval instant at 2m deriv(flat[5m])
        {} 0
    `);
  });

  it('refuse smoothing factors outside of 0 to 1', async () => {
    await holds(`
      load 1m
        up 1 2 3
      eval instant at 2m double_exponential_smoothing(up[5m], 1, 0.5)
        expect fail msg: invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000
    `);
  });

  it('warn of windows that hold numbers and histograms', async () => {
    await holds(`
      load 1m
        both 1 {{schema:0 sum:1 count:1 buckets:[1]}}
      eval instant at 1m sum_over_time(both[5m])
        expect warn msg: PromQL warning: encountered a mix of histograms and floats for metric name "both" (1:15)
      eval instant at 1m max_over_time(both[5m])
        expect info msg: PromQL info: ignored histograms in a range containing both floats and histograms for metric name "both" (1:15)
        {} 1
    `);
  });
});

describe('absent', () => {
  it('has the labels that equality matchers fix, each named once', async () => {
    await holds(`
      eval instant at 0 absent(up{job="a", pod=~"b", zone="c", zone="d"})
        {job="a"} 1
      eval instant at 0 absent_over_time(up{job="a"}[5m])
        {job="a"} 1
    `);
  });
});
