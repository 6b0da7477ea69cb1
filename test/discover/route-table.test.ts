import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Endpoint, Instance } from '../../src/discover/instance.ts';
import { printRoutes } from '../../src/discover/print-routes.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { appGuid, routesJson, type SimulatedApp } from '../support/foundation.ts';
import { addressesOf, app, endpoints, listing, putApps, tableOf } from './endpoints.ts';

describe('RouteTable', () => {
  it('finds an app by guid and by names, and what serves a route', () => {
    const shop = app('shop', ['10.0.0.1:1', '10.0.0.2:1']);
    const table = tableOf([shop, app('blog', ['10.0.0.3:1'])]);

    assert.deepEqual(addressesOf(table.byApp(appGuid(shop))), ['10.0.0.1:1', '10.0.0.2:1']);
    assert.deepEqual(addressesOf(table.byName('sys', 'tools', 'blog')), ['10.0.0.3:1']);
    assert.deepEqual(addressesOf(table.byRoute('BLOG.apps.example.com/x?y')), ['10.0.0.3:1']);
    assert.deepEqual(table.byApp('nope'), []);
    assert.deepEqual(table.byName('sys', 'tools', 'SHOP'), []);
    assert.deepEqual(table.byRoute('nope.example.com'), []);
    assert.deepEqual(table.sizes(), { routes: 2, endpoints: 3, apps: 2 });
  });

  it('never confuses names that are alike when written one after the other', () => {
    const table = tableOf([app('c', ['10.0.0.1:1'], { organization: 'a', space: 'b/1' })]);

    assert.equal(table.byName('a', 'b/1', 'c').length, 1);
    assert.deepEqual(table.byName('a', 'b', '1/c'), []);
    assert.deepEqual(table.byName('ab', '/1', 'c'), []);
  });

  it('gives instances behind a wildcard the host that was asked for', () => {
    const table = tableOf([app('any', ['10.0.0.1:1'], { routes: ['*.apps.example.com'] })]);

    const [instance] = table.byRoute('X.apps.example.com:443/path');

    assert.equal(instance?.host, 'x.apps.example.com');
  });

  it('lists an address that two layers know once, until neither knows it', () => {
    const gone: string[] = [];
    const table = new RouteTable({ onAddressGone: (address) => gone.push(address) });
    const [first, second] = [table.layer(), table.layer()];
    const [endpoint] = endpoints(app('shop', ['10.0.0.1:1']));
    assert.ok(endpoint);
    for (const layer of [first, second]) layer.put('shop.example.com', endpoint);

    assert.deepEqual(listing(table), { 'shop.example.com': ['10.0.0.1:1'] });
    first.remove('shop.example.com', '10.0.0.1:1');
    first.settle();
    assert.deepEqual(listing(table), { 'shop.example.com': ['10.0.0.1:1'] });
    assert.deepEqual(gone, []);
    second.remove('shop.example.com', '10.0.0.1:1');
    second.settle();
    assert.deepEqual(listing(table), {});
    assert.deepEqual(gone, ['10.0.0.1:1']);
  });

  it('believes the first layer that lists an endpoint, and the next when that no longer does', () => {
    const table = new RouteTable();
    const [first, second] = [table.layer(), table.layer()];
    const [endpoint] = endpoints(app('shop', ['10.0.0.1:1']));
    assert.ok(endpoint);
    const zoneOf = (): string | undefined =>
      table.byRoute('shop.example.com')[0]?.endpoint.availabilityZone;

    second.put('shop.example.com', { ...endpoint, availabilityZone: 'second' });
    assert.equal(zoneOf(), 'second');
    first.put('shop.example.com', { ...endpoint, availabilityZone: 'first' });
    assert.equal(zoneOf(), 'first');
    first.remove('shop.example.com', endpoint.address);
    assert.equal(zoneOf(), 'second');
  });

  it('moves an instance to the app that its address belongs to now', () => {
    const gone: string[] = [];
    const table = new RouteTable({ onAppGone: (appId) => gone.push(appId) });
    const layer = table.layer();
    const [old, next] = [app('old', ['10.0.0.1:1']), app('next', ['10.0.0.1:1'])];
    for (const one of [old, next]) {
      for (const endpoint of endpoints(one)) layer.put('r.example.com', endpoint);
      layer.settle();
    }

    assert.deepEqual(table.byApp(appGuid(old)), []);
    assert.deepEqual(table.byName('sys', 'tools', 'old'), []);
    assert.deepEqual(addressesOf(table.byApp(appGuid(next))), ['10.0.0.1:1']);
    assert.deepEqual(gone, [appGuid(old)]);
  });

  describe('of a plain address that several apps claim', () => {
    const [a, b] = [app('a', ['10.0.0.1:1']), app('b', ['10.0.0.1:1'])];
    const apps = (table: RouteTable, ...of: SimulatedApp[]): string[] =>
      of.flatMap((one) =>
        table.byApp(appGuid(one)).map((it) => one.name + (it.ambiguous ? ' in doubt' : '')),
      );

    it('shows it to the app that was named last, in every index', () => {
      const gone: string[] = [];
      const table = new RouteTable({ onAddressGone: (address) => gone.push(address) });
      const layers = [table.layer(), table.layer()];
      const says = (number: 0 | 1, one: SimulatedApp): void => {
        const layer = layers[number]!;
        putApps(layer, [one]);
        layer.confirm(layer.nextWord());
        layer.settle();
      };

      says(0, a);
      says(1, b);
      assert.deepEqual(apps(table, a, b), ['b']);
      assert.deepEqual(Object.keys(listing(table)), ['b.apps.example.com']);
      assert.deepEqual(table.byName('sys', 'tools', 'a'), []);
      assert.deepEqual(table.byRoute('a.apps.example.com'), []);
      assert.deepEqual(gone, ['10.0.0.1:1']);
      says(0, a);
      assert.deepEqual(apps(table, a, b), ['a']);
      layers[0]!.remove('a.apps.example.com', '10.0.0.1:1');
      assert.deepEqual(apps(table, a, b), ['b']);
    });

    it('marks it for both when one source says so at once, unless another tells them apart', () => {
      const told: string[] = [];
      const table = new RouteTable({ onAmbiguous: (addresses) => told.push(...addresses) });
      const [layer, other] = [table.layer(), table.layer()];
      putApps(other, [b]);
      other.confirm(other.nextWord());
      other.settle();
      putApps(layer, [a, b]);
      layer.confirm(layer.nextWord());
      layer.settle();
      assert.deepEqual(apps(table, a, b), ['b']);

      other.remove('b.apps.example.com', '10.0.0.1:1');
      other.settle();
      assert.deepEqual(apps(table, a, b), ['a in doubt', 'b in doubt']);
      assert.deepEqual([told, table.ambiguousAddresses], [['10.0.0.1:1'], 1]);
      layer.remove('a.apps.example.com', '10.0.0.1:1');
      assert.deepEqual(apps(table, a, b), ['b']);
    });

    it('marks it for both when both stand under one route', () => {
      const gone: string[] = [];
      const table = new RouteTable({ onAppGone: (appId) => gone.push(appId) });
      const [layer, other] = [table.layer(), table.layer()];
      const [one, two] = [a, b].flatMap((it) => endpoints(it));

      layer.put('r', one!, two);
      assert.deepEqual(apps(table, a, b), ['a in doubt', 'b in doubt']);
      assert.deepEqual(table.sizes(), { routes: 1, endpoints: 1, apps: 2 });
      layer.put('r', one!);
      layer.settle();
      assert.deepEqual(apps(table, a, b), ['a']);
      assert.deepEqual(gone, [appGuid(b)]);

      layer.put('r', one!, two);
      layer.confirm(layer.nextWord());
      layer.settle();
      putApps(other, [b]);
      assert.deepEqual(apps(table, a, b), ['b', 'b']);
      assert.equal(table.byRoute('r')[0]?.app.appName, 'b');
      other.remove('b.apps.example.com', '10.0.0.1:1');
      assert.deepEqual(apps(table, a, b), ['a in doubt', 'b in doubt']);
      layer.remove('r', '10.0.0.1:1');
      assert.deepEqual(apps(table, a, b), []);
      assert.deepEqual(table.sizes(), { routes: 0, endpoints: 0, apps: 0 });
      assert.equal(table.ambiguousAddresses, 0);
    });

    it('lets both stay that prove themselves by certificate', () => {
      const [tlsA, tlsB] = [
        { ...a, tls: true },
        { ...b, tls: true },
      ];

      assert.deepEqual(apps(tableOf([tlsA, tlsB]), a, b), ['a', 'b']);
      assert.deepEqual(apps(tableOf([tlsA, b]), a, b), ['a', 'b in doubt']);
    });

    it('takes two routes of one instance for one claim', () => {
      const routes = ['a.example.com', 'a.example.com/p'];
      assert.deepEqual(apps(tableOf([{ ...a, routes }]), a), ['a', 'a']);
    });
  });

  it('does not tell that gone what moved to another route within one change', () => {
    const told: string[] = [];
    const tell = (what: string): unknown => told.push(what);
    const table = new RouteTable({ onAddressGone: tell, onAppGone: tell });
    const layer = table.layer();
    const [endpoint] = endpoints(app('shop', ['10.0.0.1:1']));
    assert.ok(endpoint);
    layer.put('old.example.com', endpoint);

    layer.remove('old.example.com', endpoint.address);
    layer.put('new.example.com', endpoint);
    layer.settle();

    assert.deepEqual(told, []);
  });

  it('tells of an address whose certificate or protocol is another one now', () => {
    const gone: string[] = [];
    const table = new RouteTable({ onAddressGone: (address) => gone.push(address) });
    const layer = table.layer();
    const [endpoint] = endpoints(app('shop', ['10.0.0.1:1'], { tls: true }));
    assert.ok(endpoint);
    layer.put('r.example.com', endpoint);

    layer.put('r.example.com', { ...endpoint, availabilityZone: 'z9' });
    layer.settle();
    assert.deepEqual(gone, []);
    layer.put('r.example.com', { ...endpoint, serverCertDomainSan: 'another' });
    layer.settle();
    assert.deepEqual(gone, ['10.0.0.1:1']);
  });

  it('settles in as many steps as it is asked to', () => {
    const gone: string[] = [];
    const table = new RouteTable({ onAddressGone: (address) => gone.push(address) });
    const layer = table.layer();
    const addresses = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'];
    putApps(layer, [app('shop', addresses)]);
    for (const address of addresses) layer.remove('shop.apps.example.com', address);

    assert.equal(layer.settle(2), false);
    assert.equal(gone.length, 2);
    while (!layer.settle(2));
    assert.deepEqual(gone, addresses);
  });

  it('refuses plain endpoints where TLS is required, also one that was TLS before', () => {
    const table = new RouteTable({ requireTls: true });
    const layer = table.layer();
    const [endpoint] = endpoints(app('shop', ['10.0.0.1:1'], { tls: true }));
    assert.ok(endpoint);

    assert.equal(layer.put('plain.example.com', { ...endpoint, tls: false }), 'not-tls');
    assert.equal(layer.put('r.example.com', endpoint), undefined);
    assert.equal(layer.put('r.example.com', { ...endpoint, tls: false }), 'not-tls');

    assert.deepEqual(listing(table), {});
  });

  it('refuses what is beyond its bound and takes it when there is room again', () => {
    const table = new RouteTable({ maxEntries: 2 });
    const layer = table.layer();
    const [a, b, c] = endpoints(app('shop', ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1']));
    assert.ok(a && b && c);

    assert.equal(layer.put('r', a), undefined);
    assert.equal(layer.put('r', b), undefined);
    assert.equal(layer.put('r', c), 'too-many');
    assert.equal(layer.put('r', { ...a, availabilityZone: 'z9' }), undefined);
    layer.remove('r', a.address);
    assert.equal(layer.put('r', c), undefined);
  });

  it('is printed as gorouter prints it', () => {
    const apps = [app('shop', ['10.0.0.1:1', '10.0.0.2:1'], { tls: true }), app('x', ['[::1]:1'])];
    const json = [...printRoutes(tableOf(apps))].join('');

    assert.deepEqual(JSON.parse(json), routesJson(apps));
    assert.equal([...printRoutes(new RouteTable())].join(''), '{}');
  });

  it('keeps every index as its routes say, whatever is put and removed', () => {
    fc.assert(
      fc.property(fc.array(operation(), { maxLength: 60 }), (operations) => {
        const gone = { addresses: new Set<string>(), apps: new Set<string>() };
        const table = new RouteTable({
          maxEntries: 8,
          onAddressGone: (address) => gone.addresses.add(address),
          onAppGone: (appId) => gone.apps.add(appId),
        });
        const layers = [table.layer(), table.layer()];
        const before = { addresses: new Set<string>(), apps: new Set<string>() };
        for (const { layer: number, route, endpoint, isPut } of operations) {
          const layer = layers[number];
          if (isPut) layer?.put(route, endpoint);
          else layer?.remove(route, endpoint.address);
          assertConsistent(table);
          for (const one of allInstances(table)) {
            before.addresses.add(one.endpoint.address);
            before.apps.add(one.app.appId);
          }
        }
        for (const layer of layers) layer.settle();

        const now = allInstances(table);
        for (const address of before.addresses) {
          if (!addressesOf(now).includes(address)) assert.ok(gone.addresses.has(address));
        }
        for (const appId of before.apps) {
          if (appId !== '' && !now.some((one) => one.app.appId === appId)) {
            assert.ok(gone.apps.has(appId));
          }
        }
      }),
    );
  });
});

interface Operation {
  readonly layer: number;
  readonly route: string;
  readonly endpoint: Endpoint;
  readonly isPut: boolean;
}

/** Few routes, addresses and apps, so that they meet often. */
function operation(): fc.Arbitrary<Operation> {
  return fc.record({
    layer: fc.nat(1),
    route: fc.constantFrom('a.example.com', 'a.example.com/p', '*.example.com', '__proto__'),
    isPut: fc.boolean(),
    endpoint: fc
      .record({
        address: fc.constantFrom('10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'),
        san: fc.constantFrom('', 'x'),
        appId: fc.constantFrom('', 'app-1', 'app-2', '__proto__'),
        appName: fc.constantFrom('', 'name-1', 'name-2', 'constructor'),
      })
      .map(({ address, san, appId, appName }) => ({
        address,
        tls: san !== '',
        protocol: 'http1',
        serverCertDomainSan: san,
        privateInstanceId: '',
        availabilityZone: '',
        isolationSegment: '',
        routeServiceUrl: '',
        ttlSeconds: 120,
        tags: { app_id: appId, organization_name: 'o', space_name: 's', app_name: appName },
      })),
  });
}

function allInstances(table: RouteTable): Instance[] {
  return [...table.routes()].flatMap(([route]) => table.byRoute(route));
}

function assertConsistent(table: RouteTable): void {
  const all = allInstances(table);
  const routes = [...table.routes()];
  assert.ok(all.length <= 8);
  for (const [route, list] of routes) {
    assert.ok(list.length > 0, `${route} is empty`);
    assert.equal(new Set(list.map(({ address }) => address)).size, list.length);
  }
  const appIds = new Set(all.map((one) => one.app.appId).filter((appId) => appId !== ''));
  assert.ok(table.sizes().routes >= routes.length); // of some nothing is believed
  assert.deepEqual(table.sizes(), {
    routes: table.sizes().routes,
    endpoints: new Set(addressesOf(all)).size,
    apps: appIds.size,
  });
  for (const appId of ['', 'app-1', 'app-2', '__proto__']) {
    const expected = appId === '' ? [] : all.filter((one) => one.app.appId === appId);
    assert.deepEqual(new Set(table.byApp(appId)), new Set(expected));
  }
  for (const name of ['', 'name-1', 'name-2', 'constructor']) {
    const expected = name === '' ? [] : all.filter((one) => one.app.appName === name);
    assert.deepEqual(new Set(table.byName('o', 's', name)), new Set(expected));
  }
  const grouped = [...table.apps()];
  assert.equal(grouped.length, appIds.size);
  assert.equal(grouped.flat().length, all.filter((one) => one.app.appId !== '').length);
}
