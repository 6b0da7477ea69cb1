/**
 * Which bindings have gone, for those who ask what has changed: the last ones, by number.
 */
import { type Kysely, sql } from 'kysely';
import type { Change } from './change.ts';
import type { Tables } from './tables.ts';

/**
 * Deletes bindings and notes that they have gone.
 *
 * @param which - the column that names them, and its value
 * @param limit - as many tombstones stay; who knows less than they tell reads everything again
 * @returns how many there were
 */
export async function bury(
  { transaction, revision }: Change,
  which: Readonly<Partial<Record<'id_hash' | 'instance_hash', string>>>,
  limit: number,
): Promise<number> {
  const result = await transaction
    .insertInto('promgate_tombstones')
    .columns(['revision', 'binding_hash', 'binding_id'])
    .expression(
      transaction
        .selectFrom('promgate_bindings')
        .select([sql<number>`${sql.lit(revision)}`.as('revision'), 'id_hash', 'id'])
        .where((row) => row.and(which)),
    )
    .executeTakeFirst();
  const count = Number(result.numInsertedOrUpdatedRows ?? 0);
  if (count === 0) return 0;
  await transaction
    .deleteFrom('promgate_bindings')
    .where((row) => row.and(which))
    .execute();
  await prune(transaction, limit);
  return count;
}

/**
 * Deletes bindings where there is no space to note that they have gone: all readers read anew, and
 * what was noted before is given up, which nobody needs then.
 *
 * @returns how many there were
 */
export async function buryUnnoted(
  { transaction, revision }: Change,
  which: Readonly<Partial<Record<'id_hash' | 'instance_hash', string>>>,
): Promise<number> {
  await transaction.deleteFrom('promgate_tombstones').execute();
  await transaction.deleteFrom('promgate_changes').execute();
  const { numDeletedRows } = await transaction
    .deleteFrom('promgate_bindings')
    .where((row) => row.and(which))
    .executeTakeFirst();
  await transaction.updateTable('promgate_revision').set({ pruned: revision }).execute();
  return Number(numDeletedRows);
}

/** Those of one revision go together: a reader knows all of them or none. */
async function prune(transaction: Kysely<Tables>, limit: number): Promise<void> {
  const last = await transaction
    .selectFrom('promgate_tombstones')
    .select('revision')
    .orderBy('revision', 'desc')
    .limit(1)
    .offset(limit)
    .executeTakeFirst();
  if (last === undefined) return;
  await transaction
    .deleteFrom('promgate_tombstones')
    .where('revision', '<=', last.revision)
    .execute();
  await transaction.updateTable('promgate_revision').set({ pruned: last.revision }).execute();
}
