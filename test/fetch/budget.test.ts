import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Budget } from '../../src/fetch/budget.ts';
import type { Account, BytesClaim, Lease } from '../../src/fetch/lease.ts';

/** One fetch that holds bytes, or waits for them. */
class Fetch implements BytesClaim {
  readonly account: Account;
  readonly space: string;
  readonly #budget: Budget;
  state: 'reading' | 'waiting' | 'refused' | 'kept' | 'failed' = 'reading';
  heldBytes = 0;
  wantedBytes = 0;

  constructor(budget: Budget, lease: Lease, space: string) {
    this.#budget = budget;
    this.space = space;
    this.account = budget.open(lease, space, this);
  }

  grow(bytes: number): this {
    if (bytes <= this.heldBytes) return this;
    this.wantedBytes = bytes;
    const answer = this.#budget.grow(this.account, bytes);
    if (answer === 'granted') this.heldBytes = bytes;
    else if (answer === 'waiting') this.state = 'waiting';
    else this.bytesRefused();
    return this;
  }

  bytesGranted(): void {
    assert.equal(this.state, 'waiting');
    this.state = 'reading';
    this.heldBytes = this.wantedBytes;
  }

  bytesRefused(): void {
    this.state = 'refused';
    this.#budget.close(this.account);
    this.heldBytes = 0;
  }

  keep(bytes = this.heldBytes): void {
    this.state = 'kept';
    this.heldBytes = bytes;
    this.#budget.keep(this.account, bytes);
  }

  fail(): void {
    this.state = 'failed';
    this.heldBytes = 0;
    this.#budget.close(this.account);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const states = (all: readonly Fetch[]) => all.map((fetch) => fetch.state).join(' ');

describe('Budget', () => {
  it('gives what is free at once, and takes it back when the response is written', () => {
    const budget = new Budget({ maxBytes: 1000 });
    {
      using lease = budget.lease();
      const fetch = new Fetch(budget, lease, 's').grow(500);
      assert.equal(fetch.state, 'reading');

      fetch.keep(300);
      budget.fetched(lease);

      assert.equal(budget.usedBytes, 300);
    }
    assert.equal(budget.usedBytes, 0);
    assert.deepEqual(budget.remembered, { leases: 0, spaces: 0 });
  });

  it('refuses at once what a scrape could not have even alone', () => {
    const budget = new Budget({ maxBytes: 1000 });
    using lease = budget.lease();
    new Fetch(budget, lease, 's').grow(600).keep();

    assert.equal(new Fetch(budget, lease, 's').grow(201).state, 'refused');
    assert.equal(new Fetch(budget, lease, 's').grow(200).state, 'reading');
  });

  it('lets a fetch wait until a response is written', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    const first = budget.lease();
    using second = budget.lease();
    new Fetch(budget, first, 's').grow(700).keep();
    budget.fetched(first);
    const fetch = new Fetch(budget, second, 's').grow(500);
    await settled();
    assert.equal(fetch.state, 'waiting');

    first[Symbol.dispose]();

    assert.equal(fetch.state, 'reading');
  });

  it('lets a fetch wait while another of its own scrape may give room back', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    using lease = budget.lease();
    const large = new Fetch(budget, lease, 's').grow(700);
    const waiting = new Fetch(budget, lease, 's').grow(200);
    await settled();
    assert.equal(waiting.state, 'waiting');

    large.keep(100);

    assert.equal(waiting.state, 'reading');
  });

  it('leaves room for another space beside one that is huge', () => {
    const budget = new Budget({ maxBytes: 160 * 2 ** 20 });
    using huge = budget.lease();
    for (let i = 0; i < 100; i++) new Fetch(budget, huge, 'huge').grow(16 * 2 ** 20);
    assert.equal(budget.usedBytes, 128 * 2 ** 20);

    using other = budget.lease();
    const pages = Array.from({ length: 100 }, () => new Fetch(budget, other, 'other').grow(65_536));

    assert.ok(pages.every((fetch) => fetch.state === 'reading'));
  });

  it('gives freed room to the spaces in turn', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    const full = budget.lease();
    new Fetch(budget, full, 'z').grow(800).keep();
    budget.fetched(full);
    const leases = ['a', 'a', 'a', 'b'].map((space) => ({ space, lease: budget.lease() }));
    const all = leases.map(({ space, lease }) => new Fetch(budget, lease, space).grow(300));
    await settled();
    assert.equal(states(all), 'waiting waiting waiting waiting');

    full[Symbol.dispose]();

    assert.equal(states(all), 'reading waiting waiting reading');
    for (const { lease } of leases) lease[Symbol.dispose]();
  });

  it('serves what has begun before what has not', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    const full = budget.lease();
    using lease = budget.lease();
    new Fetch(budget, full, 'z').grow(600).keep();
    budget.fetched(full);
    const begun = new Fetch(budget, lease, 's').grow(100);
    const fresh = new Fetch(budget, lease, 's').grow(600);
    begun.grow(700);
    await settled();
    assert.equal(states([begun, fresh]), 'waiting waiting');

    full[Symbol.dispose]();

    assert.equal(states([begun, fresh]), 'reading waiting');
  });

  it('ends the oldest scrape whole when several wait for what the others hold', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    const [old, young] = [budget.lease(), budget.lease()];
    const oldFetches = [0, 1].map(() => new Fetch(budget, old, 's').grow(200));
    const youngFetches = [0, 1].map(() => new Fetch(budget, young, 's').grow(180));

    for (const fetch of [...oldFetches, ...youngFetches]) fetch.grow(350);
    await settled();
    assert.equal(states([...oldFetches, ...youngFetches]), 'reading reading refused waiting');
    for (const fetch of oldFetches) fetch.keep();
    await settled();

    assert.equal(states([...oldFetches, ...youngFetches]), 'kept kept refused waiting');
    budget.fetched(old);
    old[Symbol.dispose]();
    young[Symbol.dispose]();
    assert.equal(budget.usedBytes, 0);
  });

  it('forgets who gives up waiting', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    using full = budget.lease();
    using lease = budget.lease();
    new Fetch(budget, full, 's').grow(700).keep();
    budget.fetched(full);
    const [first, second] = [0, 1].map(() => new Fetch(budget, lease, 's').grow(400));
    await settled();

    first?.fail();
    second?.fail();

    assert.equal(budget.usedBytes, 700);
    assert.equal(budget.remembered.spaces, 1);
  });

  it('refuses a scrape whose response is already given up', () => {
    const budget = new Budget({ maxBytes: 1000 });
    const lease = budget.lease();
    lease[Symbol.dispose]();

    assert.equal(new Fetch(budget, lease, 's').grow(10).state, 'refused');
    assert.deepEqual(budget.remembered, { leases: 0, spaces: 0 });
  });

  it('keeps its bound and never stands still, whatever happens', async () => {
    const bytes = fc.integer({ min: 1, max: 700 });
    const step = fc.oneof(
      fc.record({ open: fc.record({ lease: fc.nat(3), space: fc.nat(1), bytes }) }),
      fc.record({ grow: fc.record({ which: fc.nat(40), bytes }) }),
      fc.record({ keep: fc.nat(40) }),
      fc.record({ fail: fc.nat(40) }),
      fc.record({ write: fc.nat(3) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const model = new Model(1000);
        for (const one of steps) {
          if ('open' in one) model.open(one.open);
          else if ('grow' in one) model.grow(one.grow);
          else if ('keep' in one) model.keep(one.keep);
          else if ('fail' in one) model.fail(one.fail);
          else model.write(one.write);
          model.check();
          await Promise.resolve();
          model.check();
        }
        await model.endAll();
      }),
      { numRuns: 500 },
    );
  });
});

/** Scrapes that fetch, keep and write in any order; what the budget promises, counted from outside. */
class Model {
  readonly #budget: Budget;
  readonly #maxBytes: number;
  #scrapes: { readonly lease: Lease; readonly fetches: Fetch[] }[];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#budget = new Budget({ maxBytes });
    this.#scrapes = Array.from({ length: 4 }, () => this.#scrape());
  }

  open({ lease, space, bytes }: { lease: number; space: number; bytes: number }): void {
    const scrape = this.#scrapes[lease];
    scrape?.fetches.push(new Fetch(this.#budget, scrape.lease, `space-${space}`).grow(bytes));
  }

  grow({ which, bytes }: { which: number; bytes: number }): void {
    this.#pick(which)?.grow(bytes);
  }

  keep(which: number): void {
    const fetch = this.#pick(which);
    fetch?.keep(Math.ceil(fetch.heldBytes / 2));
  }

  fail(which: number): void {
    this.#pick(which)?.fail();
  }

  /** Writes the response of a scrape that has nothing more to fetch, and begins another. */
  write(which: number): void {
    const scrape = this.#scrapes[which];
    if (!scrape || scrape.fetches.some(({ state }) => state === 'reading' || state === 'waiting')) {
      return;
    }
    this.#budget.fetched(scrape.lease);
    this.check();
    scrape.lease[Symbol.dispose]();
    this.#scrapes[which] = this.#scrape();
  }

  check(): void {
    const held = this.#fetches.reduce((sum, fetch) => sum + fetch.heldBytes, 0);
    assert.equal(this.#budget.usedBytes, held);
    assert.ok(held <= this.#maxBytes, `${held} bytes`);
    const waiting = this.#fetches.filter(({ state }) => state === 'waiting');
    assert.equal(this.#budget.waiting, waiting.length);
  }

  /** Brings all to their end; those who wait are never left with nobody to wait for. */
  async endAll(): Promise<void> {
    for (let turn = 0; turn < 1000; turn++) {
      await settled();
      this.check();
      const reading = this.#fetches.find(({ state }) => state === 'reading');
      if (reading) reading.keep();
      else if (this.#fetches.every(({ state }) => state !== 'waiting')) break;
      else assert.ok(this.#writeOne(), 'all wait for each other');
    }
    for (const { lease } of this.#scrapes) lease[Symbol.dispose]();
    assert.equal(this.#budget.usedBytes, 0);
    assert.deepEqual(this.#budget.remembered, { leases: 0, spaces: 0 });
  }

  #writeOne(): boolean {
    const index = this.#scrapes.findIndex(
      ({ fetches }) => fetches.length > 0 && fetches.every(({ state }) => state !== 'waiting'),
    );
    if (index >= 0) this.write(index);
    return index >= 0;
  }

  get #fetches(): Fetch[] {
    return this.#scrapes.flatMap(({ fetches }) => fetches);
  }

  #pick(which: number): Fetch | undefined {
    const reading = this.#fetches.filter(({ state }) => state === 'reading');
    return reading[which % (reading.length || 1)];
  }

  #scrape(): { readonly lease: Lease; readonly fetches: Fetch[] } {
    return { lease: this.#budget.lease(), fetches: [] };
  }
}

describe('Lease.charge', () => {
  it('holds bytes until the lease ends, and waits for room', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    const before = budget.lease();
    {
      using lease = budget.lease();
      new Fetch(budget, before, 'space').grow(500).keep();
      assert.equal(await lease.charge('space', 200), true);
      const charge = lease.charge('space', 400);
      await settled();
      assert.equal(budget.waiting, 1);

      before[Symbol.dispose]();

      assert.equal(await charge, true);
      assert.equal(budget.usedBytes, 600);
    }
    assert.equal(budget.usedBytes, 0);
    assert.deepEqual(budget.remembered, { leases: 0, spaces: 0 });
  });

  it('refuses what could never be, and what does not fit when its deadline has passed', async () => {
    const budget = new Budget({ maxBytes: 1000 });
    using other = budget.lease();
    using lease = budget.lease();
    new Fetch(budget, other, 'space').grow(700).keep();
    const charge = lease.charge('space', 400);
    await settled();

    budget.expire(lease);

    assert.equal(await charge, false);
    assert.equal(await lease.charge('space', 400), false);
    assert.equal(await lease.charge('space', 801), false);
    assert.equal(budget.usedBytes, 700);
  });
});

describe('Lease.lend', () => {
  const MIB = 2 ** 20;

  it('gives a response room beside its pages at once, also while a head waits for all that is free', async () => {
    const budget = new Budget({ maxBytes: 64 * MIB });
    using response = budget.lease();
    new Fetch(budget, response, 's').grow(30 * MIB).keep();
    budget.fetched(response);
    using head = budget.lease();
    new Fetch(budget, head, 's').grow(30 * MIB);
    const waiting = new Fetch(budget, head, 's').grow(10 * MIB);
    await settled();
    assert.equal(waiting.state, 'waiting');

    const lent = response.lend(4 * MIB);
    assert.equal(lent, 2 * MIB); // half of the reserve
    assert.equal(budget.usedBytes, 62 * MIB);
    response.shrink(MIB);

    assert.equal(waiting.state, 'reading');
    assert.equal(budget.usedBytes, 41 * MIB);
  });

  it('gives no more than is kept, and nothing where too little is free', () => {
    const budget = new Budget({ maxBytes: 64 * MIB });
    const small = budget.lease();
    assert.equal(small.lend(MIB), 0);
    new Fetch(budget, small, 's').grow(MIB / 2).keep();
    assert.equal(small.lend(MIB), MIB / 2);
    assert.equal(small.lend(4 * MIB), MIB);
    const leases = Array.from({ length: 8 }, () => budget.lease());
    for (const lease of leases) new Fetch(budget, lease, 's').grow(7.25 * MIB).keep();

    const lent = leases.map((lease) => lease.lend(4 * MIB));

    assert.ok(budget.usedBytes <= 62 * MIB, `${budget.usedBytes} bytes`);
    assert.ok(lent.includes(0));
    for (const lease of [small, ...leases]) lease[Symbol.dispose]();
    assert.equal(budget.usedBytes, 0);
    assert.deepEqual(budget.remembered, { leases: 0, spaces: 0 });
  });
});
