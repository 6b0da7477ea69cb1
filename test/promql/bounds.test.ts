/** What a hostile query may cost: nothing but a PromQL error comes of it, in time that grows with it. */
import assert from 'node:assert/strict';
import { parse, parseMetricSelector } from '../../src/promql/parse.ts';
import { ParseError } from '../../src/promql/parse-error.ts';
import { print } from '../../src/promql/print.ts';
import { ALL_ON } from './switches.ts';

const DEEP = 'expression nests deeper than 1000 levels';

function faultOf(query: string): string {
  try {
    parse(query, ALL_ON);
  } catch (error) {
    assert.ok(error instanceof ParseError, String(error));
    return error.faults[0]!.text; // one at least
  }
  return '';
}

describe('the bounds of a query', () => {
  const deep: readonly (readonly [what: string, query: string])[] = [
    ['parentheses', '('.repeat(1_000_000)],
    ['signs', `${'-'.repeat(1_000_000)}1`],
    ['calls', `${'abs('.repeat(2000)}x${')'.repeat(2000)}`],
    ['a chain of operators', `x${' or x'.repeat(200_000)}`],
    ['powers', `2${'^2'.repeat(400_000)}`],
    ['subqueries', `x${'[5m:]'.repeat(200_000)}`],
    ['signs of a duration', `x[${'-'.repeat(1_000_000)}5m]`],
    ['a chain of durations', `x[1${'+1'.repeat(400_000)}]`],
    ['parentheses of a duration', `x offset ${'('.repeat(1_000_000)}`],
  ];
  for (const [what, query] of deep) {
    it(`${what} may not nest without end`, () => {
      assert.equal(faultOf(query), DEEP);
    });
  }

  it('a tree of the greatest depth is parsed, checked and printed', () => {
    const query = `${'('.repeat(499)}${'x + '.repeat(499)}x${')'.repeat(499)}`;

    assert.equal(print(parse(query)), query);
  });

  const long: readonly (readonly [what: string, query: string])[] = [
    ['matchers', `{${'abc="value",'.repeat(80_000)}}`],
    ['arguments', `label_join(a, ${'"x", '.repeat(200_000)}"x")`],
    ['labels', `sum by (${'a,'.repeat(500_000)}) (x)`],
    ['a string', `"${'\\n'.repeat(500_000)}"`],
    ['blanks', `x${' '.repeat(1_000_000)}`],
    ['comments', `x${'#\n'.repeat(500_000)}`],
    ['expressions of literals', `x{${'a=~"b.*|c\\\\.d",'.repeat(60_000)}}`],
  ];
  for (const [what, query] of long) {
    it(`a megabyte of ${what} is parsed`, () => {
      assert.equal(faultOf(query), '');
    });
  }

  it('regular expressions that need a compiler have a bound, together', () => {
    const one = '(a|b)*'.repeat(1000);

    assert.equal(faultOf(`x{a=~"${one}"}`), '');
    assert.equal(
      faultOf(`x{a=~"${one}",b=~"${one}",c=~"${one}"}`),
      `error parsing regexp: expression too large: \`${one}\``,
    );
  });

  it('at most 100 faults are kept', () => {
    const query = `x${' offset 5m'.repeat(90_000)}`;

    assert.throws(
      () => parse(query),
      (error: unknown) => {
        assert.ok(error instanceof ParseError);
        return error.faults.length === 100;
      },
    );
  });

  it('a selector is bounded likewise', () => {
    assert.throws(() => parseMetricSelector('{'.repeat(1_000_000)), ParseError);
  });
});
