import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCacheControl, secondsOf } from '../../src/refresh/cache-control.ts';
import { parseTargetedCacheControl } from '../../src/refresh/structured-dictionary.ts';

describe('parseCacheControl', () => {
  const cases: readonly (readonly [text: string, directives: Record<string, string>])[] = [
    ['max-age=3600', { 'max-age': '3600' }],
    ['MaX-aGe=1, No-Store', { 'max-age': '1', 'no-store': '' }],
    ['max-age="3600"', { 'max-age': '3600' }],
    ['no-cache="a, b", max-age=1', { 'no-cache': 'a, b', 'max-age': '1' }],
    ['extension="max-age=3600", max-age=1', { extension: 'max-age=3600', 'max-age': '1' }],
    ['a="quoted \\" and max-age=5", max-age=1', { a: 'quoted " and max-age=5', 'max-age': '1' }],
    [',, max-age=1 ,', { 'max-age': '1' }],
    ['max-age=1, max-age=2', { 'max-age': '1' }],
    ['max-age =3600', {}],
    ['max-age= 3600, public', { public: '' }],
    ['<bad>, public', { public: '' }],
    ['bad "x, max-age=9", public', { public: '' }],
    ['', {}],
  ];
  for (const [text, directives] of cases) {
    it(`reads ${JSON.stringify(text)}`, () =>
      assert.deepEqual(Object.fromEntries(parseCacheControl(text)), directives));
  }

  it('takes a number that is none for zero, and bounds others', () => {
    const read = (text: string) => secondsOf(parseCacheControl(`max-age=${text}`), 'max-age');

    assert.deepEqual(['1', '003600', '99999999999', '1.5', "'3600'", 'a1', '-1', ''].map(read), [
      1,
      3600,
      2 ** 31,
      0,
      0,
      0,
      0,
      0,
    ]);
  });

  it('ends for any text, and finds a directive behind any well-formed list', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseCacheControl(text)));
    const member = fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[ -~]{0,8}$/));
    fc.assert(
      fc.property(fc.array(member), (members) => {
        const list = members.map(([name, text]) => `x${name}=${JSON.stringify(text)}`);
        const directives = parseCacheControl([...list, 'max-age=7'].join(', '));
        assert.equal(directives.get('max-age'), '7');
      }),
    );
  });
});

describe('both parsers', () => {
  for (const text of [' ', '\t', 'a=" ', ',', 'a"']) {
    // Were it the square of the length, the test would not end.
    it(`take time in proportion to the length of ${JSON.stringify(text)}, often repeated`, () => {
      const value = `${text.repeat(1_000_000)}"`;

      assert.ok(parseCacheControl(value).size <= 1);
      assert.equal(parseTargetedCacheControl(value), undefined);
    });
  }
});

describe('parseTargetedCacheControl', () => {
  it('reads the directives of a dictionary', () => {
    const directives = parseTargetedCacheControl('foobar, max-age=3600;p="x", must-revalidate=?1');

    assert.deepEqual(Object.fromEntries(directives ?? []), {
      foobar: '',
      'max-age': '3600',
      'must-revalidate': '',
    });
  });

  it('lets the last of a name count, and none that is false', () => {
    const directives = parseTargetedCacheControl('max-age=1, no-store=?0, max-age=2');

    assert.deepEqual(Object.fromEntries(directives ?? []), { 'max-age': '2' });
  });

  for (const text of [
    '',
    'max-age=10000, &&&&&',
    'max-age="10000"',
    'max-age=1.5',
    'max-age =100',
    'max-age= 100',
    'MaX-aGe=3600',
    'max-age=1,',
    'a=(1 2',
    'max-age=-1',
    'a="x',
  ]) {
    it(`ignores the field ${JSON.stringify(text)} as a whole`, () =>
      assert.equal(parseTargetedCacheControl(text), undefined));
  }

  it('knows lists within the dictionary', () => {
    assert.ok(parseTargetedCacheControl('a=(1 "b";c d), max-age=1')?.has('max-age'));
  });
});
