import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { collectListing, type Listing } from '../../src/discover/listing.ts';
import { ListingFeed, type Loss } from '../../src/discover/listing-feed.ts';
import { RouteTable, type RouteTableOptions } from '../../src/discover/route-table.ts';
import type { RoutesJson } from '../support/foundation.ts';
import { routesJson, type SimulatedApp } from '../support/foundation.ts';
import { addressesOf, app, listing, putApps } from './endpoints.ts';

const never = new AbortController().signal;
const PADDING = 'x'.repeat(2 * 1024 * 1024);

/** A listing in chunks that end anywhere. */
function listingOf(json: string, chunkBytes = 65_536): Promise<Listing> {
  const bytes = Buffer.from(json);
  async function* chunks() {
    for (let from = 0; from < bytes.length; from += chunkBytes) {
      yield bytes.subarray(from, from + chunkBytes);
    }
  }
  return collectListing(chunks(), Number.POSITIVE_INFINITY);
}

function start(options: RouteTableOptions = {}, { doubtsLoss = false } = {}) {
  const table = new RouteTable(options);
  const refused: string[] = [];
  const onRefused = (reason: string, count: number): void => {
    for (let left = count; left > 0; left--) refused.push(reason);
  };
  const losses: Loss[] = [];
  const onLoss = doubtsLoss ? (loss: Loss): unknown => losses.push(loss) : undefined;
  const feed = new ListingFeed({ layer: table.layer(), onRefused, onLoss });
  return {
    table,
    refused,
    losses,
    accept: async (json: unknown, chunkBytes?: number) =>
      feed.accept(
        await listingOf(typeof json === 'string' ? json : JSON.stringify(json), chunkBytes),
        never,
      ),
  };
}

/** The same listing, small enough for the main thread and large enough for the worker. */
const sizes: readonly [size: string, of: (routes: unknown) => string][] = [
  ['a small', (routes) => JSON.stringify(routes)],
  ['a large', (routes) => `${JSON.stringify(routes).slice(0, -1)},"${PADDING}":[]}`],
];

describe('ListingFeed', () => {
  for (const [size, write] of sizes) {
    const listings = (...apps: SimulatedApp[]): string => write(routesJson(apps));

    it(`makes the layer say what ${size} listing says`, async () => {
      const { table, accept } = start();

      assert.equal(
        await accept(listings(app('shop', ['10.0.0.1:1', '10.0.0.2:1']), app('x', ['10.0.0.3:1']))),
        true,
      );
      assert.equal(
        await accept(listings(app('shop', ['10.0.0.2:1', '10.0.0.4:1']), app('y', ['10.0.0.3:1']))),
        true,
      );

      assert.deepEqual(listing(table), {
        'shop.apps.example.com': ['10.0.0.2:1', '10.0.0.4:1'],
        'y.apps.example.com': ['10.0.0.3:1'],
      });
      assert.deepEqual(addressesOf(table.byName('sys', 'tools', 'x')), []);
    });

    it(`believes ${size} listing that has lost most apps when the next one has too`, async () => {
      const { table, accept, losses } = start({}, { doubtsLoss: true });
      const [a, b, c] = ['a', 'b', 'c'].map((name, at) => app(name, [`10.0.0.${at + 1}:1`]));
      const all = listings(a!, b!, c!);
      const routes = (): number => table.sizes().routes;

      await accept(all);
      assert.equal(await accept(listings(a!, b!)), true);
      await accept(all);
      assert.equal(await accept(listings(a!)), false);
      assert.equal(routes(), 3);
      await accept(all);
      assert.equal(await accept(listings(b!)), false);
      assert.equal(routes(), 3);
      assert.equal(await accept(listings(b!)), true);
      assert.equal(routes(), 1);
      const none = write({ 'x.example.com': [] });
      assert.equal(await accept(none), false);
      assert.equal(routes(), 1);
      assert.equal(await accept(none), true);
      assert.equal(routes(), 0);
      assert.deepEqual(losses.slice(1), [
        { apps: 1, appsBefore: 3 },
        { apps: 0, appsBefore: 1 },
      ]);
    });

    it(`leaves the layer as it was when ${size} listing holds no table`, async () => {
      const { table, accept } = start();
      await accept(listings(app('shop', ['10.0.0.1:1'])));
      const before = listing(table);

      await assert.rejects(accept(write([]).replace(/,"x.*/, ']')), { fault: 'shape' });
      await assert.rejects(accept(`${write({ a: [] })}}`), { fault: 'json' });

      assert.deepEqual(listing(table), before);
    });

    it(`refuses pieces of ${size} listing and keeps the rest`, async () => {
      const { table, accept, refused } = start();
      const good = routesJson([app('shop', ['10.0.0.1:1'])]);
      const [endpoint] = good['shop.apps.example.com'] ?? [];

      await accept(
        write({
          'a.example.com': [null, endpoint, { ...endpoint, address: 'no port' }],
          'b.example.com': { address: '10.0.0.9:1' },
          'c.example.com': null,
          'bad route': [endpoint],
          ...good,
        }),
      );

      assert.deepEqual(listing(table), {
        'a.example.com': ['10.0.0.1:1'],
        'shop.apps.example.com': ['10.0.0.1:1'],
      });
      const expected = ['address', 'route', 'shape', 'shape'];
      if (write(1).length > 2) expected.push('route'); // the padding
      assert.deepEqual(refused.sort(), expected.sort());
    });

    it(`joins routes of ${size} listing that are one when written alike`, async () => {
      const { table, accept } = start();
      const [a, b] =
        routesJson([app('r', ['10.0.0.1:1', '10.0.0.2:1'])])['r.apps.example.com'] ?? [];

      await accept(write({ 'R.example.com': [a], 'r.example.com/': [b, a] }));

      assert.deepEqual(listing(table), { 'r.example.com': ['10.0.0.1:1', '10.0.0.2:1'] });
    });
  }

  it('starts a worker for a large listing only, and ends it', async () => {
    const workers: Worker[] = [];
    const onWorker = (message: unknown): unknown =>
      workers.push((message as { worker: Worker }).worker);
    diagnostics.subscribe('worker_threads', onWorker);
    const { accept } = start();
    const counts: number[] = [];

    for (const [, write] of sizes) {
      await accept(write(routesJson([app('shop', ['10.0.0.1:1'])])));
      counts.push(workers.length);
    }
    diagnostics.unsubscribe('worker_threads', onWorker);

    assert.deepEqual(counts, [0, 1]);
    assert.equal(workers[0]?.threadId, -1); // what Node gives for one that has ended
  });

  it('takes a listing that equals the last one for nothing new, without reading it', async () => {
    const table = new RouteTable();
    const feed = new ListingFeed({ layer: table.layer() });
    const listing = await listingOf(JSON.stringify(routesJson([app('shop', ['10.0.0.1:1'])])));

    assert.equal(await feed.accept(listing, never), true);
    const unreadable = { digest: listing.digest, blocks: [] };
    assert.equal(await feed.accept(unreadable, never), false);

    assert.equal(table.sizes().endpoints, 1);
  });

  it('finds room for what found none, with the same listing', async () => {
    const table = new RouteTable({ maxEntries: 2 });
    const full = table.layer();
    putApps(full, [app('other', ['10.0.0.9:1'])]);
    const feed = new ListingFeed({ layer: table.layer() });
    const json = JSON.stringify(routesJson([app('shop', ['10.0.0.1:1', '10.0.0.2:1'])]));
    await feed.accept(await listingOf(json), never);
    assert.deepEqual(listing(table)['shop.apps.example.com'], ['10.0.0.1:1']);

    full.remove('other.apps.example.com', '10.0.0.9:1');
    await feed.accept(await listingOf(json), never);

    assert.deepEqual(listing(table)['shop.apps.example.com'], ['10.0.0.1:1', '10.0.0.2:1']);
  });

  it('never misses an app whose route is renamed, or given to another app', async () => {
    const gone: string[] = [];
    const { table, accept } = start({ onAppGone: (appId) => gone.push(appId) });
    const apps = Array.from({ length: 1000 }, (_, index) =>
      app(`app-${index}`, [`10.0.${index >> 8}.${index & 255}:1`]),
    );
    const withRoutes = (routeOf: (index: number) => string): SimulatedApp[] =>
      apps.map((one, index) => ({ ...one, routes: [routeOf(index)] }));
    await accept(routesJson(withRoutes((index) => `old-${index}`)));

    const counts = new Set<number>();
    for (const routeOf of [
      (index: number) => `new-${index}`,
      (index: number) => `new-${(index + 1) % 1000}`,
    ]) {
      const listing = routesJson(withRoutes(routeOf));
      await whileWatching(
        () => counts.add(table.sizes().apps),
        () => accept(listing),
      );
    }

    assert.deepEqual([...counts], [1000]);
    assert.deepEqual(gone, []);
  });

  it('gives the same table wherever the bytes are split', async () => {
    const json = JSON.stringify(
      routesJson([app('ä€🚀', ['10.0.0.1:1'], { routes: ['r.example.com'], organization: '€' })]),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), async (chunkBytes) => {
        const { table, accept } = start();
        await accept(json, chunkBytes);
        assert.equal(table.byName('€', 'tools', 'ä€🚀').length, 1);
      }),
    );
  });

  it('takes any JSON for a listing without a fault, or refuses it as a whole', async () => {
    const key = fc.constantFrom(
      '__proto__',
      'constructor',
      'r.example.com',
      'R.example.com',
      '',
      'a b',
    );
    const endpoint = fc.record(
      { address: fc.constantFrom('10.0.0.1:1', '10.0.0.2', null), tags: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const given = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.array(fc.oneof(endpoint, fc.jsonValue())))),
    );
    const good = routesJson([app('shop', ['10.0.0.9:1'])]);
    await fc.assert(
      fc.asyncProperty(given, async (json) => {
        const { table, accept } = start();
        const isTable = typeof json === 'object' && json !== null && !Array.isArray(json);
        if (!isTable) return assert.rejects(accept(json ?? 'null'), { name: 'SourceError' });
        await accept(JSON.stringify({ ...json, ...good }));
        assert.deepEqual(listing(table)['shop.apps.example.com'], ['10.0.0.9:1']);
      }),
    );
  });

  it('never holds the main thread for 20 ms with 20,000 endpoints in 18 MB', async function () {
    this.timeout(120_000);
    const table = new RouteTable();
    const feed = new ListingFeed({ layer: table.layer() });

    // The best of some: what is measured is the work, not a collection of the garbage of other tests.
    const longestMs: number[] = [];
    for (let revision = 0; revision < 12; revision++) {
      const json = JSON.stringify(manyRoutes(`revision ${revision}`));
      assert.ok(json.length > 18_000_000, `${json.length} bytes`);
      const listing = await listingOf(json);
      longestMs.push(await longestTurnMs(() => feed.accept(listing, never)));
      if (longestMs.at(-1)! < 20) break; // pushed above
    }

    assert.equal(table.sizes().endpoints, 20_000);
    assert.ok(Math.min(...longestMs) < 20, `${longestMs} ms of CPU at a stretch`);
  });
});

/** 5,000 apps with four instances each, as a gorouter prints them. */
function manyRoutes(revision: string): RoutesJson {
  return routesJson(
    Array.from({ length: 5000 }, (_, index) =>
      app(
        `application-${index}`,
        Array.from(
          { length: 4 },
          (_, instance) => `10.${index >> 8}.${index & 255}.${instance}:61001`,
        ),
        { tls: true, tags: { revision: revision.padEnd(200, '-') } },
      ),
    ),
  );
}

/** The longest stretch of CPU time that the main thread spends without serving anything else. */
async function longestTurnMs(task: () => Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let last = process.threadCpuUsage();
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    longestMs = Math.max(longestMs, (user + system) / 1000);
    last = process.threadCpuUsage();
  };
  await whileWatching(look, task);
  return longestMs;
}

/** Calls `look` as often as other work would get its turn. */
async function whileWatching(look: () => void, task: () => Promise<unknown>): Promise<void> {
  let isRunning = true;
  const tick = (): void => {
    look();
    if (isRunning) setImmediate(tick);
  };
  tick();
  await task();
  isRunning = false;
  look();
}
