/** How rates extrapolate, and what counts as a reset. */
import { holds } from './holds.ts';

describe('rate and increase', () => {
  it('extend a change to the ends of the window when samples lie near them', async () => {
    await holds(`
      load 1m
        a_total 100+60x10
      eval instant at 10m30s increase(a_total[5m])
        {} 300
      eval instant at 10m30s rate(a_total[5m])
        {} 1
    `);
  });

  it('extend by half the distance of samples where the series begins or ends within the window', async () => {
    await holds(`
      load 1m
        a_total _ _ _ _ _ 1000+60x2 _ _ _
      eval instant at 10m increase(a_total[10m])
        {} 180
    `);
  });

  it('extend a counter not further back than to zero', async () => {
    await holds(`
      load 1m
        a_total _ _ 6+60x5
      eval instant at 7m increase(a_total[6m])
        {} 306
    `);
  });

  it('add what the counter had reached before each reset', async () => {
    await holds(`
      load 1m
        a_total 100 200 50 60 20
      eval instant at 4m increase(a_total[4m1ms])
        {} 180.00075
      eval instant at 4m resets(a_total[5m])
        {} 2
    `);
  });

  it('need two samples, unless the counter began within the window', async () => {
    await holds(`
      load 1m
        a_total _ _ _ 3
        b_total@st _ _ _ -30s
        b_total _ _ _ 3
      eval instant at 4m increase(a_total[3m])
      eval instant at 4m increase(b_total[3m])
        {} 3
    `);
  });

  it('remark that a metric may be no counter', async () => {
    await holds(`
      load 1m
        temperature 1 2 3
      eval instant at 2m rate(temperature[5m])
        expect info msg: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "temperature" (1:6)
        {} 0.00833333333333
    `);
  });
});

describe('irate', () => {
  it('takes the last two samples, and the last alone after a reset', async () => {
    await holds(`
      load 1m
        a_total 0 60 180
        b_total 0 60 30
      eval instant at 2m irate(a_total[5m])
        {} 2
      eval instant at 2m irate(b_total[5m])
        {} 0.5
    `);
  });
});

describe('anchored and smoothed', () => {
  it('anchored starts from the last sample before the window and extrapolates nothing', async () => {
    await holds(`
      load 1m
        a_total 0+10x10
      eval instant at 5m30s increase(a_total[2m] anchored)
        {} 20
    `);
  });

  it('smoothed interpolates at both ends, from zero across a reset', async () => {
    await holds(`
      load 1m
        a_total 0+10x10
        b_total 100 10
      eval instant at 5m30s increase(a_total[2m] smoothed)
        {} 20
      eval instant at 45s increase(b_total[30s] smoothed)
        {} 5
    `);
  });
});
