/** What a ledger counts is what it holds, whatever has happened to it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Family } from '../../../src/push/book/family.ts';
import type { Ledger } from '../../../src/push/book/ledger.ts';
import { PushRefusal } from '../../../src/push/refusal.ts';
import {
  counter,
  gauge,
  linesOf,
  openLedger,
  type PushOptions,
  pushOf,
  type TestFamily,
} from '../../support/pushes.ts';
import { type Fate, SharedRecords } from '../../support/shared-records.ts';

const LEDGERS = 2;
const NEVER = new AbortController().signal;

const kind = fc.constantFrom('a', 'b', 'c');
const value = fc.integer({ min: 0, max: 9 });
const families: fc.Arbitrary<TestFamily> = fc.oneof(
  fc
    .record({ name: fc.constantFrom('x', 'm'), kind, value })
    .map((one) => counter(one.name, one.value, { kind: one.kind })),
  fc.record({ kind, value }).map((one) => gauge('m', one.value, { kind: one.kind })),
  fc
    .record({ kind, value })
    .map((one): TestFamily => ({ ...gauge('g', one.value, { kind: one.kind }), gaugeMode: 'sum' })),
  fc.record({ value, bound: fc.constantFrom(1, 2, 3) }).map(
    ({ value: count, bound }): TestFamily => ({
      ...{ name: 'h', type: 'histogram' },
      metrics: [{ bounds: [bound], run: [count, count, count] }],
    }),
  ),
  fc.record({ value, bound: fc.constantFrom(0.5, 0.9) }).map(
    ({ value: count, bound }): TestFamily => ({
      ...{ name: 's', type: 'summary' },
      metrics: [{ bounds: [bound], run: [count, count, count] }],
    }),
  ),
);

interface Place {
  readonly at: number;
  readonly tenant: string;
}

type Step =
  | (Place & {
      readonly what: 'push';
      readonly families: readonly TestFamily[];
      readonly options: PushOptions;
    })
  | (Place & { readonly what: 'delete' | 'remove' | 'wipe' | 'fail' })
  | { readonly what: 'follow' | 'expire'; readonly at: number }
  | { readonly what: 'fates'; readonly fates: readonly Fate[] }
  | { readonly what: 'break' | 'copy' | 'put-back' | 'see' };

const place = { at: fc.nat({ max: LEDGERS - 1 }), tenant: fc.constantFrom('t', 'u') };
const options: fc.Arbitrary<PushOptions> = fc.oneof(
  fc.record({ source: fc.constantFrom('', 'one', 'two') }),
  fc.record({
    mode: fc.constant<'replace'>('replace'),
    path: fc.constantFrom<Record<string, string>>({ job: 'j' }, { job: 'k' }),
    replaces: fc.constantFrom<'group' | 'families'>('group', 'families'),
  }),
);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .record({
        ...{ what: fc.constant<'push'>('push'), ...place, options },
        key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined, freq: 2 }),
        ttlMs: fc.constantFrom(0, 1_000),
        families: fc.uniqueArray(families, {
          ...{ minLength: 1, maxLength: 3, selector: ({ name }: TestFamily) => name },
        }),
      })
      .map(({ key, ttlMs, ...step }) => ({
        ...step,
        options: { ...step.options, ttlMs, ...(key && { id: { key, hash: key } }) },
      })),
  },
  fc.record({ what: fc.constantFrom('delete', 'remove', 'wipe', 'fail'), ...place }),
  fc.record({ what: fc.constantFrom('follow', 'expire'), at: place.at }),
  fc.record({
    what: fc.constant<'fates'>('fates'),
    fates: fc.array(fc.constantFrom<Fate>('fine', 'unknown', 'lost'), { maxLength: 3 }),
  }),
  fc.record({ what: fc.constantFrom('break', 'copy', 'put-back', 'see') }),
);

class Scene {
  readonly store = new SharedRecords();
  readonly ledgers: Ledger[] = [];
  nowMs = 1_000_000;

  async open(): Promise<Ledger> {
    const now = () => this.nowMs;
    // Each slice of long work is one metric, so that all else comes between two of them.
    const pace = () => new Promise<void>((resolve) => setImmediate(resolve));
    const bounds = { keys: 2, sourceIdleMs: 2_000, keyTtlMs: 3_000 };
    const ledger = await openLedger({ journal: this.store.open(), now, pace, bounds });
    this.ledgers.push(ledger);
    return ledger;
  }

  async run(step: Step): Promise<void> {
    switch (step.what) {
      case 'push': {
        const { at, tenant, families: pushed, options: how } = step;
        await this.ledgers[at]!.push(pushOf(pushed, { ...how, tenant }));
        return;
      }
      case 'delete':
        return this.ledgers[step.at]!.deleteGroup(tenancyOf(step), [['job', 'j']]);
      case 'remove':
        return this.ledgers[step.at]!.deleteMetrics(tenancyOf(step), 'h', []);
      case 'wipe':
        return this.ledgers[step.at]!.wipe(tenancyOf(step));
      case 'fail':
        return this.ledgers[step.at]!.noteFailure(tenancyOf(step), [['job', 'k']]);
      case 'follow':
        return this.ledgers[step.at]!.follow();
      case 'expire':
        return this.ledgers[step.at]!.expire(NEVER);
      case 'see':
        for (const ledger of this.ledgers) ledger.seen(undefined, this.nowMs);
        return;
      case 'fates':
        this.store.fates.push(...step.fates);
        return;
      case 'break':
        this.store.isBroken = true;
        return;
      case 'copy':
        return this.store.copy();
      case 'put-back':
        return this.store.putBack();
    }
  }
}

function tenancyOf({ tenant }: Place) {
  return { tenant, forced: [] };
}

/** What the families of a ledger count of themselves. */
function countsOf(ledger: Ledger): string[] {
  return [...(ledger.families() as Iterable<Family>)]
    .map(({ tenant, name, type, help, series, layouts, metrics, blocks }) => {
      const found = [...metrics.values()];
      assert.equal(
        series,
        found.reduce((sum, metric) => sum + metric.series, 0),
      );
      const inBlocks = blocks.flatMap((block) => block.metrics);
      assert.deepEqual(new Set(inBlocks), new Set(found));
      const shares = found.flatMap((one) =>
        one.shares.map(({ source }) => `${one.labels} ${source}`),
      );
      return JSON.stringify([tenant, name, type, help, series, [...layouts].sort(), shares.sort()]);
    })
    .sort();
}

describe('the counts of a ledger', () => {
  it('are what it holds, and what the store has, after any history', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(steps, { maxLength: 5 }), { maxLength: 10 }),
        async (rounds) => {
          const scene = new Scene();
          for (let i = 0; i < LEDGERS; i++) await scene.open();

          for (const round of rounds) {
            const ended = await Promise.allSettled(round.map((step) => scene.run(step)));
            for (const one of ended) {
              if (one.status === 'fulfilled') continue;
              const { reason } = one;
              const isTold = reason instanceof PushRefusal || reason?.name === 'JournalError';
              assert.ok(isTold, String(reason?.stack));
            }
            scene.store.isBroken = false;
            scene.nowMs += 700;
          }
          scene.store.fates.length = 0;

          for (const ledger of scene.ledgers) {
            await ledger.follow(); // may only wait for a reload that began earlier
            await ledger.follow();
          }
          const fresh = await scene.open();
          for (const ledger of scene.ledgers) {
            assert.deepEqual(linesOf(ledger), linesOf(fresh));
            assert.deepEqual(countsOf(ledger), countsOf(fresh));
            assert.deepEqual(ledger.totals, fresh.totals);
          }
        },
      ),
      { numRuns: 300 },
    ));
});
