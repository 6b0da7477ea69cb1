/** A store that several ledgers share in one process, as Redis does for several promgates. */
import type { Label } from '../../src/push/labels.ts';
import {
  type Journal,
  JournalError,
  type Stale,
  type StoredRecord,
  type StoredTenant,
  type TenantChanges,
  type TenantUpdate,
} from '../../src/push/record.ts';

interface Row extends StoredRecord {
  /** The commit that has changed the record last. */
  readonly seq: number;
}

interface Tenant {
  readonly forced: readonly Label[];
  readonly rows: Map<number, Row>;
  readonly removed: Map<number, number>;
  nextId: number;
  seq: number;
}

export class SharedRecords {
  readonly #tenants = new Map<string, Tenant>();
  /** While true, no journal can keep anything. */
  isBroken = false;

  /** A journal of its own, as another promgate has it. */
  open(): Journal {
    const known = new Map<string, number>();
    return {
      durability: 'shared',
      load: async () =>
        [...this.#tenants].map(([name, tenant]) => {
          known.set(name, tenant.seq);
          return stored(name, tenant);
        }),
      commit: async (changes) => {
        await new Promise(setImmediate); // others may commit meanwhile
        if (this.isBroken) throw new JournalError('unreachable', 'the store is away');
        return changes
          .filter((one) => !this.#keep(one, known))
          .map(({ tenant }): Stale => ({ tenant }));
      },
      reload: async (name, unsure) => {
        await new Promise(setImmediate);
        if (this.isBroken) throw new JournalError('unreachable', 'the store is away');
        const tenant = this.#tenants.get(name);
        if (!tenant) return undefined;
        const since = known.get(name) ?? 0;
        known.set(name, tenant.seq);
        return update(name, tenant, since, new Set(unsure));
      },
      changedElsewhere: async () =>
        [...this.#tenants]
          .filter(([name, { seq }]) => known.get(name) !== seq)
          .map(([name]) => name),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  #keep(change: TenantChanges, known: Map<string, number>): boolean {
    const { tenant: name, forced, created, changed, removed, nextId } = change;
    const tenant = this.#tenants.get(name) ?? {
      ...{ forced, rows: new Map(), removed: new Map(), nextId, seq: 0 },
    };
    if (tenant.seq !== (known.get(name) ?? 0)) return false;
    this.#tenants.set(name, tenant);
    tenant.seq += 1;
    tenant.nextId = nextId;
    known.set(name, tenant.seq);
    for (const one of created) tenant.rows.set(one.id, { ...one, seq: tenant.seq });
    for (const { id, values } of changed) {
      tenant.rows.set(id, { id, key: tenant.rows.get(id)!.key, values, seq: tenant.seq });
    }
    for (const id of removed) {
      tenant.rows.delete(id);
      tenant.removed.set(id, tenant.seq);
    }
    return true;
  }
}

function stored(tenant: string, { forced, rows, nextId }: Tenant): StoredTenant {
  return { tenant, forced, records: [...rows.values()], nextId };
}

function update(
  tenant: string,
  { forced, rows, removed, nextId }: Tenant,
  since: number,
  unsure: ReadonlySet<number>,
): TenantUpdate {
  const created = [...rows.values()].filter(({ id, seq }) => seq > since || unsure.has(id));
  const gone = [...removed].filter(([, seq]) => seq > since).map(([id]) => id);
  const never = [...unsure].filter((id) => !rows.has(id));
  const ids = [...new Set([...gone, ...never])];
  return { tenant, forced, created, changed: [], removed: ids, nextId, isWhole: false };
}
