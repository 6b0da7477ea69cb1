/**
 * Lookups of one binding or instance by the hash of its id.
 */
import type { Kysely } from 'kysely';
import type { Binding } from '../../broker/binding-store.ts';
import { bindingOf, type Tables } from './tables.ts';

export async function findBinding(db: Kysely<Tables>, hash: string): Promise<Binding | undefined> {
  const row = await db
    .selectFrom('promgate_bindings')
    .selectAll()
    .where('id_hash', '=', hash)
    .executeTakeFirst();
  return row && bindingOf(row);
}

export async function hasInstance(db: Kysely<Tables>, hash: string): Promise<boolean> {
  const row = await db
    .selectFrom('promgate_instances')
    .select('id_hash')
    .where('id_hash', '=', hash)
    .executeTakeFirst();
  return row !== undefined;
}
