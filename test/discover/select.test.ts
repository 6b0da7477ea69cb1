import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Instance } from '../../src/discover/instance.ts';
import type { RouteTable } from '../../src/discover/route-table.ts';
import { distinctInstances, selectInstances } from '../../src/discover/select.ts';
import { parseSelector } from '../../src/discover/selector.ts';
import { appGuid } from '../support/foundation.ts';
import { addressesOf, app, tableOf } from './endpoints.ts';

const shop = app('shop', ['10.0.0.2:1', '10.0.0.1:1']);

/** `GET /v1/apps/<path>/metrics<search>`: the addresses that would be asked, in order. */
function select(table: RouteTable, path: string, search = ''): string[] {
  return addressesOf(selectInstances(table, parseSelector({ path, search })));
}

describe('selectInstances', () => {
  it('finds the same instances by guid, by name and by route', () => {
    const table = tableOf([shop, app('blog', ['10.0.0.3:1'])]);
    const expected = ['10.0.0.2:1', '10.0.0.1:1'];

    for (const path of [
      appGuid(shop),
      appGuid(shop).toUpperCase(),
      'sys/tools/shop',
      'sys%2Ftools%2Fshop',
      'shop.apps.example.com',
      'SHOP.apps.example.com/',
      'https%3A%2F%2Fshop.apps.example.com%2Fany%3Fq',
    ]) {
      assert.deepEqual(select(table, path), expected, path);
      assert.deepEqual(select(table, '', `?app=${path}`), expected, path);
      assert.deepEqual(select(table, '', `?route_url="${path}"`), expected, path);
    }
    assert.deepEqual(select(table, 'SYS/tools/shop'), []);
    assert.deepEqual(select(table, 'shop'), []);
    assert.deepEqual(select(table, 'sys/tools/nope'), []);
  });

  it('lets app win over route_url, also when app finds nothing', () => {
    const table = tableOf([shop]);

    assert.deepEqual(select(table, '', '?app=nope&route_url=shop.apps.example.com'), []);
  });

  it('takes names before routes, and a route with two slashes when no app has such names', () => {
    const named = app('b', ['10.0.0.1:1'], { organization: 'r.example.com', space: 'a' });
    const routed = app('x', ['10.0.0.2:1'], { routes: ['r.example.com/a/b'] });

    assert.deepEqual(select(tableOf([named, routed]), 'r.example.com/a/b'), ['10.0.0.1:1']);
    assert.deepEqual(select(tableOf([routed]), 'r.example.com/a/b'), ['10.0.0.2:1']);
  });

  it('takes a guid before a route', () => {
    const odd = app('odd', ['10.0.0.1:1'], { tags: { app_id: 'r.example.com' } });
    const routed = app('x', ['10.0.0.2:1'], { routes: ['r.example.com'] });

    assert.deepEqual(select(tableOf([routed, odd]), 'r.example.com'), ['10.0.0.1:1']);
  });

  it('finds a route by its longest path, and behind a wildcard', () => {
    const table = tableOf([
      app('root', ['10.0.0.1:1'], { routes: ['r.example.com'] }),
      app('path', ['10.0.0.2:1'], { routes: ['r.example.com/a%20b'] }),
      app('any', ['10.0.0.3:1'], { routes: ['*.apps.example.com'] }),
    ]);

    assert.deepEqual(select(table, 'r.example.com/other'), ['10.0.0.1:1']);
    assert.deepEqual(select(table, 'r.example.com/a%20b/c'), ['10.0.0.2:1']);
    assert.deepEqual(select(table, 'x.apps.example.com'), ['10.0.0.3:1']);
    assert.deepEqual(select(table, '*.apps.example.com'), ['10.0.0.3:1']);
  });

  it('takes web processes, named so or not at all, by guid and by name, others when asked, all by route', () => {
    const worker = app('shop', ['10.0.0.9:1'], { processType: 'worker' });
    const unknown = app('shop', ['10.0.0.8:1'], { tags: { process_type: '' }, revision: 'x' });
    const table = tableOf([shop, worker, unknown]);
    const web = ['10.0.0.2:1', '10.0.0.8:1', '10.0.0.1:1'];
    const all = ['10.0.0.2:1', '10.0.0.8:1', '10.0.0.9:1', '10.0.0.1:1'];

    for (const path of [appGuid(shop), 'sys/tools/shop']) {
      assert.deepEqual(select(table, path), web);
      assert.deepEqual(select(table, path, '?process=worker'), ['10.0.0.9:1']);
      assert.deepEqual(select(table, path, '?process=all'), all);
    }
    assert.deepEqual(select(table, 'shop.apps.example.com'), all);
    assert.deepEqual(select(table, 'shop.apps.example.com', '?process=worker'), all);
  });

  it('takes the processes that an app is bound with where none is asked for', () => {
    const worker = app('shop', ['10.0.0.9:1'], { processType: 'worker' });
    const table = tableOf([shop, worker, app('blog', ['10.0.0.3:1'])]);
    const bound = (path: string, search = ''): string[] =>
      addressesOf(
        selectInstances(table, parseSelector({ path, search }), ({ appName }) =>
          appName === 'shop' ? 'worker' : 'web',
        ),
      );

    assert.deepEqual(bound('sys/tools/shop'), ['10.0.0.9:1']);
    assert.deepEqual(bound(appGuid(shop)), ['10.0.0.9:1']);
    assert.deepEqual(bound('sys/tools/shop', '?process=web'), ['10.0.0.2:1', '10.0.0.1:1']);
    assert.deepEqual(bound('sys/tools/blog'), ['10.0.0.3:1']);
  });

  it('keeps both web processes of a rolling deploy, which share indexes', () => {
    const next = app('shop', ['10.0.0.3:1', '10.0.0.4:1'], { revision: 'next' });
    const table = tableOf([shop, next]);

    assert.deepEqual(select(table, 'sys/tools/shop'), [
      '10.0.0.2:1',
      '10.0.0.3:1',
      '10.0.0.1:1',
      '10.0.0.4:1',
    ]);
  });

  it('gives both apps of a route that two apps share', () => {
    const routes = ['both.example.com'];
    const table = tableOf([
      app('blue', ['10.0.0.1:1'], { routes }),
      app('green', ['10.0.0.2:1'], { routes }),
    ]);

    assert.deepEqual(select(table, 'both.example.com'), ['10.0.0.1:1', '10.0.0.2:1']);
    assert.deepEqual(select(table, 'sys/tools/blue'), ['10.0.0.1:1']);
  });

  it('sorts by the number of the index', () => {
    const addresses = Array.from({ length: 12 }, (_, index) => `10.0.0.${200 - index}:1`);

    assert.deepEqual(select(tableOf([app('shop', addresses)]), 'sys/tools/shop'), addresses);
  });

  it('asks an address with several routes under the first by name, a wildcard last', () => {
    const routes = ['*.example.com', 'b.example.com/p', 'a.example.com'];
    for (const order of [routes, routes.toReversed()]) {
      const table = tableOf([app('shop', ['10.0.0.1:1'], { routes: order })]);

      const [instance, ...more] = selectInstances(table, parseSelector({ path: 'sys/tools/shop' }));

      assert.equal(instance?.host, 'a.example.com');
      assert.deepEqual(more, []);
    }
  });

  it('finds names with any characters', () => {
    const odd = { organization: 'my org', space: '100%', name: 'ä/b.c "d" 🚀' };
    const table = tableOf([app(odd.name, ['10.0.0.1:1'], { ...odd, routes: ['r'] })]);
    const path = [odd.organization, odd.space, odd.name].map(encodeURIComponent).join('/');

    assert.deepEqual(select(table, path), ['10.0.0.1:1']);
    assert.deepEqual(select(table, '', `?app=${path}`), ['10.0.0.1:1']);
  });
});

describe('distinctInstances', () => {
  const port = (address: string, id: string, index = '0'): Instance => {
    const tags = { instance_id: index, process_instance_id: id };
    const [found] = tableOf([app('shop', [address], { routes: ['a'], tags })]).byRoute('a');
    assert.ok(found);
    return found;
  };

  it('gives an instance with several ports once, the first by address with the others behind it', () => {
    const ports = [port('10.0.0.1:9090', 'one'), port('10.0.0.1:8080', 'one')];

    const found = distinctInstances([...ports, port('10.0.0.2:8080', 'two', '1')]);

    assert.deepEqual(addressesOf(found), ['10.0.0.1:8080', '10.0.0.2:8080']);
    assert.deepEqual(addressesOf(found[0]?.others ?? []), ['10.0.0.1:9090']);
    assert.equal(found[1]?.others, undefined);
    assert.equal(distinctInstances(ports)[0], found[0], 'it stays the same object');
  });

  it('keeps instances apart whose id is not known', () => {
    const found = distinctInstances([port('10.0.0.1:8080', ''), port('10.0.0.1:9090', '')]);

    assert.deepEqual(addressesOf(found), ['10.0.0.1:8080', '10.0.0.1:9090']);
  });

  it('never gives an address twice nor loses one, and does not hang on the order', () => {
    const instances = fc.array(
      fc.record({
        octet: fc.nat(4),
        index: fc.constantFrom('', 'x', '0', '1', '10', '2'),
        host: fc.constantFrom('a', 'b', '*.c'),
      }),
    );
    fc.assert(
      fc.property(instances, fc.infiniteStream(fc.nat()), (specs, chance) => {
        const all = specs.map(instance);
        const shuffled = all
          .map((one) => [chance.next().value ?? 0, one] as const)
          .sort(([a], [b]) => a - b)
          .map(([, one]) => one);

        const found = distinctInstances(all);

        const asked = found.flatMap((one) => addressesOf([one, ...(one.others ?? [])]));
        assert.deepEqual(new Set(asked), new Set(addressesOf(all)));
        assert.equal(new Set(asked).size, asked.length);
        assert.deepEqual(distinctInstances(shuffled), found);
        const numbers = found.map(({ index }) => (/^\d+$/.test(index) ? Number(index) : Infinity));
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => (a === b ? 0 : a - b)),
        );
      }),
    );
  });
});

function instance({
  octet,
  index,
  host,
}: {
  octet: number;
  index: string;
  host: string;
}): Instance {
  const address = `10.0.0.${octet}:1`;
  const [found] = tableOf([
    app('shop', [address], { routes: [host], tags: { instance_id: index } }),
  ]).byRoute(host);
  assert.ok(found);
  return found;
}
