import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseSelector, SelectorError, type SelectorFault } from '../../src/discover/selector.ts';

/** The readings as `text` or `text = org | space | app`. */
function readings(request: { path?: string; search?: string }): string[] {
  return parseSelector(request).readings.map(({ text, name }) =>
    name ? `${text} = ${name.join(' | ')}` : text,
  );
}

describe('parseSelector', () => {
  const paths: readonly [path: string, ...readings: string[]][] = [
    ['shop', 'shop'],
    ['sys/tools/shop', 'sys/tools/shop = sys | tools | shop'],
    ['sys%2Ftools%2Fshop', 'sys/tools/shop = sys | tools | shop'],
    ['sys%2ftools/shop', 'sys/tools/shop = sys | tools | shop'],
    ['sys/tools/a%2Fb', 'sys/tools/a/b = sys | tools | a/b'],
    ['my%20org/my+space/my.app', 'my org/my+space/my.app = my org | my+space | my.app'],
    ['%E2%82%AC/%C3%A4/%F0%9F%9A%80', '€/ä/🚀 = € | ä | 🚀'],
    ['sys/tools/100%25', 'sys/tools/100% = sys | tools | 100%'],
    ['sys/tools/', 'sys/tools/'],
    ['sys//shop', 'sys//shop'],
    ['a/b/c/d', 'a/b/c/d'],
    ['shop.example.com', 'shop.example.com'],
    ['shop.example.com/a/b', 'shop.example.com/a/b = shop.example.com | a | b'],
    ['%22sys%2Ftools%2Fshop%22', 'sys/tools/shop = sys | tools | shop'],
    ['%22sys/tools/a%2Fb%22', 'sys/tools/a/b = sys | tools | a/b'],
    ['https%3A%2F%2Fshop.example.com%2Fp', 'shop.example.com/p'],
    ['https://shop.example.com/p', 'shop.example.com/p'],
    ['sys%252Ftools%252Fshop', 'sys%2Ftools%2Fshop', 'sys/tools/shop = sys | tools | shop'],
    [
      'sys/tools/50%2525%2520',
      'sys/tools/50%25%20 = sys | tools | 50%25%20',
      'sys/tools/50%  = sys | tools | 50% ',
    ],
    ['sys/tools/50%25ff', 'sys/tools/50%ff = sys | tools | 50%ff'],
  ];
  for (const [path, ...expected] of paths) {
    it(`reads the path ${path}`, () => assert.deepEqual(readings({ path }), expected));
  }

  const searches: readonly [search: string, reading: string][] = [
    ['?app=shop', 'shop'],
    ['app=sys/tools/shop', 'sys/tools/shop = sys | tools | shop'],
    ['?app=sys%2Ftools%2Fshop', 'sys/tools/shop = sys | tools | shop'],
    ['?app=sys/tools/a%2Fb', 'sys/tools/a/b = sys | tools | a/b'],
    ['?app=%22sys/tools/shop%22', 'sys/tools/shop = sys | tools | shop'],
    ['?app="sys/tools/shop"', 'sys/tools/shop = sys | tools | shop'],
    ['?app=my+org/s/a%2Bb', 'my org/s/a+b = my org | s | a+b'],
    ['?route_url=shop.example.com', 'shop.example.com'],
    ['?route_url="https://Shop.example.com/p?q=1"', 'Shop.example.com/p?q=1'],
    ['?route_url=HTTP%3A%2F%2Fshop.example.com', 'shop.example.com'],
    ['?route_url=r.example.com&app=shop', 'shop'],
    ['?app=&route_url=r.example.com', 'r.example.com'],
    ['?app=%22%22&route_url=r.example.com', 'r.example.com'],
    ['?app&route_url=r.example.com', 'r.example.com'],
    ['?app=one&app=two', 'one'],
    ['?metric_path=/%zz&app=shop', 'shop'],
    ['?xapp=a&app2=b&app=shop', 'shop'],
  ];
  for (const [search, expected] of searches) {
    it(`reads the query ${search}`, () => assert.deepEqual(readings({ search }), [expected]));
  }

  it('lets the path win over the query, unless the path is empty', () => {
    assert.deepEqual(readings({ path: 'shop', search: '?app=blog' }), ['shop']);
    assert.deepEqual(readings({ path: '', search: '?app=blog' }), ['blog']);
  });

  const faults: readonly [request: { path?: string; search?: string }, fault: SelectorFault][] = [
    [{}, 'missing'],
    [{ search: '?app=' }, 'missing'],
    [{ search: '?app=""' }, 'missing'],
    [{ search: '?route_url=https://' }, 'missing'],
    [{ path: '%zz' }, 'escape'],
    [{ path: 'sys/tools/%' }, 'escape'],
    [{ path: 'sys/tools/%E2%82' }, 'escape'],
    [{ path: '%ff' }, 'escape'],
    [{ search: '?app=%zz' }, 'escape'],
    [{ search: '?route_url=a/%c0%af' }, 'escape'],
    [{ path: 'shop', search: '?process=a b' }, 'process'],
    [{ path: 'shop', search: '?process=%0a' }, 'process'],
    [{ path: 'shop', search: '?process=%zz' }, 'escape'],
  ];
  for (const [request, fault] of faults) {
    it(`refuses ${JSON.stringify(request)} for its ${fault}`, () =>
      assert.throws(
        () => parseSelector(request),
        (error) => error instanceof SelectorError && error.fault === fault,
      ));
  }

  it("says what is missing in Promfetcher's words", () =>
    assert.throws(() => parseSelector({}), new SelectorError('missing')));

  it('leaves the processes to the bindings unless some are asked for', () => {
    assert.equal(parseSelector({ path: 'shop' }).process, undefined);
    assert.equal(parseSelector({ path: 'shop', search: '?process=' }).process, undefined);
    assert.equal(parseSelector({ path: 'shop', search: '?process=worker' }).process, 'worker');
    assert.equal(parseSelector({ path: 'shop', search: '?process=all' }).process, 'all');
  });

  it('gives back any three names that a client encoded, part by part or as a whole', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(name, name, name, (organization, space, app) => {
        const names = [organization, space, app];
        const byPart = names.map(encodeURIComponent).join('/');
        const bare = names.join('/');
        fc.pre(!/^"|:\/\//.test(bare));
        assert.deepEqual(parseSelector({ path: byPart }).readings[0]?.name, names);
        assert.deepEqual(parseSelector({ search: `app=${byPart}` }).readings[0]?.name, names);
        fc.pre(names.every((part) => !part.includes('/')));
        const whole = encodeURIComponent(bare);
        assert.deepEqual(parseSelector({ path: whole }).readings[0]?.name, names);
      }),
    );
  });

  it('throws nothing but its own error', () => {
    const part = fc.constantFrom('%', '%2', '%2F', '"', '/', '://', 'a', '%zz', '+', '&', '=', '?');
    const text = fc.array(part).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (path, app) => {
        try {
          parseSelector({ path, search: `?app=${app}` });
        } catch (error) {
          assert.ok(error instanceof SelectorError);
        }
      }),
    );
  });
});
