/** What gorouter says of itself is told from what the app says. */
import assert from 'node:assert/strict';
import { routerFailure } from '../../src/fetch/router-answer.ts';
import { judge, routerWord } from '../../src/fetch/verdict.ts';
import { target as targetOf } from './instance-server.ts';

const said = (status: number, word: string) =>
  routerFailure({ via: 'gorouter' }, status, { 'x-cf-routererror': word });

describe('routerFailure', () => {
  it('maps the words of X-Cf-RouterError', () => {
    assert.equal(said(404, 'unknown_route'), 'unknown-route');
    assert.equal(said(503, 'no_endpoints'), 'no-endpoints');
    assert.equal(said(502, 'endpoint_failure (EOF)'), 'endpoint-failure');
    assert.equal(said(503, 'Connection Limit Reached'), 'endpoint-failure');
    assert.equal(said(400, 'invalid_cf_process_instance_header'), 'router-refused');
    assert.equal(said(431, 'max-request-size-exceeded'), 'router-refused');
  });

  it('takes an answer as the app own without a word of the router, or with status 200', () => {
    assert.equal(routerFailure({ via: 'gorouter' }, 404, {}), undefined);
    assert.equal(said(200, 'unknown_route'), undefined);
    assert.equal(said(503, ''), undefined);
    const headers = { 'x-cf-routererror': 'unknown_route' };
    const forged = { ...headers, 'x-vcap-request-id': 'b3f1' };
    assert.equal(routerFailure({ via: 'gorouter' }, 400, forged), undefined, 'an app says it');
    for (const via of ['direct', 'internal', undefined] as const) {
      assert.equal(routerFailure(via ? { via } : {}, 404, headers), undefined);
    }
  });

  it("tells an identity-aware route's 403 and 421 from the app's by what only app answers have", () => {
    const of = (status: number, headers = {}) =>
      routerFailure({ via: 'identity' }, status, headers);

    assert.equal(of(403), 'route-policy');
    assert.equal(of(421), 'router-refused');
    assert.equal(of(403, { 'x-vcap-request-id': 'b3f1' }), undefined);
    assert.equal(of(421, { 'x-vcap-request-id': 'b3f1' }), undefined);
    assert.equal(of(500), undefined);
    assert.equal(of(503, { 'x-cf-routererror': 'no_endpoints' }), 'no-endpoints');
    assert.equal(routerFailure({ via: 'gorouter' }, 403, {}), undefined);
  });

  it('follows no redirect that leaves the path of the route', () => {
    const target = { ...targetOf('127.0.0.1:80'), via: 'gorouter', routePath: '/shop' } as const;
    const to = (location: string) =>
      judge(302, { location }, { target, path: '/shop/metrics', redirects: 0 });

    assert.deepEqual(to('/shop/own'), { path: '/shop/own' });
    assert.equal(to('/other'), 'route-path');
    assert.equal(to('/shop/../other'), 'route-path');
    assert.equal(to('https://elsewhere.example.com/shop/own'), 'redirect');
  });

  it('gives the word itself for the log, cut to a length', () => {
    assert.equal(routerWord({}), undefined);
    assert.ok((routerWord({ 'x-cf-routererror': 'x'.repeat(9999) }) ?? '').length < 300);
  });
});
