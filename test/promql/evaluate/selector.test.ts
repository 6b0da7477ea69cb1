/** Which samples selectors and range selectors read. */
import { holds } from './holds.ts';

describe('an instant selector', () => {
  it('takes the newest sample that is younger than the lookback', async () => {
    await holds(`
      load 1m
        up 1 2 3
      eval instant at 90s up
        up 2
      eval instant at 419s999ms up
        up 3
      eval instant at 7m up
    `);
  });

  it('finds nothing after a stale marker, while NaN is a value', async () => {
    await holds(`
      load 1m
        ended 1 stale
        odd 1 NaN
      eval instant at 1m ended
      eval instant at 1m odd
        odd NaN
    `);
  });

  it('reads earlier by an offset, later by a negative one, and at a fixed time by @', async () => {
    await holds(`
      load 1m
        up 0+1x20
      eval instant at 10m up offset 3m
        up 7
      eval instant at 10m up offset -3m
        up 13
      eval range from 10m to 12m step 1m up @ 240 offset 1m
        up 3 3 3
    `);
  });

  it('takes start() and end() from the whole query, also within a subquery', async () => {
    await holds(`
      load 1m
        up 0+1x20
      eval range from 5m to 7m step 1m up @ start() + up @ end()
        {} 12 12 12
      eval range from 5m to 7m step 1m max_over_time((up @ start())[2m:1m])
        {} 5 5 5
    `);
  });
});

describe('a range selector', () => {
  it('leaves out the sample at the start of its window and takes the one at its end', async () => {
    await holds(`
      load 1m
        up 1 1 1 1
      eval instant at 3m count_over_time(up[2m])
        {} 2
    `);
  });

  it('skips stale markers', async () => {
    await holds(`
      load 1m
        up 1 stale 1 1
      eval instant at 3m count_over_time(up[5m])
        {} 3
    `);
  });

  it('is itself the answer of an instant query', async () => {
    await holds(`
      load 1m
        up 1 2 3 4
      eval instant at 3m up[2m]
        expect range vector from 2m to 3m step 1m
        up 3 4
    `);
  });
});

describe('a subquery', () => {
  it('evaluates at multiples of its step, whenever it is asked', async () => {
    await holds(`
      load 10s
        up 0+1x60
      eval instant at 95s last_over_time(up[1m:30s])
        up 9
      eval instant at 95s count_over_time(up[1m:30s])
        {} 2
    `);
  });
});
