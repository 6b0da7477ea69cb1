import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Problem } from '../../src/serve/errors.ts';
import { checkTarget, splitTarget } from '../../src/serve/request.ts';

describe('the target of a request', () => {
  const parsed: readonly (readonly [target: string, path: string, query: string])[] = [
    ['/', '/', ''],
    ['/v1/apps/a%2Fb%2Fc/metrics?x=1?2', '/v1/apps/a%2Fb%2Fc/metrics', 'x=1?2'],
    ['//', '//', ''],
    ['//host/../x', '//host/../x', ''],
    ['/%zz?%zz', '/%zz', '%zz'],
    ['http://host:80/metrics?a', '/metrics', 'a'],
    ['HTTPS://u:p@host', '/', ''],
    ['http://host?a', '/', 'a'],
  ];
  for (const [target, path, query] of parsed) {
    it(`reads ${target}`, () => assert.deepEqual(splitTarget(target), { path, query }));
  }

  for (const target of ['', '*', 'metrics', 'host:443', 'ftp://h/', 'http:///x', '/a b', '/a#b']) {
    it(`refuses ${JSON.stringify(target)}`, () =>
      assert.throws(() => checkTarget(splitTarget(target)), Problem));
  }

  it('is split as it was sent, and may be refused then', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const target = splitTarget(`/${text}`);
        const { path, query } = target;
        assert.equal(query === '' ? path : `${path}?${query}`, `/${text}`.replace(/\?$/, ''));
        try {
          checkTarget(target);
        } catch (error) {
          assert.ok(error instanceof Problem);
        }
      }),
    );
  });
});
