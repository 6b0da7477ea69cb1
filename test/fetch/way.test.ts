/** The planner of the ways keeps its rules for whatever is known of an instance. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  isBelow,
  type Known,
  type KnownRoute,
  planWays,
  type Wanted,
  type WaySettings,
} from '../../src/fetch/way.ts';

const route = fc.record({
  host: fc.constantFrom('shop.example.com', 'shop.apps.internal'),
  path: fc.constantFrom('', '/a', '/a/b'),
  internal: fc.boolean(),
  identityAware: fc.boolean(),
  appPort: fc.constantFrom(undefined, 8080, 9090),
});
const port = fc.record({
  appPort: fc.constantFrom(8080, 9090),
  address: fc.constantFrom('10.0.0.1:61001', '10.0.0.1:61003'),
  serverName: fc.constant('instance'),
});
const known: fc.Arbitrary<Known> = fc.record({
  listed: fc.option(fc.record({ tls: fc.boolean() }), { nil: undefined }),
  ports: fc.array(port, { maxLength: 3 }),
  appId: fc.oneof(fc.uuid(), fc.constantFrom('', 'no guid')),
  processId: fc.oneof(fc.uuid(), fc.constantFrom('', 'no guid')),
  index: fc.option(fc.nat(99), { nil: undefined }),
  rolling: fc.boolean(),
  routes: fc.array(route, { maxLength: 4 }),
});
const settings: fc.Arbitrary<WaySettings> = fc.record({
  via: fc.constantFrom('auto', 'direct', 'gorouter', 'internal', 'identity'),
  router: fc.option(fc.record({ tls: fc.boolean() }), { nil: undefined }),
  knowsProcesses: fc.boolean(),
  hasIdentity: fc.boolean(),
  hasCellCertificate: fc.boolean(),
  internalTls: fc.boolean(),
});
const path = fc.constantFrom(
  ...['/metrics', '/a', '/a/m?x=1', '/a/b/m', '/ab', '/a/../m', '/a/%2e%2e/m'],
);
const wanted: fc.Arbitrary<Wanted> = fc.record({
  path,
  port: fc.constantFrom(undefined, 8080, 9090, 7070),
  host: fc.constantFrom(undefined, '', 'shop.example.com', 'other.example.com'),
  onlyTls: fc.constantFrom(undefined, true, false),
});

describe('planWays', () => {
  it('never goes from TLS to plain, leaves a route or pins by two processes', () => {
    fc.assert(
      fc.property(known, wanted, settings, (one, asked, how) => {
        const { attempts = [], failure } = planWays(one, asked, how);
        assert.notEqual(attempts.length === 0, failure === undefined);
        const firstTls = attempts.findIndex(({ tls }) => tls);
        assert.ok(firstTls < 0 || attempts.slice(firstTls).every(({ tls }) => tls));
        assert.ok(!asked.onlyTls || attempts.every(({ tls }) => tls));
        for (const attempt of attempts) {
          if (attempt.via !== 'gorouter' && attempt.via !== 'identity') continue;
          assert.ok(isBelow(asked.path, attempt.route.path) && !attempt.route.internal);
          assert.equal(attempt.route.identityAware, attempt.via === 'identity');
          const [name, value] = attempt.pin;
          assert.match(value, /^[0-9a-f-]{36}:\d+$/);
          assert.ok(!one.rolling || name === 'X-CF-PROCESS-INSTANCE');
        }
      }),
    );
  });

  it('never joins a container port to the address of the route table', () => {
    fc.assert(
      fc.property(known, wanted, settings, (one, asked, how) => {
        const { attempts = [] } = planWays(one, asked, how);
        if (asked.port === undefined) return;
        for (const attempt of attempts) {
          if (attempt.via === 'direct') assert.equal(attempt.port?.appPort, asked.port);
          else if (attempt.via !== 'internal') assert.equal(attempt.route.appPort, asked.port);
          else if (attempt.tls)
            assert.equal(asked.port, 8080); // 61443 leads there alone
          else assert.ok(attempt.address.endsWith(`:${asked.port}`));
        }
      }),
    );
  });

  const shop = {
    ...{ host: 'shop.example.com', path: '/shop', internal: false, identityAware: false },
    appPort: 8080,
  };
  const one: Known = {
    ...{ listed: undefined, ports: [], processId: '', index: 0, rolling: false, routes: [shop] },
    appId: '6f0e0b3c-27e5-4a8b-b4f5-3f2a4d5c6b7a',
  };
  const how: WaySettings = {
    ...{ via: 'auto', router: { tls: true }, knowsProcesses: false, hasIdentity: false },
    ...{ hasCellCertificate: false, internalTls: false },
  };
  const plan = (more: Partial<Known>, asked: Partial<Wanted>, set: Partial<WaySettings> = {}) => {
    const planned = planWays(
      { ...one, ...more },
      { path: '/shop/m', ...asked },
      { ...how, ...set },
    );
    return planned.failure ?? planned.attempts.map(({ via }) => via).join(' ');
  };

  it('says that a path is not below any route', () => {
    assert.equal(plan({}, { path: '/metrics' }, { router: undefined }), 'no-way');
    assert.equal(plan({}, { path: '/metrics' }), 'route-path');
    assert.equal(plan({}, {}), 'gorouter');
  });

  it('says that a port cannot be reached, though the instance has an address', () => {
    const listed = { tls: true };
    const ports = [{ appPort: 9090, address: '10.0.0.1:61005', serverName: 'instance' }];

    assert.equal(plan({ listed }, { port: 9090 }), 'port-unreachable');
    assert.equal(plan({ listed, ports }, { port: 9090 }), 'port-unreachable');
    assert.equal(plan({ listed, ports }, { port: 9090 }, { hasCellCertificate: true }), 'direct');
    assert.equal(plan({ listed, ports }, { port: 9090 }, { via: 'direct' }), 'direct');
    assert.equal(plan({ listed, ports }, { port: 8080 }), 'gorouter');
  });

  it('asks identity-aware routes only with an identity, and only by the way of that name', () => {
    const routes = [{ ...shop, host: 'shop.apps.identity', identityAware: true }];

    assert.equal(plan({ routes }, {}), 'no-way');
    assert.equal(plan({ routes }, {}, { hasIdentity: true }), 'identity');
    assert.equal(plan({ routes: [shop] }, {}, { via: 'identity', hasIdentity: true }), 'no-way');
    assert.equal(plan({ routes }, { path: '/m' }, { hasIdentity: true }), 'route-path');
  });

  it('pins by the app at no route that leads to processes of several types', () => {
    const routes = [{ ...shop, mixed: true }];
    const processId = '6f0e0b3c-27e5-4a8b-b4f5-3f2a4d5c6b7b';

    assert.equal(plan({ routes }, {}), 'no-way');
    assert.equal(plan({ routes, processId }, {}, { knowsProcesses: true }), 'gorouter');
  });

  it('asks by no wildcard route', () => {
    assert.equal(plan({ routes: [{ ...shop, host: '*.example.com' }] }, {}), 'no-way');
  });

  it('asks by no name of containers that leads to other apps or process types, too', () => {
    const internal = { ...shop, host: 'shop.apps.internal', path: '', internal: true };
    const own = { ...internal, host: 'own.apps.internal' };
    const planned = (routes: readonly KnownRoute[]) =>
      planWays({ ...one, routes }, { path: '/m' }, { ...how, via: 'internal' });

    assert.equal(planned([{ ...internal, mixed: true }]).failure, 'no-way');
    const [attempt] = planned([{ ...internal, mixed: true }, own]).attempts ?? [];
    assert.equal(attempt?.via === 'internal' && attempt.host, own.host);
  });

  it('asks containers at port 61443 if it must use TLS', () => {
    const routes = [{ ...shop, host: 'shop.apps.internal', path: '', internal: true }];
    const at = (asked: Partial<Wanted>, internalTls: boolean): string | undefined => {
      const all = { path: '/m', ...asked };
      const { attempts, failure } = planWays({ ...one, routes }, all, { ...how, internalTls });
      const [attempt] = attempts ?? [];
      return attempt?.via === 'internal' ? `${attempt.tls} ${attempt.address}` : failure;
    };

    assert.equal(at({}, false), 'false 0.shop.apps.internal:8080');
    assert.equal(at({ host: 'shop.apps.internal:8080' }, false), 'false 0.shop.apps.internal:8080');
    assert.equal(at({ host: 'other.apps.internal' }, false), 'no-way');
    assert.equal(at({}, true), 'true 0.shop.apps.internal:61443');
    assert.equal(at({ onlyTls: true, port: 8080 }, false), 'true 0.shop.apps.internal:61443');
    assert.equal(at({ port: 9090 }, false), 'false 0.shop.apps.internal:9090');
    assert.equal(at({ port: 9090 }, true), 'port-unreachable');
    assert.equal(at({ host: 'other.example.com' }, false), 'no-way');
  });
});
