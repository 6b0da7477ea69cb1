import assert from 'node:assert/strict';
import { post } from '../../../src/push/book/posting.ts';
import { tenantRules } from '../../../src/push/rules.ts';
import { gauge, pushOf, SETTINGS, type TestFamily } from '../../support/pushes.ts';

const RULES = tenantRules(SETTINGS, { tenant: '', forced: [] });

function steps(families: readonly TestFamily[]): number {
  const posting = post(pushOf(families), RULES);
  let count = 1;
  while (posting.next().done !== true) count += 1;
  return count;
}

describe('post', () => {
  it('takes a step for each few metrics, whichever families these are of', () => {
    const families = Array.from({ length: 2_000 }, (_, at) => gauge(`g${at}`, 1));
    const metrics = families.map((_, at) => ({ labels: { at: `${at}` }, run: [1] }));

    assert.ok(steps(families) > 10, `${steps(families)} steps`);
    assert.ok(steps([{ name: 'g', type: 'gauge', metrics }]) > 10);
  });

  it('takes a step for fewer metrics that have long labels', () => {
    const long = Array.from({ length: 100 }, (_, at) =>
      gauge(`g${at}`, 1, { a: 'x'.repeat(2_000) }),
    );

    assert.ok(steps(long) > 5, `${steps(long)} steps`);
    assert.equal(steps([gauge('g', 1)]), 1);
  });
});
