import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NameFilter } from '../../src/merge/name-filter.ts';

describe('NameFilter', () => {
  it('fits what a plain reading of the pattern fits', () => {
    const text = fc.array(fc.constantFrom('a', 'b', '_', 'ü', '😀'), { maxLength: 8 });
    const pattern = fc.array(fc.constantFrom('a', 'b', '_', '😀', '*', '?'), { maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, name) => {
        const filter = new NameFilter({ allow: [glob.join('')], deny: [] });

        assert.equal(filter.passes(name.join('')), fitsPlainly(glob, name));
      }),
      { numRuns: 5000 },
    );
  });

  it('drops what is denied although it is allowed, and what nothing allows', () => {
    const filter = new NameFilter({ allow: ['http_*', 'up'], deny: ['*_bucket'] });

    const names = ['http_x', 'http_x_bucket', 'up', 'upper', 'go_x'];

    assert.deepEqual(
      names.filter((name) => filter.passes(name)),
      ['http_x', 'up'],
    );
  });

  it('allows everything but what is denied when nothing is said of what is allowed', () => {
    const filter = new NameFilter({ allow: [], deny: ['go_*'] });

    assert.deepEqual([filter.passes('go_x'), filter.passes('x')], [false, true]);
  });

  it('takes a pattern whose naive reading would never end', () => {
    const filter = new NameFilter({ allow: [`${'*a'.repeat(40)}*b`], deny: [] });

    assert.equal(filter.passes('a'.repeat(2000)), false);
  });

  it('gives the same verdicts of more names than it keeps', () => {
    const filter = new NameFilter({ allow: ['*7'], deny: [] });
    const verdicts = (): boolean[] =>
      Array.from({ length: 30_000 }, (_, n) => filter.passes(`m${n}`));

    assert.deepEqual(verdicts(), verdicts());
    assert.equal(filter.passes('m7'), true);
  });
});

function fitsPlainly(glob: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = glob;
  if (first === undefined) return name.length === 0;
  if (first === '*')
    return name.some((_, at) => fitsPlainly(rest, name.slice(at))) || fitsPlainly(rest, []);
  return (
    name.length > 0 && (first === '?' || first === name[0]) && fitsPlainly(rest, name.slice(1))
  );
}
