import assert from 'node:assert/strict';
import type { TimeLimit } from '../../../src/query/groups/settings.ts';
import { withinLimits } from '../../../src/query/groups/time-limit.ts';

const NOW_MS = 1_000_000;
const RANGE = { afterMs: 400_000, untilMs: 600_000 };

function within(limit: Partial<TimeLimit>) {
  const whole = { start: undefined, end: undefined, truncate: false, ...limit };
  return withinLimits(RANGE, [{ kind: 'absolute', ...whole }], NOW_MS);
}

describe('the times of a group', () => {
  it('skip it for a range outside', () => {
    assert.equal(within({ start: 600_001 }), undefined);
    assert.equal(within({ end: 400_000 }), undefined);
    assert.equal(within({ kind: 'relative', end: -600_000 }), undefined);
    assert.equal(within({ kind: 'relative', start: -399_999 }), undefined);
  });

  it('leave a range whole that is within in part', () => {
    assert.deepEqual(within({ start: 600_000 }), RANGE);
    assert.deepEqual(within({ end: 400_001 }), RANGE);
    assert.deepEqual(within({ kind: 'relative', start: -500_000 }), RANGE);
  });

  it('cut a range if they are told to', () => {
    assert.deepEqual(within({ start: 500_000, truncate: true }), {
      ...{ afterMs: 499_999, untilMs: 600_000 },
    });
    assert.deepEqual(within({ end: 500_000, truncate: true }), { ...RANGE, untilMs: 500_000 });
    assert.deepEqual(within({ kind: 'relative', start: -500_000, truncate: true }), {
      ...{ afterMs: 499_999, untilMs: 600_000 },
    });
  });

  it('hold all together', () => {
    const limits: TimeLimit[] = [
      { kind: 'absolute', start: undefined, end: 500_000, truncate: true },
      { kind: 'relative', start: -450_000, end: undefined, truncate: false },
    ];
    assert.equal(withinLimits(RANGE, limits, NOW_MS), undefined);
  });
});
