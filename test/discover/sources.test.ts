/** What holds for every source of routes, whichever way it learns them: one suite for all that list addresses. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from '@nats-io/transport-node';
import { routes as routesSection } from '../../src/config/routes.ts';
import { settingOf } from '../../src/config/setting.ts';
import { startFile } from '../../src/discover/file.ts';
import { startGorouter } from '../../src/discover/gorouter.ts';
import { startNats } from '../../src/discover/nats-source.ts';
import { RouteTable, type RouteTableOptions } from '../../src/discover/route-table.ts';
import { selectInstances } from '../../src/discover/select.ts';
import { parseSelector } from '../../src/discover/selector.ts';
import type { RouteSource, SourceObservers } from '../../src/discover/source.ts';
import { eventually } from '../support/eventually.ts';
import {
  appGuid,
  type GorouterEndpoint,
  type RoutesJson,
  routesJson,
} from '../support/foundation.ts';
import * as simulated from '../support/gorouter.ts';
import { startNatsServer } from '../support/nats-server.ts';
import { addressesOf, app, listing } from './endpoints.ts';
import { type Seen, seen } from './seen.ts';

/** Where the source learns its routes from. */
interface Origin {
  start(table: RouteTable, observers: SourceObservers): RouteSource;
  /** From now on these are the routes, and no others. */
  say(routes: RoutesJson): Promise<void>;
  goAway(): Promise<void>;
}

/** Opens an origin that says nothing yet; its parts end with `parts`. */
type Open = (context: Mocha.Context, parts: AsyncDisposableStack) => Promise<Origin>;

const SOON_MS = 10;

const origins: Readonly<Record<string, Open>> = {
  async gorouter(_context, parts) {
    const gorouter = parts.use(await simulated.startGorouter({}));
    const { url, username, password } = gorouter;
    return {
      start: (table, observers) =>
        startGorouter({ url, username, password, intervalMs: SOON_MS }, table, observers),
      async say(routes) {
        gorouter.routes = routes;
      },
      goAway: () => gorouter.goDown(),
    };
  },

  async file(_context, parts) {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-sources-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'routes.json');
    await writeFile(file, '{}');
    return {
      start: (table, observers) => startFile({ path: file, intervalMs: SOON_MS }, table, observers),
      async say(routes) {
        await writeFile(`${file}.new`, JSON.stringify(routes));
        await rename(`${file}.new`, file);
      },
      goAway: () => rm(file),
    };
  },

  async nats(context, parts) {
    const server = parts.use(await startNatsServer(context));
    const emitter = await connect({ servers: server.address, reconnect: false });
    parts.defer(() => emitter.close()); // to drain it would wait for a server that is gone
    let said = new Map<string, string>();
    return {
      start(table, observers) {
        const dial = (): Promise<boolean> => Promise.resolve(false);
        const servers = [server.address];
        return startNats({ servers, dial, registerIntervalMs: SOON_MS }, table, observers);
      },
      async say(routes) {
        const messages = new Map(registerMessages(routes));
        for (const [key, message] of said) {
          if (!messages.has(key)) emitter.publish('router.unregister', message);
        }
        for (const message of messages.values()) emitter.publish('router.register', message);
        said = messages;
      },
      goAway: () => server.goDown(),
    };
  },
};

/** How an emitter announces what a gorouter would print. */
function registerMessages(routes: RoutesJson): [key: string, message: string][] {
  return Object.entries(routes).flatMap(([uri, list]) =>
    (Array.isArray(list) ? list : [list]).map((endpoint: GorouterEndpoint | null) => {
      const { address, tls, ttl, ...rest } = endpoint ?? {};
      const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(String(address)) ?? [];
      const message = {
        ...rest,
        host,
        ...{ uris: [uri], [tls ? 'tls_port' : 'port']: Number(port) },
        stale_threshold_in_seconds: ttl,
      };
      return [`${uri} ${address}`, JSON.stringify(message)];
    }),
  );
}

/** Keys of `routes` that hold for all sources; each of the others is a kind of source. */
const FOR_ALL = ['max_age', 'require_tls'];
/** Lists instances, not addresses: it has tests of its own (`cf-api.test.ts`). */
const WITHOUT_ADDRESSES = 'cf_api';

describe('the kinds of sources', () => {
  const setting = settingOf(routesSection);
  assert.ok(setting.kind === 'section');
  const kinds = Object.keys(setting.fields).filter((key) => !FOR_ALL.includes(key));

  it('pass these tests, each that lists addresses', () => {
    assert.deepEqual([...Object.keys(origins), WITHOUT_ADDRESSES].sort(), kinds.sort());
  });

  it('are explained to operators', async () => {
    const text = await readFile(new URL('../../docs/operating.md', import.meta.url), 'utf8');
    for (const kind of kinds) {
      assert.ok(text.includes(`\`routes.${kind}\``), kind);
      assert.match(text, new RegExp(`^- \\*\\*${kind}\\*\\*: `, 'im'));
    }
  });
});

interface Started extends AsyncDisposable {
  readonly table: RouteTable;
  readonly source: RouteSource;
  readonly origin: Origin;
  readonly told: Seen;
  /** Says these routes, and waits until the table lists them, or what they come to. */
  follow(routes: RoutesJson, listed?: Record<string, string[]>): Promise<void>;
}

async function start(
  open: Open,
  context: Mocha.Context,
  options?: RouteTableOptions,
): Promise<Started> {
  await using parts = new AsyncDisposableStack();
  const origin = await open(context, parts);
  const table = new RouteTable(options);
  const told = seen();
  const source = parts.use(origin.start(table, told.observers));
  await eventually('the source to work', () => told.states[0]);
  const owned = parts.move();
  return {
    table,
    source,
    origin,
    told,
    async follow(routes, listed = addressesIn(routes)) {
      await origin.say(routes);
      await eventually('the table to follow', () => {
        assert.deepEqual(listing(table), listed);
        return true;
      });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function addressesIn(routes: RoutesJson): Record<string, string[]> {
  const routeNames = Object.keys(routes).sort();
  return Object.fromEntries(
    routeNames.map((route) => [route, (routes[route] ?? []).map(({ address }) => address).sort()]),
  );
}

const shop = app('shop', ['10.0.0.1:61001', '[fd00::1]:61001'], {
  tls: true,
  routes: ['shop.example.com', 'shop.example.com/cart', '*.shops.example.com'],
});
const blog = app('blog', ['10.0.0.3:8080', 'blog.apps.internal:8080'], { protocol: 'http2' });

for (const [name, open] of Object.entries(origins)) {
  describe(`a source of routes: ${name}`, () => {
    it('lists every field of every endpoint', async function () {
      await using test = await start(open, this);
      const routes = routesJson([shop, blog]);
      const more = {
        isolation_segment: 'iso',
        route_service_url: 'https://rs.example.com',
        ttl: 60,
      };
      const [first] = routes['blog.apps.example.com'] ?? [];
      assert.ok(first);

      await test.follow({ ...routes, 'more.example.com': [{ ...first, ...more }] });

      const [endpoint] = test.table.byRoute('more.example.com');
      assert.deepEqual(endpoint?.endpoint, {
        address: '10.0.0.3:8080',
        tls: false,
        protocol: 'http2',
        serverCertDomainSan: '',
        privateInstanceId: first.private_instance_id,
        availabilityZone: 'z1',
        isolationSegment: 'iso',
        routeServiceUrl: 'https://rs.example.com',
        ttlSeconds: 60,
        tags: first.tags,
      });
      const [secure] = test.table.byRoute('shop.example.com');
      assert.equal(secure?.endpoint.tls, true);
      assert.equal(secure?.endpoint.serverCertDomainSan, secure?.endpoint.privateInstanceId);
    });

    it('follows what comes, changes and goes, and tells what is gone', async function () {
      const gone: string[] = [];
      const tell = (what: string): unknown => gone.push(what);
      await using test = await start(open, this, { onAddressGone: tell, onAppGone: tell });

      await test.follow(routesJson([shop, blog]));
      await test.follow(routesJson([shop]));
      assert.deepEqual(gone.sort(), [...blog.addresses, appGuid(blog)].sort());
      gone.length = 0;
      const renamed = { ...shop, routes: ['other.example.com'] };
      await test.follow(routesJson([shop, renamed]));
      await test.follow(routesJson([renamed]));
      assert.deepEqual(gone, []);
      await test.follow({});

      assert.deepEqual(gone.sort(), [...shop.addresses, appGuid(shop)].sort());
      assert.deepEqual(test.table.sizes(), { routes: 0, endpoints: 0, apps: 0 });
    });

    it('finds apps by guid, name and route', async function () {
      await using test = await start(open, this);
      await test.follow(routesJson([shop, blog]));

      for (const asked of [
        appGuid(shop),
        'sys/tools/shop',
        'x.shops.example.com',
        'SHOP.example.com/cart/1',
      ]) {
        const found = selectInstances(test.table, parseSelector({ path: asked }));
        assert.deepEqual(addressesOf(found), shop.addresses, asked);
      }
    });

    it('takes routes that are written differently for the same', async function () {
      await using test = await start(open, this);
      const [a, b] = routesJson([blog])['blog.apps.example.com'] ?? [];
      assert.ok(a && b);

      await test.follow(
        { 'R.example.com': [a], 'r.example.com/': [b], 'r.example.com?x=1': [b] },
        { 'r.example.com': [a.address, b.address].sort() },
      );
    });

    it('refuses what is malformed, and only that', async function () {
      await using test = await start(open, this);
      const good = routesJson([blog]);
      const [endpoint] = good['blog.apps.example.com'] ?? [];
      assert.ok(endpoint);
      const hostile = JSON.parse(`{
        "a.example.com": [null, {}, {"address": null}, {"address": "10.0.0.1"}, {"address": "x y:1"}],
        "b.example.com": [{"address": "10.0.0.9:1", "tags": 5}, {"address": "10.0.0.9:2", "tags": []}],
        "c d": [{"address": "10.0.0.9:3"}],
        "__proto__": [{"address": "10.0.0.9:4", "tags": {"__proto__": "x", "app_id": 7}}],
        "constructor": [{"address": "10.0.0.9:5", "protocol": "${'x'.repeat(100_000)}"}]
      }`) as RoutesJson; // wrong on purpose

      await test.follow(
        { ...hostile, ...good },
        { ...JSON.parse('{"__proto__":["10.0.0.9:4"]}'), ...addressesIn(good) },
      );

      await eventually('the refusals', () => {
        assert.deepEqual(
          Object.keys(test.told.refused).sort(),
          [...new Set(['address', 'route', 'shape', 'too-long'])].sort(),
        );
        return true;
      });
      assert.equal(test.table.byApp('7').length, 1);
      assert.equal(Object.hasOwn(Object.prototype, 'x'), false);
    });

    it('becomes ready, and stays so with what it listed when its origin goes away', async function () {
      await using test = await start(open, this);
      await test.follow(routesJson([shop]));
      await eventually('the source to be ready', () => test.source.ready || undefined);

      await test.origin.goAway();
      await eventually('the source to notice', () => test.told.states[1]);

      assert.deepEqual(test.told.states, ['works', 'unreachable']);
      assert.equal(test.source.ready, true);
      assert.deepEqual(listing(test.table), addressesIn(routesJson([shop])));
    });

    it('changes nothing any more once it is disposed of', async function () {
      await using test = await start(open, this);
      await test.follow(routesJson([shop]));

      await test.source[Symbol.asyncDispose]();
      const polls = test.told.polls.length;
      await test.origin.say(routesJson([blog]));

      assert.deepEqual(listing(test.table), addressesIn(routesJson([shop])));
      assert.equal(test.told.polls.length, polls);
      assert.ok(test.source.name.startsWith(name));
    });
  });
}

describe('sources of routes together', () => {
  it('are joined: what all of them list is one, and stays while any lists it', async function () {
    await using parts = new AsyncDisposableStack();
    const table = new RouteTable();
    const opened = [];
    for (const open of Object.values(origins)) {
      const origin = await open(this, parts);
      const told = seen();
      parts.use(origin.start(table, told.observers));
      await eventually('the source to work', () => told.states[0]);
      opened.push(origin);
    }
    const lists = (expected: RoutesJson) =>
      eventually('the table to follow', () => {
        assert.deepEqual(listing(table), addressesIn(expected));
        return true;
      });

    for (const origin of opened) await origin.say(routesJson([shop, blog]));
    await lists(routesJson([shop, blog]));
    assert.equal(table.byApp(appGuid(blog)).length, 2);
    for (const origin of opened) {
      assert.deepEqual(listing(table), addressesIn(routesJson([shop, blog])));
      await origin.say(routesJson([shop]));
    }

    await lists(routesJson([shop]));
  });
});
