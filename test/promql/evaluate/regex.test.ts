/** Regular expressions of matchers and of label_replace: RE2's meaning, whatever way they are tested. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import {
  compileRegex,
  compileTest,
  expandTemplate,
  matchGroups,
} from '../../../src/promql/evaluate/regex.ts';
import { holds } from './holds.ts';

const piece = fc.constantFrom(
  'a',
  'b',
  'ab',
  '|',
  '.*',
  '.+',
  '.',
  '\\.',
  '(a|b)',
  '[ab]',
  'b?',
  '\n',
);
const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\n', 'é'), maxLength: 6 });

describe('regular expressions', () => {
  it('mean the same on the short ways as in RE2', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 4 }), text, (pieces, value) => {
        const expression = pieces.join('');
        const exact = RE2JS.compile(expression, RE2JS.DOTALL);

        assert.equal(
          compileTest(expression)(value),
          exact.matches(value),
          JSON.stringify(expression),
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('take no time that grows with the text in other ways than by its length', () => {
    const test = compileTest('(a*)*b');

    assert.equal(test('a'.repeat(20_000)), false);
  });

  it('expand groups by number and name, names as long as possible', () => {
    const groups = matchGroups(compileRegex('(?P<first>.)(.)'), 'xy');

    assert.ok(groups !== undefined);
    assert.equal(expandTemplate('$1-$2', groups), 'x-y');
    assert.equal(expandTemplate(['$', '{first}$$'].join(''), groups), 'x$');
    assert.equal(expandTemplate('$1x|$9|$first', groups), '||x');
  });

  it('replace labels only where the whole value matches', async () => {
    await holds(`
      load 1m
        up{pod="web-1"} 1
        up{pod="web-1-a"} 1
      eval instant at 0 label_replace(up, "n", "$1", "pod", "web-(\\\\d+)")
        up{pod="web-1", n="1"} 1
        up{pod="web-1-a"} 1
      eval instant at 0 label_replace(up, "pod", "", "pod", ".*")
        expect fail msg: vector cannot contain metrics with the same labelset
      eval instant at 0 label_replace(up, "n", "$1", "pod", "(")
        expect fail regex: invalid regular expression in label_replace\\(\\): \\(
      eval instant at 0 label_join(up, "n", "/", "pod", "pod")
        up{pod="web-1", n="web-1/web-1"} 1
        up{pod="web-1-a", n="web-1-a/web-1-a"} 1
    `);
  });

  it('order by labels in the way that people count', async () => {
    await holds(`
      load 1m
        up{pod="web-10"} 1
        up{pod="web-9"} 1
      eval instant at 0 sort_by_label(up, "pod")
        expect ordered
        up{pod="web-9"} 1
        up{pod="web-10"} 1
    `);
  });
});
