/** Whose instance is shown, over any history of what several sources say. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { readEndpoint } from '../../src/discover/endpoint.ts';
import type { Endpoint } from '../../src/discover/instance.ts';
import { collectListing } from '../../src/discover/listing.ts';
import { ListingFeed } from '../../src/discover/listing-feed.ts';
import { readMessage } from '../../src/discover/nats-message.ts';
import { NatsRegistry } from '../../src/discover/nats-registry.ts';
import { RouteTable } from '../../src/discover/route-table.ts';

const ADDRESSES = ['10.0.0.1:80', '10.0.0.2:80'] as const;
/** Two instances of one app and one of another; a route of each is the other's too. */
const OWNERS = ['a/0', 'a/1', 'b/0'] as const;
const ROUTES = ['r.example.com', 'r.example.com/p', 's.example.com'] as const;
const never = new AbortController().signal;

interface Claim {
  readonly address: string;
  readonly owner: string;
  readonly routes: readonly string[];
}

type Step =
  | { readonly what: 'register' | 'unregister'; readonly claim: Claim }
  | { readonly what: 'poll'; readonly source: number; readonly claims: readonly Claim[] }
  | { readonly what: 'poll again' | 'lapse'; readonly source: number }
  | { readonly what: 'bus lapse' };

function claim(): fc.Arbitrary<Claim> {
  return fc.record({
    address: fc.constantFrom(...ADDRESSES),
    owner: fc.constantFrom(...OWNERS),
    routes: fc.subarray([...ROUTES], { minLength: 1 }),
  });
}

function step(): fc.Arbitrary<Step> {
  const source = fc.nat(1);
  return fc.oneof(
    fc.record({ what: fc.constantFrom('register', 'register', 'unregister'), claim: claim() }),
    fc.record({
      what: fc.constant('poll' as const),
      source,
      claims: fc.array(claim(), { maxLength: 4 }),
    }),
    fc.record({ what: fc.constantFrom('poll again', 'lapse'), source }),
    fc.record({ what: fc.constant('bus lapse' as const) }),
  ) as fc.Arbitrary<Step>; // the words are not widened
}

function tagsOf(owner: string): Record<string, string> {
  return { app_id: owner[0] ?? '', process_instance_id: owner };
}

function endpointOf(address: string, owner: string): Endpoint {
  const endpoint = readEndpoint({ address, tls: false, tags: tagsOf(owner) });
  assert.ok(typeof endpoint === 'object');
  return endpoint;
}

function listingOf(claims: readonly Claim[]): string {
  const routes: Record<string, unknown[]> = {};
  for (const { address, owner, routes: own } of claims) {
    for (const route of own) {
      routes[route] ??= [];
      routes[route].push({ address, tls: false, tags: tagsOf(owner) });
    }
  }
  return JSON.stringify(routes);
}

/** What each source says of each address, and when it said so last. */
class Model {
  #time = 0;
  readonly #listings: { claims: readonly Claim[]; at: number }[] = [
    { claims: [], at: 0 },
    { claims: [], at: 0 },
  ];
  readonly #bus = new Map<string, { owner: string; routes: Set<string>; at: number }>();

  apply(one: Step): void {
    this.#time += 1;
    if (one.what === 'bus lapse') this.#bus.clear();
    else if ('claim' in one) this.#hear(one.what, one.claim);
    else if (one.what === 'poll')
      this.#listings[one.source] = { claims: one.claims, at: this.#time };
    else if (one.what === 'lapse') this.#listings[one.source] = { claims: [], at: this.#time };
    else this.#listings[one.source]!.at = this.#time;
  }

  #hear(what: 'register' | 'unregister', { address, owner, routes }: Claim): void {
    const known = this.#bus.get(address);
    const own = known?.owner === owner ? known : undefined;
    if (what === 'register') {
      const all = new Set([...(own?.routes ?? []), ...routes]);
      this.#bus.set(address, { owner, routes: all, at: this.#time });
    } else if (own) {
      for (const route of routes) own.routes.delete(route);
      if (own.routes.size === 0) this.#bus.delete(address);
    }
  }

  /** Who each source says that the address belongs to; what was said last first. */
  words(address: string): Set<string>[] {
    const words = this.#listings.map(({ claims, at }) => {
      const here = claims.filter((one) => one.address === address);
      return { at, owners: new Set(here.map(({ owner }) => owner)) };
    });
    const bus = this.#bus.get(address);
    if (bus) words.push({ at: bus.at, owners: new Set([bus.owner]) });
    return words
      .filter(({ owners }) => owners.size > 0)
      .sort((a, b) => b.at - a.at)
      .map(({ owners }) => owners);
  }
}

function start() {
  const table = new RouteTable();
  const feeds = [0, 1].map(() => new ListingFeed({ layer: table.layer() }));
  const registry = new NatsRegistry({
    ...{ layer: table.layer(), maxEntries: 1000, maxBytes: 1_000_000, doubtAfterMs: 600_000 },
  });
  const listings = ['{}', '{}'];
  const accept = async (source: number): Promise<void> => {
    const listing = await collectListing(
      Readable.from([Buffer.from(listings[source]!)]),
      Number.POSITIVE_INFINITY,
    );
    await feeds[source]!.accept(listing, never);
  };
  const apply = async (one: Step): Promise<void> => {
    if (one.what === 'bus lapse') {
      registry.forget(Number.POSITIVE_INFINITY);
    } else if ('claim' in one) {
      const { address, owner, routes } = one.claim;
      const [host, port] = address.split(':');
      const json = { host, port: Number(port), uris: routes, tags: tagsOf(owner) };
      const message = readMessage(Buffer.from(JSON.stringify(json)), 120);
      assert.ok(typeof message === 'object');
      if (one.what === 'register') registry.register(message, 0);
      else registry.unregister(message);
    } else if (one.what === 'lapse') {
      listings[one.source] = '{}';
      await feeds[one.source]!.clear(() => true, never);
    } else {
      if (one.what === 'poll') listings[one.source] = listingOf(one.claims);
      await accept(one.source);
    }
  };
  return { table, apply };
}

describe('the owner of a plain address', () => {
  it('is who the newest word names, and no other is ever asked, over any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(), { maxLength: 30 }), async (steps) => {
        const { table, apply } = start();
        const model = new Model();
        for (const one of steps) {
          await apply(one);
          model.apply(one);
          for (const address of ADDRESSES) assertOwner(table, address, model.words(address));
        }
      }),
      { numRuns: 1000 },
    );
  });
});

function assertOwner(table: RouteTable, address: string, words: readonly Set<string>[]): void {
  const shown = [...table.apps()].flat().filter(({ endpoint }) => endpoint.address === address);
  const asked = new Set(
    shown.filter(({ ambiguous }) => !ambiguous).map((one) => one.processInstanceId),
  );
  const [newest = new Set<string>()] = words;
  assert.ok(asked.size <= 1, `${address} is asked for ${[...asked]}`);
  assert.ok(asked.isSubsetOf(newest), `${[...asked]}, where the newest word is ${[...newest]}`);
  const held = OWNERS.filter((owner) => table.holds({ endpoint: endpointOf(address, owner) }));
  assert.deepEqual(new Set(held), asked, 'a scrape that has waited is as strict');
  if (newest.size === 1) assert.deepEqual(asked, newest);
  if (words.length === 1 && newest.size > 1) assert.equal(asked.size, 0);
  if (words.length === 1 && newest.size === 2) {
    assert.deepEqual(new Set(shown.map((one) => one.processInstanceId)), newest, 'both are told');
  }
  for (const { ambiguous, processInstanceId } of shown) {
    if (ambiguous) assert.ok(newest.has(processInstanceId));
  }
}
