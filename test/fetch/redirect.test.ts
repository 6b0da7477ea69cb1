import assert from 'node:assert/strict';
import { redirectPath } from '../../src/fetch/redirect.ts';

const target = { host: 'app.example.com', address: '10.0.16.4:61001' };

function follow(location: string | undefined, status = 302, path = '/a/metrics?x=1') {
  return redirectPath(status, location, target, path);
}

describe('redirectPath', () => {
  const followed: readonly [location: string, path: string][] = [
    ['/real', '/real'],
    ['/real?a=b#c', '/real?a=b'],
    ['real', '/a/real'],
    ['metrics/', '/a/metrics/'],
    ['../real', '/real'],
    ['?y=2', '/a/metrics?y=2'],
    ['http://app.example.com/real', '/real'],
    ['https://APP.example.com/real', '/real'],
    ['https://app.example.com', '/'],
    ['//app.example.com/real', '/real'],
    ['http://10.0.16.4:61001/real', '/real'],
    ['/a b?c d', '/a%20b?c%20d'],
    ['/caf\xc3\xa9', '/caf%C3%A9'],
    ['/caf\xe9', '/caf%E9'],
  ];
  for (const [location, path] of followed) {
    it(`follows ${location}`, () => assert.equal(follow(location), path));
  }

  const refused: readonly string[] = [
    'http://login.example.com/',
    '//evil.example.com/metrics',
    '/\\evil.example.com',
    '\\\\evil.example.com',
    'http://app.example.com.evil.example/',
    'http://app.example.com@evil.example/',
    'http://user@app.example.com/',
    'http://app.example.com:8080/',
    'http://10.0.16.4:61002/',
    'ftp://app.example.com/',
    'javascript:alert(1)',
    'http://',
    '/a\tb',
    '/\r\nX: y',
    '/.//evil.example.com',
    '',
  ];
  for (const location of refused) {
    it(`does not follow ${JSON.stringify(location)}`, () => {
      assert.equal(follow(location), undefined);
    });
  }

  it('follows the statuses that say where to go, no other', () => {
    const statuses = [300, 301, 302, 303, 304, 305, 306, 307, 308, 399];

    assert.deepEqual(
      statuses.filter((status) => follow('/real', status)),
      [301, 302, 303, 307, 308],
    );
  });

  it('goes nowhere without a Location, or from a route that is no host', () => {
    assert.equal(follow(undefined), undefined);
    assert.equal(redirectPath(302, '/x', { host: 'a b', address: '10.0.0.1:1' }, '/'), undefined);
  });
});
