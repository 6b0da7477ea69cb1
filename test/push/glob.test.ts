import assert from 'node:assert/strict';
import fc from 'fast-check';
import { toGlob } from '../../src/push/glob.ts';

describe('toGlob', () => {
  for (const [pattern, matching, other] of [
    ['queue', ['queue'], ['queues', 'queu', '']],
    ['*', ['', 'a', 'a*b'], []],
    ['queue_*', ['queue_', 'queue_length'], ['queue', 'a_queue_length']],
    ['*_total', ['_total', 'jobs_total'], ['jobs_totals']],
    ['a*a', ['aa', 'aba'], ['a']],
    ['*a*b*', ['ab', 'xaxbx'], ['ba']],
    ['a*bc*c', ['abcc', 'axbcxc'], ['abc']],
    ['a.c', ['a.c'], ['abc']],
  ] as const) {
    it(`of ${pattern} matches ${JSON.stringify(matching)} only`, () => {
      const fits = toGlob(pattern);

      for (const text of matching) assert.ok(fits(text), text);
      for (const text of other) assert.ok(!fits(text), text);
    });
  }

  it('matches as a regular expression does', () => {
    const few = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(few, text, (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);

        assert.equal(toGlob(pattern)(text), expression.test(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('answers for a pattern of many stars, of which an expression would try all places', () => {
    assert.ok(!toGlob(`${'a*'.repeat(100)}b`)('a'.repeat(100_000)));
  });
});
