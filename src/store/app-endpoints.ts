/**
 * Takes over the bindings that Promfetcher's broker kept: its table `app_endpoints`, one row per
 * binding, is copied and left as it is, so that going back works.
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

/** What a row becomes: the instance is made unless there is one with its id. */
interface Adopted {
  readonly instance: ServiceInstance;
  /** Of this instance. */
  readonly binding: NewBinding;
}

/** @returns undefined to leave the row out */
export type Adopt = (row: AppEndpoint) => Adopted | undefined;

export const ENDPOINT_COLUMNS = ['guid', 'app_guid', 'endpoint'] as const;

/** Rows held at once. */
const PAGE = 500;

/** Every binding gets a revision, in the order of the ids; one that is already there stays. */
export async function copyEndpoints({ transaction, revision }: Change, adopt: Adopt) {
  let next = revision; // the change's own is the first one's
  for (let after = ''; ; ) {
    const rows = await endpointsAfter(transaction, after);
    const adopted = rows.map(adopt).filter((one) => one !== undefined);
    await insertInstances(transaction, adopted);
    next = await insertBindings(transaction, adopted, next);
    if (rows.length < PAGE) break;
    after = rows.at(-1)!.guid; // the page was full
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
    .where('guid', '>', guid) // its primary key
    .orderBy('guid')
    .limit(PAGE)
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

/** @returns the revision after the last one given */
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
