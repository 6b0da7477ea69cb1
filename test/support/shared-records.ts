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

/** What becomes of a commit. `unknown` and `lost`: the journal cannot tell, and it is kept or not. */
export type Fate = 'fine' | 'unknown' | 'lost';

interface Tenant {
  readonly forced: readonly Label[];
  readonly rows: Map<number, Row>;
  readonly removed: Map<number, number>;
  /** The numbers of all commits of the tenant, which no other commit has. */
  readonly commits: Set<number>;
  nextId: number;
  seq: number;
}

export class SharedRecords {
  readonly #tenants = new Map<string, Tenant>();
  /** While true, no journal can keep anything. */
  isBroken = false;
  /** What becomes of the next commits, one after the other; by default they are kept or stale. */
  readonly fates: Fate[] = [];
  #commits = 0;
  #copy: Map<string, Tenant> | undefined;

  /** Remembers all tenants as they are, as a backup does. */
  copy(): void {
    this.#copy = new Map([...this.#tenants].map(([name, one]) => [name, copyOf(one)]));
  }

  /** Puts the copy back, if there is one. */
  putBack(): void {
    if (!this.#copy) return;
    this.#tenants.clear();
    for (const [name, one] of this.#copy) this.#tenants.set(name, copyOf(one));
  }

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
        return changes.flatMap((one) => this.#commit(one, known));
      },
      reload: async (name, unsure) => {
        await new Promise(setImmediate);
        if (this.isBroken) throw new JournalError('unreachable', 'the store is away');
        const tenant = this.#tenants.get(name);
        if (!tenant) {
          known.delete(name);
          return undefined;
        }
        const since = known.get(name) ?? 0;
        known.set(name, tenant.seq);
        if (!tenant.commits.has(since)) {
          const { records: created, ...rest } = stored(name, tenant);
          return { ...rest, created, changed: [], removed: [], isWhole: true };
        }
        return update(name, tenant, since, new Set(unsure));
      },
      changedElsewhere: async () =>
        [...new Set([...this.#tenants.keys(), ...known.keys()])].filter(
          (name) => known.get(name) !== this.#tenants.get(name)?.seq,
        ),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  #commit(change: TenantChanges, known: Map<string, number>): Stale[] {
    const { tenant } = change;
    const fate = this.fates.shift() ?? 'fine';
    const before = known.get(tenant);
    const isKept = fate !== 'lost' && this.#keep(change, known);
    if (fate === 'fine') return isKept ? [] : [{ tenant }];
    if (before === undefined) known.delete(tenant);
    else known.set(tenant, before);
    return [{ tenant, error: new JournalError('timeout', 'nobody knows') }];
  }

  #keep(change: TenantChanges, known: Map<string, number>): boolean {
    const { tenant: name, forced, created, changed, removed, nextId } = change;
    const tenant = this.#tenants.get(name) ?? {
      ...{ forced, rows: new Map(), removed: new Map(), commits: new Set(), nextId, seq: 0 },
    };
    if (tenant.seq !== (known.get(name) ?? 0)) return false;
    this.#tenants.set(name, tenant);
    this.#commits += 1;
    tenant.seq = this.#commits;
    tenant.commits.add(tenant.seq);
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

function copyOf({ rows, removed, commits, ...rest }: Tenant): Tenant {
  const copies = { rows: new Map(rows), removed: new Map(removed), commits: new Set(commits) };
  return { ...rest, ...copies };
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
