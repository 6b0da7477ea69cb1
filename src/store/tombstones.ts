/**
 * Tombstones: the ids of the last removed bindings, by revision, for readers of changes.
 */
import { type Kysely, sql } from 'kysely';
import type { Change } from './change.ts';
import type { Tables } from './tables.ts';

/**
 * Deletes bindings, and adds a tombstone for each.
 *
 * @param which - values of the columns that select the bindings
 * @param limit - bound on tombstones; a reader that misses a pruned tombstone reads all bindings
 * again
 * @returns how many bindings were deleted
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
 * Deletes bindings without tombstones, for which a full disk has no space. All readers then read
 * all bindings again and need no tombstones or marks, so this function deletes these, too.
 *
 * @returns how many bindings were deleted
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

/**
 * Removes the oldest tombstones, all of a revision together, since a reader has seen all or none.
 */
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
