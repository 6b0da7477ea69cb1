/** What several ledgers make of one store that they share. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Ledger } from '../../../src/push/book/ledger.ts';
import type { Journal } from '../../../src/push/record.ts';
import type { PushRefusal } from '../../../src/push/refusal.ts';
import {
  counter,
  linesOf,
  openLedger,
  type PushOptions,
  pushOf,
  type TestFamily,
} from '../../support/pushes.ts';

interface Step {
  readonly at: number;
  readonly families: readonly TestFamily[];
  readonly options: PushOptions;
}

const label = fc.constantFrom('a', 'b', 'c');
const counters = fc
  .record({ name: fc.constantFrom('x', 'y'), kind: label, value: fc.integer({ min: 0, max: 9 }) })
  .map(({ name, kind, value }) => counter(name, value / 10, { kind }));
const histograms = fc
  .record({ count: fc.integer({ min: 0, max: 9 }), bound: fc.constantFrom(1, 2, 3) })
  .map(
    ({ count, bound }): TestFamily => ({
      ...{ name: 'h', type: 'histogram' },
      metrics: [{ bounds: [bound], run: [count, count / 10, count] }],
    }),
  );
const gauges = fc.integer({ min: 0, max: 9 }).map(
  (value): TestFamily => ({
    ...{ name: 'g', type: 'gauge', gaugeMode: 'sum', metrics: [{ run: [value] }] },
  }),
);
const steps: fc.Arbitrary<Step> = fc.record({
  at: fc.nat({ max: 2 }),
  families: fc.uniqueArray(fc.oneof(counters, histograms, gauges), {
    ...{ minLength: 1, maxLength: 3, selector: ({ name }: TestFamily) => name },
  }),
  options: fc.record({ source: fc.constantFrom('', 'one', 'two') }),
});

async function follow(ledgers: readonly Ledger[]): Promise<void> {
  for (const ledger of ledgers) await ledger.follow();
}

/** A store for one run of a property, empty at first. */
export interface SharedStore extends AsyncDisposable {
  /** A journal of its own, as another promgate has it. */
  open(): Journal;
}

/** @param openStore - makes a store for each run */
export function itMakesOneLedgerOf(openStore: () => SharedStore, runs: number): void {
  it('have the page of one ledger that got all pushes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(steps, { maxLength: 4 }), { maxLength: 8 }),
        async (rounds) => {
          await using store = openStore();
          const open = () => openLedger({ journal: store.open() });
          const ledgers = [await open(), await open(), await open()];
          const single = await openLedger();

          for (const round of rounds) {
            // One source pushes in its own order, so it pushes once in a round.
            const once = round.filter(
              ({ options: { source } }, i) =>
                source === '' || round.findIndex((one) => one.options.source === source) === i,
            );
            const work = once.map(({ at, families, options }) =>
              ledgers[at]!.push(pushOf(families, options)),
            );
            for (const { families, options } of once) await single.push(pushOf(families, options));
            await Promise.all(work);
          }

          await follow(ledgers);
          const again = await open();
          for (const ledger of [...ledgers, again])
            assert.deepEqual(linesOf(ledger), linesOf(single));
        },
      ),
      { numRuns: runs },
    ));

  it('have equal pages whatever is replaced, deleted and refused', () => {
    const replace = fc.record({
      at: fc.nat({ max: 1 }),
      job: fc.constantFrom('j', 'k'),
      type: fc.constantFrom('counter', 'gauge'),
      name: fc.constantFrom('m', 'n'),
      what: fc.constantFrom('put', 'post', 'delete', 'add', 'remove'),
      value: fc.integer({ min: 0, max: 9 }),
    });
    return fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(replace, { maxLength: 3 }), { maxLength: 8 }),
        async (rounds) => {
          await using store = openStore();
          const ledgers = [
            await openLedger({ journal: store.open() }),
            await openLedger({ journal: store.open() }),
          ];
          const tenancy = { tenant: '', forced: [] };

          for (const round of rounds) {
            const work = round.map(async ({ at, job, type, name, what, value }) => {
              const ledger = ledgers[at]!;
              const family = { ...counter(name, value), type } as TestFamily;
              const options: PushOptions = { mode: 'replace', path: { job } };
              if (what === 'delete') return ledger.deleteGroup(tenancy, [['job', job]]);
              if (what === 'remove') return ledger.deleteMetrics(tenancy, name, []);
              if (what === 'add') return ledger.push(pushOf([family]));
              const replaces = what === 'put' ? 'group' : 'families';
              return ledger.push(pushOf([family], { ...options, replaces }));
            });
            const ended = await Promise.allSettled(work);
            for (const one of ended) {
              if (one.status === 'fulfilled') continue;
              const { code } = one.reason as PushRefusal;
              assert.ok(['type_conflict', 'series_conflict'].includes(code), String(one.reason));
            }
          }

          await follow(ledgers);
          const again = await openLedger({ journal: store.open() });
          assert.deepEqual(linesOf(ledgers[0]!), linesOf(again));
          assert.deepEqual(linesOf(ledgers[1]!), linesOf(again));
        },
      ),
      { numRuns: runs },
    );
  });
}
