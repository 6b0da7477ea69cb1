import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NatsMessage } from '../../src/discover/nats-message.ts';
import { NatsRegistry, type NatsRegistryOptions } from '../../src/discover/nats-registry.ts';
import { RouteTable } from '../../src/discover/route-table.ts';
import { listing } from './endpoints.ts';

const MINUTE = 60_000;

interface Announced {
  readonly address?: string;
  readonly routes?: readonly string[];
  readonly tls?: boolean;
  readonly san?: string;
  readonly ttlSeconds?: number;
  readonly sizeBytes?: number;
  readonly zone?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A message about 10.0.0.1:80 under r.example.com, plain unless it says otherwise. */
function message(announced: Announced = {}): NatsMessage {
  return {
    endpoint: {
      address: announced.address ?? '10.0.0.1:80',
      tls: announced.tls ?? announced.san !== undefined,
      protocol: 'http1',
      serverCertDomainSan: announced.san ?? '',
      privateInstanceId: '',
      availabilityZone: announced.zone ?? '',
      isolationSegment: '',
      routeServiceUrl: '',
      ttlSeconds: announced.ttlSeconds ?? 120,
      tags: announced.tags ?? {},
    },
    routes: announced.routes ?? ['r.example.com'],
    refusedRoutes: 0,
    sizeBytes: announced.sizeBytes ?? 100,
  };
}

function start(more: Partial<NatsRegistryOptions> = {}) {
  const table = new RouteTable();
  const registry = new NatsRegistry({
    layer: table.layer(),
    maxEntries: 1000,
    maxBytes: 1_000_000,
    doubtAfterMs: 10 * MINUTE,
    ...more,
  });
  return { table, registry, listed: () => listing(table) };
}

const LISTED = { 'r.example.com': ['10.0.0.1:80'] };

describe('NatsRegistry', () => {
  it('lists what is registered until it is unregistered, by address and route', () => {
    const { registry, listed } = start();
    const routes = ['a.example.com', 'b.example.com'];
    assert.deepEqual(registry.register(message({ routes }), 0), { changed: true, refusals: [] });
    assert.equal(registry.register(message({ routes }), 0).changed, false);
    assert.equal(registry.register(message({ routes, zone: 'z2' }), 0).changed, true);

    registry.unregister(message({ routes: ['b.example.com'], san: 'other', zone: 'z3' }));
    registry.unregister(message({ address: '10.0.0.9:80', routes }));

    assert.deepEqual(listed(), { 'a.example.com': ['10.0.0.1:80'] });
    assert.equal(registry.size, 1);
  });

  it('gives a plain address to the instance that is registered last, whatever its routes', () => {
    const { registry, table } = start();
    const of = (appId: string, routes: readonly string[], san?: string): NatsMessage =>
      message({ tags: { app_id: appId }, routes, ...(san !== undefined && { san }) });
    const owners = (): string[] =>
      ['a', 'b', 'c'].flatMap((route) => table.byRoute(route).map((it) => route + it.app.appId));

    registry.register(of('A', ['a', 'b']), 0);
    registry.register(of('A', ['c'], 'proven'), 0);
    assert.equal(registry.register(of('B', ['b']), 1).changed, true);
    assert.deepEqual(owners(), ['bB', 'cA']);

    registry.unregister(of('A', ['b']));
    assert.deepEqual(owners(), ['bB', 'cA']);
    registry.unregister(of('B', ['b']));
    assert.deepEqual(owners(), ['cA']);
    assert.equal(registry.size, 1);
    registry.unregister(of('A', ['c'], 'proven'));
    registry.register(of('A', ['a']), 2);
    registry.register(of('B', ['a']), 3);
    registry.register(of('A', ['b']), 4);
    assert.deepEqual(owners(), ['bA']);
  });

  it('removes a plain endpoint that is not registered again within its threshold', () => {
    for (const ttlSeconds of [30, 120]) {
      const { registry, listed } = start();
      registry.register(message({ ttlSeconds }), 1000);

      assert.equal(registry.prune(1000 + ttlSeconds * 1000), 0);
      assert.deepEqual(listed(), LISTED);
      assert.equal(registry.prune(1001 + ttlSeconds * 1000), 1);
      assert.deepEqual(listed(), {});
    }
  });

  it('counts the threshold from the last register', () => {
    const { registry, listed } = start();
    registry.register(message(), 0);
    registry.register(message(), 100_000);

    registry.prune(200_000);

    assert.deepEqual(listed(), LISTED);
  });

  it('does not remove a TLS endpoint for its age', () => {
    const { registry, listed } = start();
    registry.register(message({ san: 'x' }), 0);

    registry.prune(24 * 60 * MINUTE);

    assert.deepEqual(listed(), LISTED);
  });

  it('removes a TLS endpoint that failed from all routes, and the next register restores it', () => {
    const { registry, listed } = start();
    const both = { ...LISTED, 's.example.com': ['10.0.0.1:80'] };
    const announced = message({ san: 'x', routes: ['r.example.com', 's.example.com'] });
    registry.register(announced, 0);
    assert.deepEqual(listed(), both);

    assert.equal(registry.fail('10.0.0.1:80', 'x'), 2);
    assert.deepEqual(listed(), {});
    registry.register(announced, 1);
    assert.deepEqual(listed(), both);
  });

  it('leaves a plain endpoint that failed, and a TLS one with another identity', () => {
    const { registry, listed } = start();
    registry.register(message(), 0);
    registry.register(message({ san: 'now', routes: ['s.example.com'] }), 0);

    assert.equal(registry.fail('10.0.0.1:80', 'before'), 0);
    assert.equal(registry.fail('10.0.0.1:80'), 1);

    assert.deepEqual(listed(), LISTED);
  });

  it('unlists a TLS endpoint not heard of for ten minutes until it has proved itself', () => {
    const { registry, listed } = start();
    registry.register(message({ san: 'x' }), 0);
    assert.deepEqual(registry.takeDoubts(10 * MINUTE - 1, 10), []);

    const [doubt] = registry.takeDoubts(10 * MINUTE, 10);
    assert.ok(doubt);
    assert.equal(doubt.endpoint.serverCertDomainSan, 'x');
    assert.deepEqual(listed(), {});
    assert.equal(registry.settleDoubt(doubt, true, 10 * MINUTE), 0);
    assert.deepEqual(listed(), LISTED);
    assert.deepEqual(registry.takeDoubts(20 * MINUTE - 1, 10), []);
    assert.equal(registry.takeDoubts(20 * MINUTE, 10).length, 1);
  });

  it('forgets an endpoint in doubt that did not prove itself', () => {
    const { registry, listed } = start();
    registry.register(message({ san: 'x' }), 0);
    const [doubt] = registry.takeDoubts(10 * MINUTE, 10);
    assert.ok(doubt);

    assert.equal(registry.settleDoubt(doubt, false, 10 * MINUTE), 1);

    assert.deepEqual(listed(), {});
    assert.equal(registry.size, 0);
  });

  it('believes a register that comes while an endpoint is in doubt', () => {
    const { registry, listed } = start();
    registry.register(message({ san: 'x' }), 0);
    const [doubt] = registry.takeDoubts(10 * MINUTE, 10);
    assert.ok(doubt);

    registry.register(message({ san: 'x' }), 10 * MINUTE);
    assert.deepEqual(listed(), LISTED);
    assert.equal(registry.settleDoubt(doubt, false, 10 * MINUTE), 0);

    assert.deepEqual(listed(), LISTED);
  });

  it('doubts only the routes not heard of, and never plain endpoints', () => {
    const { registry, listed } = start();
    registry.register(message({ san: 'x', routes: ['old.example.com', 'r.example.com'] }), 0);
    registry.register(message({ san: 'x' }), 9 * MINUTE);
    registry.register(message({ address: '10.0.0.2:80', routes: ['p.example.com'] }), 0);

    const doubts = registry.takeDoubts(10 * MINUTE, 10);

    assert.deepEqual(
      doubts.map(({ entries }) => [...entries.keys()]),
      [['old.example.com']],
    );
    assert.deepEqual(listed(), { ...LISTED, 'p.example.com': ['10.0.0.2:80'] });
  });

  it('takes as many doubts as it is asked for', () => {
    const { registry, table } = start();
    for (let octet = 0; octet < 10; octet++) {
      registry.register(message({ san: 'x', address: `10.0.0.${octet}:80` }), 0);
    }

    assert.equal(registry.takeDoubts(10 * MINUTE, 3).length, 3);

    assert.equal(table.sizes().endpoints, 7);
  });

  it('starts anew to count when all are freshened', () => {
    const { registry, listed } = start();
    registry.register(message(), 0);
    registry.register(message({ san: 'x', routes: ['s.example.com'], address: '10.0.0.2:80' }), 0);

    registry.freshen(30 * MINUTE);
    registry.prune(32 * MINUTE);

    assert.equal(registry.takeDoubts(32 * MINUTE, 10).length, 0);
    assert.equal(Object.keys(listed()).length, 2);
  });

  it('forgets step by step what no register has named since all were freshened', () => {
    const { registry, listed } = start();
    for (const at of [1, 2, 3]) {
      registry.register(message({ address: `10.0.0.${at}:80`, routes: [`r${at}`] }), 0);
    }
    assert.equal(registry.forgetUnheard(10), true);
    assert.equal(registry.size, 3);

    registry.freshen(1000);
    registry.register(message({ address: '10.0.0.2:80', routes: ['r2'] }), 1000);

    assert.equal(registry.forgetUnheard(1), false);
    assert.equal(registry.size, 2);
    assert.equal(registry.forgetUnheard(1), true);
    assert.deepEqual(listed(), { r2: ['10.0.0.2:80'] });
  });

  it('refuses what is beyond its bounds, and goes on with what it has', () => {
    const { registry, listed } = start({ maxEntries: 2, maxBytes: 250 });
    registry.register(message(), 0);

    const many = message({ address: '10.0.0.2:80', routes: ['a', 'b', 'c'] });
    assert.deepEqual(registry.register(many, 0).refusals, ['too-many', 'too-many']);
    assert.deepEqual(registry.register(message({ sizeBytes: 151 }), 0).refusals, ['too-many']);
    assert.deepEqual(registry.register(message({ sizeBytes: 150 }), 0).refusals, []);

    assert.deepEqual(listed(), { ...LISTED, a: ['10.0.0.2:80'] });
    assert.equal(registry.sizeBytes, 250);
  });

  it('lists what a simple model lists, within its bounds, whatever happens', () => {
    fc.assert(
      fc.property(fc.array(event(), { maxLength: 80 }), (events) => {
        const { registry, listed } = start({ maxEntries: 5, maxBytes: 450 });
        const model = new Model();
        let nowMs = 0;
        for (const one of events) {
          nowMs += one.afterMs;
          run(one, registry, model, nowMs);
          assert.deepEqual(listed(), model.listing());
          assert.equal(registry.size, model.entries.length);
          assert.ok(registry.size <= 5 && registry.sizeBytes <= 450);
        }
      }),
      { numRuns: 500 },
    );
  });
});

interface Event {
  readonly what: 'register' | 'unregister' | 'prune' | 'freshen' | 'fail' | 'prove' | 'disprove';
  readonly afterMs: number;
  readonly announced: Announced & { readonly address: string; readonly routes: readonly string[] };
}

function event(): fc.Arbitrary<Event> {
  return fc.record({
    what: fc.constantFrom(
      'register',
      'register',
      'register',
      'unregister',
      'prune',
      'freshen',
      'fail',
      'prove',
      'disprove',
    ),
    afterMs: fc.constantFrom(0, 20_000, 121_000, 5 * MINUTE),
    announced: fc.record({
      address: fc.constantFrom('10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'),
      routes: fc.subarray(['a', 'b', 'c']),
      tls: fc.boolean(),
      ttlSeconds: fc.constantFrom(30, 120),
    }),
  });
}

/** The rules as a list that is filtered. Each message has 100 bytes, so that four fit. */
class Model {
  entries: { route: string; address: string; tls: boolean; ttlMs: number; seenMs: number }[] = [];

  listing(): Record<string, string[]> {
    const routes = [...new Set(this.entries.map(({ route }) => route))].sort();
    return Object.fromEntries(
      routes.map((route) => [
        route,
        this.entries
          .filter((entry) => entry.route === route)
          .map(({ address }) => address)
          .sort(),
      ]),
    );
  }
}

function run(
  { what, announced }: Event,
  registry: NatsRegistry,
  model: Model,
  nowMs: number,
): void {
  const { address, routes, tls = false, ttlSeconds = 120 } = announced;
  const keep = (isKept: (entry: Model['entries'][number]) => boolean): void => {
    model.entries = model.entries.filter(isKept);
  };
  const isDoubtful = ({ tls: isTls, seenMs }: { tls: boolean; seenMs: number }): boolean =>
    isTls && nowMs - seenMs >= 10 * MINUTE;
  switch (what) {
    case 'register':
      registry.register(message(announced), nowMs);
      for (const route of routes) {
        const known = model.entries.findIndex(
          (one) => one.route === route && one.address === address,
        );
        const entry = { route, address, tls, ttlMs: ttlSeconds * 1000, seenMs: nowMs };
        if (known >= 0) model.entries[known] = entry;
        else if (model.entries.length < 4) model.entries.push(entry);
      }
      break;
    case 'unregister':
      registry.unregister(message(announced));
      keep((one) => one.address !== address || !routes.includes(one.route));
      break;
    case 'prune':
      registry.prune(nowMs);
      keep((one) => one.tls || nowMs - one.seenMs <= one.ttlMs);
      break;
    case 'freshen':
      registry.freshen(nowMs);
      for (const entry of model.entries) entry.seenMs = nowMs;
      break;
    case 'fail':
      registry.fail(address);
      keep((one) => one.address !== address || !one.tls);
      break;
    case 'prove':
    case 'disprove':
      for (const doubt of registry.takeDoubts(nowMs, 100)) {
        registry.settleDoubt(doubt, what === 'prove', nowMs);
      }
      if (what === 'disprove') keep((one) => !isDoubtful(one));
      for (const entry of model.entries) if (isDoubtful(entry)) entry.seenMs = nowMs;
      break;
  }
}
