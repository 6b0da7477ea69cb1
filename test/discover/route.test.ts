import assert from 'node:assert/strict';
import { matchRoute, routeKey } from '../../src/discover/route.ts';

describe('routeKey', () => {
  const keys: readonly [uri: string, key: string | undefined][] = [
    ['App.Example.com', 'app.example.com'],
    ['app.example.com/', 'app.example.com'],
    ['app.example.com/Path/To/', 'app.example.com/path/to'],
    ['app.example.com?x=1', 'app.example.com'],
    ['app.example.com/p/?x=/y', 'app.example.com/p'],
    ['*.apps.example.com', '*.apps.example.com'],
    ['app.example.com/ä', 'app.example.com/ä'],
    ['__proto__', '__proto__'],
    ['', undefined],
    ['/', undefined],
    ['?x', undefined],
    ['app example.com', undefined],
    ['app.example.com\r\nX-Evil: 1', undefined],
    ['app.example.com/a b', undefined],
    ['app.example.com/\u0000', undefined],
    ['user@app.example.com', undefined],
    ['äpp.example.com', undefined],
    [`${'a'.repeat(254)}`, undefined],
    [`app.example.com/${'a'.repeat(1024)}`, undefined],
  ];
  for (const [uri, key] of keys) {
    it(`${JSON.stringify(uri).slice(0, 40)} is ${key}`, () => assert.equal(routeKey(uri), key));
  }
});

describe('matchRoute', () => {
  const known = [
    'app.example.com',
    'app.example.com/shop',
    'app.example.com/shop/cart',
    'paths.example.com/only',
    '*.apps.example.com',
    '*.apps.example.com/admin',
    '*.example.com',
  ];
  const keys = {
    hasHost: (host: string) => known.some((key) => key.split('/')[0] === host),
    hasRoute: (key: string) => known.includes(key),
  };
  const matches: readonly [asked: string, key: string | undefined, host?: string][] = [
    ['app.example.com', 'app.example.com'],
    ['app.example.com/other', 'app.example.com'],
    ['app.example.com/shop', 'app.example.com/shop'],
    ['app.example.com/shopping', 'app.example.com'],
    ['app.example.com/shop/cart/1', 'app.example.com/shop/cart'],
    ['app.example.com:443/shop', 'app.example.com/shop', 'app.example.com'],
    ['paths.example.com/only/this', 'paths.example.com/only'],
    ['paths.example.com', '*.example.com', 'paths.example.com'],
    ['x.apps.example.com', '*.apps.example.com', 'x.apps.example.com'],
    ['x.y.apps.example.com:8080', '*.apps.example.com', 'x.y.apps.example.com'],
    ['x.apps.example.com/admin/1', '*.apps.example.com/admin', 'x.apps.example.com'],
    ['*.apps.example.com', '*.apps.example.com', '*.apps.example.com'],
    ['apps.example.com', '*.example.com', 'apps.example.com'],
    ['example.com', undefined],
    ['app.example.org', undefined],
  ];
  for (const [asked, key, host = asked.split('/')[0]] of matches) {
    it(`${asked} is served by ${key}`, () =>
      assert.deepEqual(matchRoute(asked, keys), key === undefined ? undefined : { key, host }));
  }

  it('looks at paths only of hosts that there are', () => {
    let asked = 0;
    const nothing = {
      hasHost: () => false,
      hasRoute: () => {
        asked += 1;
        return false;
      },
    };

    matchRoute(`${'a.'.repeat(120)}a${'/x'.repeat(300)}`, nothing);

    assert.equal(asked, 0);
  });
});
