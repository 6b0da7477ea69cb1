import assert from 'node:assert/strict';
import { parseMetricSelector } from '../../../src/promql/parse.ts';
import { LabelFilter } from '../../../src/query/groups/label-filter.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const NOTHING = {
  ...{ dynamicLabels: [], syncIntervalMs: 0, include: {}, exclude: {} },
  untilSynced: 'open' as const,
};

const allows = (filter: LabelFilter, selector: string) =>
  filter.allows(parseMetricSelector(selector));

describe('a label filter', () => {
  it('skips a group for values that it cannot have', () => {
    const filter = new LabelFilter({ ...NOTHING, include: { job: ['a', 'b'] } });

    assert.ok(allows(filter, 'up{job="a"}'));
    assert.ok(allows(filter, 'up{job=~"b|c"}'));
    assert.ok(allows(filter, 'up{instance="x"}'));
    assert.ok(!allows(filter, 'up{job="c"}'));
    assert.ok(!allows(filter, 'up{job=~"c|d"}'));
  });

  it('asks a group that may have series without the label', () => {
    const filter = new LabelFilter({ ...NOTHING, include: { job: ['a'] } });

    assert.ok(allows(filter, 'up{job!="a"}'));
    assert.ok(allows(filter, 'up{job=~"c|"}'));
  });

  it('takes excluded values away, last', () => {
    const settings = { include: { job: ['a', 'b'] }, exclude: { job: ['b'], __name__: ['up'] } };
    const filter = new LabelFilter({ ...NOTHING, ...settings });

    assert.ok(!allows(filter, 'down{job="b"}'));
    assert.ok(!allows(filter, 'up{job="a"}'));
    assert.ok(allows(filter, 'down{job="a"}'));
  });

  for (const untilSynced of ['open', 'closed'] as const) {
    it(`is ${untilSynced} until its values are known, and keeps them if they cannot be asked for`, async () => {
      const clock = fakeClock();
      const outcomes: string[] = [];
      const answers = ['fails', ['a'], 'fails', ['b']] as const;
      const filter = new LabelFilter(
        { ...NOTHING, dynamicLabels: ['job'], syncIntervalMs: 60_000, untilSynced },
        { onSync: (outcome) => outcomes.push(outcome) },
      );
      filter.start(async () => {
        const answer = answers[outcomes.length] ?? 'fails';
        if (answer === 'fails') throw new Error('no server answers');
        return answer;
      }, clock);
      await clock.advance(0);

      assert.equal(allows(filter, 'up{job="c"}'), untilSynced === 'open');
      await clock.advance(5_000);
      assert.ok(allows(filter, 'up{job="a"}') && !allows(filter, 'up{job="c"}'));
      await clock.advance(60_000);
      assert.ok(allows(filter, 'up{job="a"}'));
      await clock.advance(60_000);
      assert.ok(allows(filter, 'up{job="b"}') && !allows(filter, 'up{job="a"}'));
      assert.deepEqual(outcomes, ['failure', 'success', 'failure', 'success']);
      await filter.close();
    });
  }
});
