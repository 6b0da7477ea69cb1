import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PushRate } from '../../src/serve/push-rate.ts';

describe('PushRate', () => {
  it('gives each tenant as many pushes as fit in a second, and then as time passes', () => {
    let nowMs = 0;
    const rate = new PushRate(() => nowMs);
    const take = (tenant: string): boolean => rate.take(tenant, 2);

    assert.deepEqual([take('a'), take('a'), take('a'), take('b')], [true, true, false, true]);
    nowMs += 499;
    assert.equal(take('a'), false);
    nowMs += 1;
    assert.deepEqual([take('a'), take('a')], [true, false]);
    nowMs += 60_000;
    assert.deepEqual([take('a'), take('a'), take('a')], [true, true, false]);
  });

  it('never gives more than the rate allows, whenever the pushes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(700), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (pauses, limit) => {
          let nowMs = 0;
          const rate = new PushRate(() => nowMs);
          const taken: number[] = [];
          for (const pause of pauses) {
            nowMs += pause;
            if (rate.take('a', limit)) taken.push(nowMs);
          }
          for (const [i, atMs] of taken.entries()) {
            const first = taken[i - 2 * limit];
            if (first !== undefined) assert.ok(atMs - first >= 999, `${first} to ${atMs}`);
          }
        },
      ),
    );
  });

  it('remembers a bounded number of tenants', () => {
    const rate = new PushRate(() => 0);

    for (let i = 0; i < 100_000; i++) rate.take(`t${i}`, 1);

    assert.ok(rate.size <= 20_000, `${rate.size}`);
  });
});
