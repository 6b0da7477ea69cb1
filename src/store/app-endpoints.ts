/**
 * Copies the bindings that Promfetcher's broker kept in its table `app_endpoints`, one row per
 * binding. The table stays unchanged, so that an operator can go back to Promfetcher.
 *
 * @see https://github.com/orange-cloudfoundry/promfetcher
 */
import type { Kysely } from 'kysely';
import type { NewBinding, ServiceInstance } from '../../broker/binding-store.ts';
import type { Change } from './change.ts';
import { idHash } from './stored-text.ts';
import { bindingRow, instanceRow, type Tables } from './tables.ts';

/** One row of Promfetcher's table. */
export interface AppEndpoint {
  /** The binding's id. */
  readonly guid: string;
  /** '' for a service key. */
  readonly appGuid: string;
  readonly endpoint: string;
}

/** What a row becomes. The copy adds the instance unless the store has one with its id. */
interface Adopted {
  readonly instance: ServiceInstance;
  /** A binding of `instance`. */
  readonly binding: NewBinding;
}

/** Converts a row. @returns undefined to leave the row out */
export type Adopt = (row: AppEndpoint) => Adopted | undefined;

export const ENDPOINT_COLUMNS = ['guid', 'app_guid', 'endpoint'] as const;

/** Bound on rows in memory. */
const BATCH = 500;

/** Gives every copied binding a revision, in the order of ids. Existing bindings stay unchanged. */
export async function copyEndpoints({ transaction, revision }: Change, adopt: Adopt) {
  let next = revision; // the first binding gets the revision of the change itself
  for (let after = ''; ; ) {
    const rows = await endpointsAfter(transaction, after);
    const adopted = rows.map(adopt).filter((one) => one !== undefined);
    await insertInstances(transaction, adopted);
    next = await insertBindings(transaction, adopted, next);
    if (rows.length < BATCH) break;
    after = rows.at(-1)!.guid; // the batch is full, so it has a last row
  }
  if (next === revision) return;
  await transaction
    .updateTable('promgate_revision')
    .set({ number: next - 1 })
    .execute();
}

async function endpointsAfter(db: Kysely<Tables>, guid: string): Promise<AppEndpoint[]> {
  const rows = await db
    .selectFrom('app_endpoints')
    .select([...ENDPOINT_COLUMNS])
    .where('guid', '>', guid) // the primary key
    .orderBy('guid')
    .limit(BATCH)
    .execute();
  return rows.map((row) => ({
    guid: row.guid,
    appGuid: row.app_guid ?? '',
    endpoint: row.endpoint ?? '',
  }));
}

async function insertInstances(db: Kysely<Tables>, adopted: readonly Adopted[]): Promise<void> {
  const rows = new Map(adopted.map(({ instance }) => [idHash(instance.id), instanceRow(instance)]));
  if (rows.size === 0) return;
  const present = await db
    .selectFrom('promgate_instances')
    .select('id_hash')
    .where('id_hash', 'in', [...rows.keys()])
    .execute();
  for (const { id_hash } of present) rows.delete(id_hash);
  if (rows.size > 0)
    await db
      .insertInto('promgate_instances')
      .values([...rows.values()])
      .execute();
}

/** @returns the revision after the last one that a binding got */
async function insertBindings(
  db: Kysely<Tables>,
  adopted: readonly Adopted[],
  revision: number,
): Promise<number> {
  const bindings = new Map(adopted.map(({ binding }) => [idHash(binding.id), binding]));
  if (bindings.size === 0) return revision;
  const present = await db
    .selectFrom('promgate_bindings')
    .select('id_hash')
    .where('id_hash', 'in', [...bindings.keys()])
    .execute();
  for (const { id_hash } of present) bindings.delete(id_hash);
  const rows = [...bindings.values()].map((binding, index) =>
    bindingRow(binding, revision + index),
  );
  if (rows.length > 0) await db.insertInto('promgate_bindings').values(rows).execute();
  return revision + rows.length;
}
