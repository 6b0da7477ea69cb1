import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Slot, type SlotClaim, SlotPool } from '../../src/fetch/pool.ts';
import type { Outcome } from '../../src/fetch/suspects.ts';

/** One who wants a slot, and remembers that it got it. */
class Fetch implements SlotClaim {
  readonly space: string;
  readonly app: string;
  readonly page: string;
  readonly slot: Slot;
  readonly #address: string;
  readonly #pool: SlotPool;
  granted = false;
  ended = false;

  constructor(pool: SlotPool, space: string, app: string, address: string, page = '') {
    this.space = space;
    this.app = app;
    this.#address = address;
    this.page = page;
    this.#pool = pool;
    this.slot = pool.slot(this);
    pool.request(this.slot);
  }

  get address(): string {
    return this.#address;
  }

  slotGranted(): void {
    assert.equal(this.granted, false);
    assert.equal(this.ended, false);
    this.granted = true;
  }

  get running(): boolean {
    return this.granted && !this.ended;
  }

  end(outcome: Outcome = 'answered'): void {
    this.ended = true;
    this.#pool.release(this.slot, outcome);
  }
}

function fetches(pool: SlotPool, count: number, space: string, app = `${space}-app`): Fetch[] {
  return Array.from({ length: count }, (_, i) => new Fetch(pool, space, app, `${app}-${i}:80`));
}

const running = (all: readonly Fetch[]) => all.filter((fetch) => fetch.running).length;

describe('SlotPool', () => {
  it('gives an app no more than per_app', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });

    const all = fetches(pool, 500, 's');

    assert.equal(running(all), 128);
  });

  it('gives no more than concurrency', () => {
    const pool = new SlotPool({ concurrency: 6, perApp: 4 });

    const all = ['a', 'b', 'c'].flatMap((space) => fetches(pool, 4, space));

    assert.equal(running(all), 6);
  });

  it('leaves others their slots beside an app of 500 that hang', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });
    fetches(pool, 500, 'hanging');

    const others = fetches(pool, 100, 'other');

    assert.equal(running(others), 100);
  });

  it('leaves others a slot beside a space whose apps would all together take them all', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });
    for (let i = 0; i < 20; i++) fetches(pool, 500, 'hanging', `app-${i}`);
    assert.equal(pool.running, Math.ceil((512 * 8) / 9));

    const others = fetches(pool, 30, 'other');

    assert.equal(running(others), 30);
  });

  it('gives freed slots to the spaces in turn, however many each has waiting', () => {
    const pool = new SlotPool({ concurrency: 1, perApp: 128 });
    const order: string[] = [];
    const take = (all: readonly Fetch[]): boolean => {
      const one = all.find((fetch) => fetch.running);
      if (one) order.push(one.space);
      one?.end();
      return one !== undefined;
    };

    const all = [...fetches(pool, 50, 'a'), ...fetches(pool, 3, 'b'), ...fetches(pool, 2, 'c')];
    while (take(all));

    assert.equal(order.slice(0, 9).join(''), 'aabcabcab');
    assert.equal(order.length, 55);
  });

  it('gives the slots of a space to its apps in turn', () => {
    const pool = new SlotPool({ concurrency: 1, perApp: 128 });
    const all = [...fetches(pool, 9, 's', 'x'), ...fetches(pool, 3, 's', 'y')];
    const order: string[] = [];

    for (let one = all.find((f) => f.running); one; one = all.find((f) => f.running)) {
      order.push(one.app);
      one.end();
    }

    assert.equal(order.join(''), 'xxyxyxyxxxxx');
  });

  it('gives an address that hung twice one slot, until it answers', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });
    const ask = () => new Fetch(pool, 's', 'app', 'hung:80');
    ask().end('hung');
    const twoAtOnce = [ask(), ask()];
    assert.equal(running(twoAtOnce), 2);
    for (const one of twoAtOnce) one.end('hung');

    const all = [ask(), ask(), ask()];
    assert.equal(running(all), 1);
    all[0]?.end('hung');
    assert.deepEqual(
      all.map((one) => one.running),
      [false, true, false],
    );
    all.push(ask(), ask());
    all[1]?.end('answered');

    assert.equal(running(all), 3);
  });

  it('lets a hung address keep nobody else of its app waiting', () => {
    const pool = new SlotPool({ concurrency: 2, perApp: 128 });
    const ask = (address: string) => new Fetch(pool, 's', 'app', address);
    ask('hung:80').end('hung');
    ask('hung:80').end('hung');

    const all = [ask('hung:80'), ask('hung:80'), ask('hung:80'), ask('good:80')];

    assert.deepEqual(
      all.map((one) => one.running),
      [true, false, false, true],
    );
  });

  it('looks at each of 2,000 that wait for a hung address a few times, however they end', () => {
    for (const outcome of ['hung', 'unknown'] as const) {
      const pool = new SlotPool({ concurrency: 512, perApp: 128 });
      for (let n = 0; n < 2; n++) new Fetch(pool, 's', 'app', 'hung:80').end('hung');
      let looks = 0;
      class Watched extends Fetch {
        override get address(): string {
          looks++;
          return 'hung:80';
        }
      }
      const all = Array.from({ length: 2_000 }, () => new Watched(pool, 's', 'app', ''));

      for (const fetch of all) fetch.end(outcome);

      assert.ok(looks <= 4 * all.length, `${looks} looks`);
      assert.equal(pool.waiting, 0);
    }
  });

  it('passes the probe on when the one who is to have it gives up', () => {
    const pool = new SlotPool({ concurrency: 1, perApp: 1 });
    const ask = (address: string, app: string) => new Fetch(pool, 's', app, address);
    ask('hung:80', 'a').end('hung');
    ask('hung:80', 'a').end('hung');
    const probe = ask('hung:80', 'a');
    const next = ask('hung:80', 'b');
    const last = ask('hung:80', 'c');
    const busy = ask('good:80', 'd');
    assert.deepEqual([probe.running, next.running, last.running], [true, false, false]);

    probe.end('hung');
    const holder = [busy, next].find((one) => one.running);
    if (holder === busy) next.end();
    busy.end();

    assert.equal(next.running || last.running, true);
  });

  it('forgets what it knew of an address that left the table', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });
    const ask = () => new Fetch(pool, 's', 'app', 'hung:80');
    ask().end('hung');
    ask().end('hung');
    const all = [ask(), ask()];
    assert.equal(running(all), 1);

    pool.forget('hung:80');

    assert.equal(running(all), 2);
    for (const one of all) one.end('unknown');
    assert.deepEqual(pool.remembered, { addresses: 0, spaces: 0 });
  });

  it('asks the pages of an address that do not hang, whichever of them do', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });
    const ask = (page: string) => new Fetch(pool, 's', 'app', 'half:80', page);
    for (const page of ['/a', '/b', '/a', '/b']) ask(page).end('hung');

    const all = ['/a', '/a', '/b', '/b', '/good', '/good'].map(ask);
    assert.deepEqual(
      all.map((one) => one.running),
      [true, false, true, false, true, true],
    );
    pool.forget('half:80');

    assert.equal(running(all), 6);
    for (const one of all) one.end('unknown');
    assert.deepEqual(pool.remembered, { addresses: 0, spaces: 0 });
  });

  it('remembers a bounded number of addresses that hung', () => {
    const pool = new SlotPool({ concurrency: 512, perApp: 128 });

    for (let i = 0; i < 70_000; i++) new Fetch(pool, 's', 'app', `a${i}:80`).end('hung');

    assert.equal(pool.remembered.addresses, 65_536);
  });

  it('does not nest as deep as many fetches that fail at once', () => {
    const pool = new SlotPool({ concurrency: 1, perApp: 1 });
    let ended = 0;
    const claims = Array.from({ length: 50_000 }, (_, i) => {
      const slot: Slot = pool.slot({
        space: 's',
        app: 'a',
        address: `${i}:80`,
        page: '',
        slotGranted: () => {
          ended++;
          pool.release(slot, 'answered');
        },
      });
      return slot;
    });

    for (const slot of claims) pool.request(slot);

    assert.equal(ended, 50_000);
  });

  it('keeps all bounds, starves nobody and remembers nothing, whatever happens', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          ask: fc.record({
            space: fc.constantFrom('a', 'b', 'c'),
            app: fc.constantFrom('1', '2'),
            address: fc.nat(5),
            page: fc.constantFrom('', '', '/a', '/b'),
          }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          end: fc.record({
            which: fc.nat(30),
            outcome: fc.constantFrom<Outcome>('answered', 'hung', 'unknown'),
          }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ forget: fc.nat(5) }) },
    );
    const options = fc.record({
      concurrency: fc.integer({ min: 1, max: 12 }),
      perApp: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(options, fc.array(step, { maxLength: 150, size: 'max' }), (bounds, steps) => {
        const pool = new SlotPool(bounds);
        const model = new Model(pool, bounds);
        for (const one of steps) {
          if ('ask' in one) model.ask(one.ask);
          else if ('end' in one) model.end(one.end);
          else model.forget(`${one.forget}:80`);
          model.check();
        }
        model.endAll();
        assert.equal(pool.running, 0);
        assert.equal(pool.remembered.spaces, 0);
      }),
      { numRuns: 2000 },
    );
  });
});

interface AskedFetch {
  readonly space: string;
  readonly app: string;
  readonly address: number;
  readonly page: string;
}

/** What hangs by itself. */
function keyOf({ address, page }: { readonly address: string; readonly page: string }): string {
  return `${address} ${page}`;
}

/** What the pool promises, counted from outside. */
class Model {
  readonly #pool: SlotPool;
  readonly #bounds: { readonly concurrency: number; readonly perApp: number };
  #fetches: Fetch[] = [];
  readonly #strikes = new Map<string, number>();

  constructor(pool: SlotPool, bounds: { readonly concurrency: number; readonly perApp: number }) {
    this.#pool = pool;
    this.#bounds = bounds;
  }

  ask({ space, app, address, page }: AskedFetch): void {
    this.#fetches.push(new Fetch(this.#pool, space, `${space}${app}`, `${address}:80`, page));
  }

  end({ which, outcome }: { which: number; outcome: Outcome }): void {
    const fetch = this.#fetches[which % (this.#fetches.length || 1)];
    if (!fetch) return;
    const key = keyOf(fetch);
    if (fetch.running && outcome === 'answered') this.#strikes.delete(key);
    if (fetch.running && outcome === 'hung') {
      this.#strikes.set(key, (this.#strikes.get(key) ?? 0) + 1);
    }
    const before = this.#runningAt(key);
    const wasRunning = fetch.running;
    this.#fetches = this.#fetches.filter((one) => one !== fetch);
    fetch.end(outcome);
    const mayRun = this.#hangs(key) ? Math.max(1, before - (wasRunning ? 1 : 0)) : Infinity;
    assert.ok(this.#runningAt(key) <= mayRun, 'more than a probe at an address that hangs');
  }

  forget(address: string): void {
    for (const page of ['', '/a', '/b']) this.#strikes.delete(keyOf({ address, page }));
    this.#pool.forget(address);
  }

  check(): void {
    const { concurrency, perApp } = this.#bounds;
    const active = this.#fetches.filter((fetch) => fetch.running);
    assert.equal(this.#pool.running, active.length);
    assert.equal(this.#pool.waiting, this.#fetches.length - active.length);
    assert.ok(active.length <= concurrency);
    for (const group of Map.groupBy(active, (fetch) => fetch.app).values()) {
      assert.ok(group.length <= perApp);
    }
    const free = concurrency - active.length;
    const inSpace = (space: string) => active.filter((fetch) => fetch.space === space).length;
    for (const fetch of this.#fetches) {
      if (fetch.granted) continue;
      const full =
        free === 0 ||
        active.filter((one) => one.app === fetch.app).length === perApp ||
        (inSpace(fetch.space) > 0 && inSpace(fetch.space) >= free * 8) ||
        (this.#hangs(keyOf(fetch)) && this.#runningAt(keyOf(fetch)) > 0);
      assert.ok(full, `${fetch.app} ${fetch.address} waits for nothing`);
    }
  }

  /** Ends those who run, one by one: everybody must get a turn. */
  endAll(): void {
    while (this.#fetches.length > 0) {
      const fetch = this.#fetches.find((one) => one.running);
      assert.ok(fetch, 'all wait, and nobody runs');
      this.#fetches = this.#fetches.filter((one) => one !== fetch);
      fetch.end('unknown');
    }
  }

  #hangs(key: string): boolean {
    return (this.#strikes.get(key) ?? 0) >= 2;
  }

  #runningAt(key: string): number {
    return this.#fetches.filter((one) => one.running && keyOf(one) === key).length;
  }
}
