/** Commits at random, against a journal and against a plain map beside it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Journal, StoredRecord, TenantChanges } from '../../src/push/record.ts';
import {
  AWKWARD_NUMBERS,
  contentOf,
  plainTenant,
  plainTenants,
  reloaded,
} from './stored-tenants.ts';

interface Kept {
  readonly tenant: string;
  forced: TenantChanges['forced'];
  nextId: number;
  readonly records: Map<number, StoredRecord>;
}

/** What the journal must have, by tenant. */
type Model = Map<string, Kept>;

interface Real {
  readonly place: { open(): Promise<Journal> };
  journal: Journal;
}

type Command = fc.AsyncCommand<Model, Real>;

export function journalModel(): Model {
  return new Map();
}

export function journalCommands(): fc.Arbitrary<Command>[] {
  return [
    fc.array(changePlan(), { minLength: 1, maxLength: 3 }).map(commitOf),
    fc.array(changePlan(), { minLength: 1, maxLength: 1 }).map(commitOf),
    fc.constantFrom(...TENANTS).map(reloadOf),
    fc.constant(loadAll),
    fc.constant(openAgain),
  ];
}

const TENANTS = ['', 'app:1', 'space:\0'];

/** Numbers choose among the records that there are when the command runs. */
interface ChangePlan {
  readonly tenant: string;
  readonly forced: TenantChanges['forced'];
  readonly created: readonly { readonly key: string; readonly values: Float64Array }[];
  readonly changed: readonly { readonly nth: number; readonly values: Float64Array }[];
  readonly removed: readonly number[];
  /** Numbers that are used up without a record. */
  readonly skipped: number;
}

function changePlan(): fc.Arbitrary<ChangePlan> {
  const values = fc
    .array(fc.oneof(fc.double(), fc.constantFrom(...AWKWARD_NUMBERS)), { maxLength: 6 })
    .map((numbers) => Float64Array.from(numbers));
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.json());
  const nth = fc.nat(1000);
  return fc.record({
    tenant: fc.constantFrom(...TENANTS),
    forced: fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 2 }),
    created: fc.array(fc.record({ key, values }), { maxLength: 20 }),
    changed: fc.array(fc.record({ nth, values }), { maxLength: 20 }),
    removed: fc.array(nth, { maxLength: 5 }),
    skipped: fc.constantFrom(0, 0, 0, 1, 63, 64, 1000),
  });
}

function commitOf(plans: readonly ChangePlan[]): Command {
  return {
    check: () => true,
    run: async (model, { journal }) => {
      const byTenant = new Map(plans.map((plan) => [plan.tenant, plan]));
      const changes = [...byTenant.values()].map((plan) => changeModel(model, plan));
      assert.deepEqual(await journal.commit(changes), []);
    },
    toString: () => `commit ${fc.stringify(plans)}`,
  };
}

/** Changes the model. @returns what the journal is to do */
function changeModel(model: Model, plan: ChangePlan): TenantChanges {
  const { tenant, forced } = plan;
  const kept: Kept = model.get(tenant) ?? { tenant, forced, nextId: 1, records: new Map() };
  model.set(tenant, kept);
  const created = plan.created.map((given, at) => ({ id: kept.nextId + at, ...given }));
  for (const one of created) kept.records.set(one.id, one);
  kept.nextId += created.length + plan.skipped;
  kept.forced = forced;
  const changed = new Map<number, Float64Array>();
  for (const { nth, values } of plan.changed) {
    const found = nthOf(kept, nth);
    if (found) changed.set(found.id, values);
  }
  for (const [id, values] of changed) {
    kept.records.set(id, { id, key: kept.records.get(id)!.key, values }); // found above
  }
  const removed: number[] = [];
  for (const nth of plan.removed) {
    const found = nthOf(kept, nth);
    if (!found) continue;
    kept.records.delete(found.id);
    removed.push(found.id);
  }
  return {
    ...{ tenant, forced, created, removed, nextId: kept.nextId },
    changed: [...changed].map(([id, values]) => ({ id, values })),
  };
}

function nthOf({ records }: Kept, nth: number): StoredRecord | undefined {
  return [...records.values()][nth % Math.max(1, records.size)];
}

function stored(kept: Kept) {
  return { ...kept, records: [...kept.records.values()] };
}

function reloadOf(tenant: string): Command {
  return {
    check: () => true,
    run: async (model, { journal }) => {
      const kept = model.get(tenant);
      const ids = [...(kept?.records.keys() ?? [])];
      const found = await reloaded(journal, tenant, ids);
      assert.deepEqual(found && plainTenant(found), kept && plainTenant(stored(kept)));
    },
    toString: () => `reload ${JSON.stringify(tenant)}`,
  };
}

const loadAll: Command = {
  check: () => true,
  run: async (model, { journal }) => {
    assert.deepEqual(await contentOf(journal), plainTenants([...model.values()].map(stored)));
  },
  toString: () => 'load',
};

const openAgain: Command = {
  check: () => true,
  run: async (model, real) => {
    await real.journal[Symbol.asyncDispose]();
    real.journal = await real.place.open();
    await loadAll.run(model, real);
  },
  toString: () => 'close, and open again',
};
