/** The planner of the ways keeps its rules for whatever is known of an instance. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isBelow, type Known, planWays, type WaySettings } from '../../src/fetch/way.ts';
import { routerFailure } from '../../src/fetch/ways.ts';

const route = fc.record({
  host: fc.constantFrom('shop.example.com', 'shop.apps.internal'),
  path: fc.constantFrom('', '/a', '/a/b'),
  internal: fc.boolean(),
});
const known: fc.Arbitrary<Known> = fc.record({
  listed: fc.option(fc.record({ tls: fc.boolean() }), { nil: undefined }),
  appId: fc.oneof(fc.uuid(), fc.constantFrom('', 'no guid')),
  processId: fc.oneof(fc.uuid(), fc.constantFrom('', 'no guid')),
  index: fc.option(fc.nat(99), { nil: undefined }),
  rolling: fc.boolean(),
  routes: fc.array(route, { maxLength: 4 }),
});
const settings: fc.Arbitrary<WaySettings> = fc.record({
  via: fc.constantFrom('auto', 'direct', 'gorouter', 'internal'),
  router: fc.option(fc.record({ tls: fc.boolean() }), { nil: undefined }),
  knowsProcesses: fc.boolean(),
});
const path = fc.constantFrom(
  '/metrics',
  '/a',
  '/a/m?x=1',
  '/a/b/m',
  '/ab',
  '/a/../m',
  '/a/%2e%2e/m',
);

describe('planWays', () => {
  it('never goes from TLS to plain, leaves a route or pins by two processes', () => {
    fc.assert(
      fc.property(known, path, settings, (one, asked, how) => {
        const { attempts = [], failure } = planWays(one, asked, how);
        assert.notEqual(attempts.length === 0, failure === undefined);
        const firstTls = attempts.findIndex(({ tls }) => tls);
        assert.ok(firstTls < 0 || attempts.slice(firstTls).every(({ tls }) => tls));
        for (const attempt of attempts) {
          if (attempt.via !== 'gorouter') continue;
          assert.ok(isBelow(asked, attempt.route.path) && !attempt.route.internal);
          const [name, value] = attempt.pin;
          assert.match(value, /^[0-9a-f-]{36}:\d+$/);
          assert.ok(!one.rolling || name === 'X-CF-PROCESS-INSTANCE');
        }
      }),
    );
  });

  it('says that a path is not below any route', () => {
    const shop = { host: 'shop.example.com', path: '/shop', internal: false };
    const one: Known = {
      ...{ listed: undefined, processId: '', index: 0, rolling: false, routes: [shop] },
      appId: '6f0e0b3c-27e5-4a8b-b4f5-3f2a4d5c6b7a',
    };
    const how = { via: 'auto', router: { tls: true }, knowsProcesses: false } as const;

    assert.equal(planWays(one, '/metrics', { ...how, router: undefined }).failure, 'no-way');
    assert.equal(planWays(one, '/metrics', how).failure, 'route-path');
    assert.equal(planWays(one, '/shop/metrics', how).attempts?.[0]?.via, 'gorouter');
  });
});

const said = (word?: string) =>
  routerFailure({ via: 'gorouter' }, word === undefined ? {} : { 'x-cf-routererror': word });

describe('routerFailure', () => {
  it('takes an answer as the app own only without a word of the router', () => {
    assert.equal(said(undefined), undefined);
    assert.equal(said('unknown_route'), 'unknown-route');
    assert.equal(said('no_endpoints'), 'no-endpoints');
    assert.equal(said('endpoint_failure (EOF)'), 'endpoint-failure');
    assert.equal(said('Connection Limit Reached'), 'endpoint-failure');
  });
});
