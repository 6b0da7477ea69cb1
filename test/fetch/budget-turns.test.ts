/** Scrapes that arrive as they like, and share too small a budget: each comes to its end whole. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Budget } from '../../src/fetch/budget.ts';
import type { Account, BytesClaim, Lease, LeaseHolder } from '../../src/fetch/lease.ts';

/** One page: asks for as much as has come, step by step. */
class Page implements BytesClaim {
  readonly #scrape: Scrape;
  readonly #sizeBytes: number;
  readonly #stepBytes: number;
  #account: Account | undefined;
  #wantedBytes = 0;
  state: 'idle' | 'reading' | 'waiting' | 'refused' | 'kept' = 'idle';

  constructor(scrape: Scrape, sizeBytes: number, stepBytes: number) {
    this.#scrape = scrape;
    this.#sizeBytes = sizeBytes;
    this.#stepBytes = stepBytes;
  }

  start(): void {
    this.#account = this.#scrape.budget.open(this.#scrape.lease, this.#scrape.space, this);
    this.#wantedBytes = 0;
    this.state = 'reading';
  }

  step(): void {
    const { budget } = this.#scrape;
    const account = this.#account!; // it has started
    if (account.bytes === this.#sizeBytes) {
      this.state = 'kept';
      budget.keep(account, this.#sizeBytes);
      return;
    }
    this.#wantedBytes = Math.min(this.#sizeBytes, account.bytes + this.#stepBytes);
    const room = budget.grow(account, this.#wantedBytes);
    if (room === 'waiting') this.state = 'waiting';
    else if (room === 'refused') this.state = 'refused';
  }

  end(): void {
    if (this.#account) this.#scrape.budget.close(this.#account);
    this.state = 'idle';
  }

  bytesGranted(): void {
    this.state = 'reading';
  }

  bytesRefused(): void {
    this.state = 'refused';
  }
}

interface Arrival {
  readonly space: string;
  readonly sizes: readonly number[];
  readonly step: number;
}

class Scrape implements LeaseHolder, BytesClaim {
  readonly budget: Budget;
  readonly lease: Lease;
  readonly space: string;
  readonly pages: readonly Page[];
  state: 'fetching' | 'givingBack' | 'waiting' | 'writing' | 'done' = 'fetching';
  restarts = 0;
  #room: Account | undefined;

  constructor(budget: Budget, { space, sizes, step }: Arrival) {
    this.budget = budget;
    this.space = space;
    this.lease = budget.lease();
    this.lease.holder = this;
    this.pages = sizes.map((size) => new Page(this, size, step));
    for (const page of this.pages) page.start();
  }

  revoked(): void {
    this.restarts++;
    for (const page of this.pages) page.end();
    this.state = 'givingBack';
  }

  waitsNoMore(): void {}

  bytesGranted(): void {
    this.state = 'fetching';
    this.budget.reserve(this.#room!); // it was granted
    for (const page of this.pages) page.start();
  }

  bytesRefused(): void {
    assert.fail('what was held before is refused');
  }

  /** What can happen to it next by itself. */
  get moves(): (() => void)[] {
    if (this.state === 'givingBack') return [() => this.#restart()];
    if (this.state === 'writing') return [() => this.#written()];
    if (this.state !== 'fetching') return [];
    if (this.pages.every(({ state }) => state === 'kept')) return [() => this.#fetched()];
    return this.pages.filter(({ state }) => state === 'reading').map((page) => () => page.step());
  }

  #restart(): void {
    this.state = 'waiting';
    const { account, room } = this.budget.restart(this.lease, this);
    this.#room = account;
    if (room === 'granted') this.bytesGranted();
    else assert.equal(room, 'waiting');
  }

  #fetched(): void {
    this.state = 'writing';
    this.budget.fetched(this.lease);
  }

  #written(): void {
    this.state = 'done';
    this.lease[Symbol.dispose]();
  }
}

const MAX_BYTES = 1000;

/** Runs all to their end; chance says who comes next, and when the next arrives. */
async function run(
  budget: Budget,
  arrivals: readonly Arrival[],
  chance: (below: number) => number,
): Promise<readonly Scrape[]> {
  const scrapes: Scrape[] = [];
  for (;;) {
    const moves = scrapes.flatMap((scrape) => scrape.moves);
    const next = arrivals[scrapes.length];
    if (next) moves.push(() => void scrapes.push(new Scrape(budget, next)));
    if (moves.length === 0) break;
    moves[chance(moves.length)]!();
    await new Promise(setImmediate);
    assert.ok(budget.usedBytes <= MAX_BYTES, `${budget.usedBytes} bytes`);
    const open = scrapes.filter(({ state }) => state !== 'done');
    for (const scrape of open) {
      assert.ok(
        scrape.pages.every(({ state }) => state !== 'refused'),
        'a page is refused',
      );
    }
    const oldest = open[0];
    if (oldest) oldests.set(oldest, oldests.get(oldest) ?? oldest.restarts);
  }
  return scrapes;
}

/** The oldest scrapes -> how often each had begun again when it became the oldest. */
const oldests = new Map<Scrape, number>();

/** A small generator of its own, so that a seed says all. */
function chanceFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

describe('the byte budget, shared by scrapes that fit it alone,', () => {
  const arrival = (space: fc.Arbitrary<string>) =>
    fc.record({
      space,
      sizes: fc
        .array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 })
        .filter((sizes) => sizes.reduce((sum, size) => sum + size, 0) <= MAX_BYTES * 0.8),
      step: fc.integer({ min: 1, max: 150 }),
    });

  it('brings each of them to its end whole', async () => {
    let restarts = 0;
    const arrivals = fc.array(arrival(fc.constantFrom('a', 'b', 'c')), {
      maxLength: 10,
      size: 'max',
    });
    await fc.assert(
      fc.asyncProperty(arrivals, fc.nat(), async (all, seed) => {
        const budget = new Budget({ maxBytes: MAX_BYTES });

        const scrapes = await run(budget, all, chanceFrom(seed));

        assert.ok(
          scrapes.every(({ state }) => state === 'done'),
          'some stand still',
        );
        assert.equal(budget.usedBytes, 0);
        assert.deepEqual(budget.remembered, { leases: 0, spaces: 0 });
        restarts += scrapes.reduce((sum, scrape) => sum + scrape.restarts, 0);
      }),
      { numRuns: 300 },
    );
    assert.ok(restarts > 0, 'nobody had to begin again');
  }).timeout(60_000);

  it('never lets the oldest of one space begin again', async () => {
    const arrivals = fc.array(arrival(fc.constant('a')), { maxLength: 10, size: 'max' });
    await fc.assert(
      fc.asyncProperty(arrivals, fc.nat(), async (all, seed) => {
        oldests.clear();

        const scrapes = await run(new Budget({ maxBytes: MAX_BYTES }), all, chanceFrom(seed));

        for (const scrape of scrapes) {
          const before = oldests.get(scrape);
          if (before !== undefined) assert.equal(scrape.restarts, before, 'it began again');
        }
      }),
      { numRuns: 200 },
    );
  }).timeout(60_000);

  it('gives a small scrape its room at once beside large ones of its space', async () => {
    const budget = new Budget({ maxBytes: 64_000 });
    const large = [0, 1, 2].map(
      () => new Scrape(budget, { space: 'a', sizes: Array(20).fill(1000), step: 1000 }),
    );
    for (const { pages } of large) for (const page of pages) page.step();
    await new Promise(setImmediate);
    assert.ok(budget.waiting > 0);

    const small = new Scrape(budget, { space: 'a', sizes: [100, 100, 100], step: 100 });
    for (const page of small.pages) page.step();

    assert.deepEqual(
      small.pages.map(({ state }) => state),
      ['reading', 'reading', 'reading'],
    );
  });

  it('gives a small scrape its room at once where slow readers of its space keep the rest', async () => {
    const budget = new Budget({ maxBytes: 64_000 });
    using slow = budget.lease();
    const large = new Scrape(budget, { space: 'a', sizes: Array(40).fill(1000), step: 1000 });
    const kept = budget.open(slow, 'a', large);
    assert.equal(budget.grow(kept, 30_000), 'granted');
    budget.keep(kept, 30_000);
    budget.fetched(slow);
    for (const page of large.pages) page.step();
    await new Promise(setImmediate);
    assert.ok(budget.usedBytes > 64_000 * 0.92, 'the oldest has all but the reserve');
    assert.ok(budget.waiting > 0);

    const small = new Scrape(budget, { space: 'a', sizes: [100, 100, 100], step: 100 });
    for (const page of small.pages) page.step();

    assert.deepEqual(
      small.pages.map(({ state }) => state),
      ['reading', 'reading', 'reading'],
    );
  });
});
