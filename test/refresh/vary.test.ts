import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fields } from '../../src/refresh/fields.ts';
import { matches, selectorsOf } from '../../src/refresh/vary.ts';

/** Whether a response to `first` answers `second` too. */
function shares(
  vary: string,
  first: readonly string[],
  second: readonly string[],
  language?: string,
) {
  const selectors = selectorsOf(vary, new Fields(first));
  return selectors !== undefined && matches(selectors, new Fields(second), language);
}

describe('Vary', () => {
  const cases: readonly (readonly [
    vary: string,
    first: readonly string[],
    second: readonly string[],
    isShared: boolean,
  ])[] = [
    ['', ['Foo', '1'], ['Foo', '2'], true],
    ['Foo', ['Foo', '1'], ['foo', '1'], true],
    ['Foo', ['Foo', '1'], ['Foo', '2'], false],
    ['Foo', ['Foo', '1'], [], false],
    ['Foo', [], ['Foo', ''], false],
    ['Foo, Bar', ['Foo', '1', 'Bar', 'a'], ['Bar', 'a', 'Foo', '1'], true],
    ['Foo', ['Foo', '1, 2'], ['Foo', '1', 'Foo', '2'], true],
    ['Foo', ['Foo', '1,2'], ['Foo', ' 1, 2 '], true],
    ['Foo', ['Foo', 'a'], ['Foo', 'A'], false],
    ['Foo', ['Foo', '1,2'], ['Foo', '2,1'], false],
    ['Accept-Language', ['Accept-Language', 'en, de'], ['Accept-Language', 'De,EN'], true],
    [
      'Accept-Encoding',
      ['Accept-Encoding', 'gzip, br;q=1.0'],
      ['Accept-Encoding', 'br,gzip'],
      true,
    ],
    ['Accept-Encoding', ['Accept-Encoding', 'gzip'], ['Accept-Encoding', 'gzip;q=0'], false],
    ['Accept-Encoding', ['Accept-Encoding', 'gzip, GZIP'], ['Accept-Encoding', 'gzip'], true],
    ['*', [], [], false],
    ['Foo, *', ['Foo', '1'], ['Foo', '1'], false],
  ];
  for (const [vary, first, second, isShared] of cases) {
    const title = `${vary || 'none'}: ${first.join(' ')} and ${second.join(' ')}`;
    it(`${title} ${isShared ? 'share' : 'do not share'}`, () =>
      assert.equal(shares(vary, first, second), isShared));
  }

  it("takes a response in the language that is the reader's only first choice", () => {
    const asked = (value: string) =>
      shares('Accept-Language', ['Accept-Language', 'en, de'], ['Accept-Language', value], 'de');

    assert.equal(asked('fr;q=0.5, de;q=1.0'), true);
    assert.equal(asked('de;q=0.5, fr;q=1.0'), false);
    assert.equal(asked('de, fr'), false);
  });

  it('shares with the very same request, whatever it holds', () => {
    const text = fc.stringMatching(/^[ -~]{0,20}$/);
    const name = fc.constantFrom('a', 'b', 'Accept-Language', 'Accept-Encoding');
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text)), fc.array(name), (fields, vary) => {
        assert.ok(shares(vary.join(', '), fields.flat(), fields.flat()));
      }),
    );
  });
});
