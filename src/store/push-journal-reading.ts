/**
 * Reads what the disk's journal has: the tables, and over them what only the log has. Reading writes
 * nothing, so that it works while the disk is full.
 */
import { type Chunk, ChunkWriter, type RecordRow, type TenantRow } from './push-journal-chunk.ts';
import { type Failed, pageOf, TENANT_PAGES } from './push-journal-fold.ts';
import { textOf } from './push-journal-pack.ts';
import { PAGE_RECORDS, Page } from './push-journal-page.ts';
import type { Pending, PendingTenant } from './push-journal-pending.ts';
import type { Statements } from './push-journal-statements.ts';

/** A tenant of the tables, of the log, or of both. */
interface Found {
  /** Undefined for a tenant that only the log has. */
  number: number | undefined;
  name: Uint8Array;
  forced: Uint8Array;
  next_id: number;
  readonly logged: PendingTenant[];
}

export interface Source {
  readonly statements: Statements;
  /** What the tables do not have yet, in the order of the log. */
  readonly pending: readonly Pending[];
  readonly failed: Failed;
}

/** @param name - the only tenant to read; undefined: all */
export function* readChunks(source: Source, name: Buffer | undefined): Generator<Chunk, undefined> {
  let chunk = new ChunkWriter();
  for (const tenant of findTenants(source, name)) {
    chunk.tenant(tenant);
    for (const at of pagesOf(source, tenant)) {
      for (const [row, values] of readPage(source, tenant, at)) chunk.record(row, values);
      if (!chunk.isFull) continue;
      yield chunk.end({ isLast: false });
      chunk = new ChunkWriter();
    }
  }
  yield chunk.end({ isLast: true });
  return undefined;
}

function findTenants({ statements, pending }: Source, name: Buffer | undefined): Iterable<Found> {
  const rows = name ? statements.tenantByName.all(name) : statements.tenants.all();
  const found = new Map<string, Found>();
  // The columns of the statements in `push-journal-statements.ts`; SQLite's are not typed.
  for (const row of rows as unknown as TenantRow[]) {
    found.set(textOf(row.name), { ...row, logged: [] }); // the columns are these
  }
  for (const one of pending) {
    for (const logged of one.tenants) {
      if (name && !name.equals(logged.name)) continue;
      const key = textOf(logged.name);
      const tenant = found.get(key) ?? { number: undefined, ...rowOf(logged), logged: [] };
      Object.assign(tenant, rowOf(logged));
      tenant.logged.push(logged);
      found.set(key, tenant);
    }
  }
  return found.values();
}

function rowOf({ name, forced, nextId }: PendingTenant) {
  return { name, forced, next_id: nextId };
}

/** Page numbers, ascending. */
function pagesOf({ statements }: Source, { number, logged }: Found): number[] {
  const pages = new Set<number>();
  if (number !== undefined) {
    const first = number * TENANT_PAGES;
    const rows = statements.pagesBetween.all(first, first + TENANT_PAGES - 1);
    for (const row of rows) pages.add(Number(row['number']) - first);
  }
  for (const tenant of logged) for (const at of tenant.pages.keys()) pages.add(at);
  return [...pages].sort((a, b) => a - b);
}

function* readPage(
  { statements, failed }: Source,
  { number, logged }: Found,
  at: number,
): Generator<readonly [RecordRow, Float64Array]> {
  const keys = new Map<number, Uint8Array>();
  let page = new Page();
  const first = at * PAGE_RECORDS;
  if (number !== undefined) {
    page = pageOf(statements, { tenant: number, at }, failed) ?? page;
    const rows = statements.recordsBetween.all(number, first, first + PAGE_RECORDS - 1);
    for (const { id, key } of rows as unknown as RecordRow[]) keys.set(id - first, key); // its columns
  }
  for (const tenant of logged) {
    for (const { slot, key, values } of tenant.pages.get(at)?.records() ?? []) {
      if (!values) {
        page.remove(slot);
        keys.delete(slot);
      } else {
        page.set(slot, values);
        if (key) keys.set(slot, key);
      }
    }
  }
  for (const [slot, key] of keys) {
    const values = page.get(slot);
    if (!values) throw failed('damaged', `record ${first + slot} has no numbers`);
    yield [{ id: first + slot, key }, values];
  }
}
