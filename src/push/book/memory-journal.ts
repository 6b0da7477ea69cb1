/**
 * The journal that outlives no restart: it keeps the records in the memory of the process.
 */
import type { Label } from '../labels.ts';
import type {
  Journal,
  Stale,
  StoredRecord,
  StoredTenant,
  TenantChanges,
  TenantUpdate,
} from '../record.ts';

interface Tenant {
  forced: readonly Label[];
  nextId: number;
  readonly records: Map<number, StoredRecord>;
}

export class MemoryJournal implements Journal {
  readonly durability = 'memory';
  readonly #tenants = new Map<string, Tenant>();

  async load(): Promise<readonly StoredTenant[]> {
    return [...this.#tenants].map(([tenant, kept]) => copyOf(tenant, kept));
  }

  async commit(changes: readonly TenantChanges[]): Promise<readonly Stale[]> {
    for (const change of changes) this.#keep(change);
    return [];
  }

  async reload(tenant: string): Promise<TenantUpdate | undefined> {
    const kept = this.#tenants.get(tenant);
    if (!kept) return undefined;
    const { records: created, ...rest } = copyOf(tenant, kept);
    return { ...rest, created, changed: [], removed: [], isWhole: true };
  }

  async changedElsewhere(): Promise<readonly string[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #keep({ tenant, forced, created, changed, removed, nextId }: TenantChanges): void {
    const kept: Tenant = this.#tenants.get(tenant) ?? { forced, nextId, records: new Map() };
    this.#tenants.set(tenant, kept);
    kept.forced = forced;
    kept.nextId = nextId;
    const { records } = kept;
    for (const { id, key, values } of created) records.set(id, { id, key, values: values.slice() });
    for (const { id, values } of changed) {
      const record = records.get(id);
      if (!record) continue; // the ledger changes only what it has created here
      if (record.values.length === values.length) record.values.set(values);
      else records.set(id, { id, key: record.key, values: values.slice() });
    }
    for (const id of removed) records.delete(id);
  }
}

function copyOf(tenant: string, { forced, nextId, records }: Tenant): StoredTenant {
  const copies = [...records.values()].map(({ id, key, values }) => ({
    ...{ id, key },
    values: values.slice(),
  }));
  return { tenant, forced, records: copies, nextId };
}
