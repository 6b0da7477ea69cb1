/**
 * A change of bindings: one transaction, which first takes the next revision.
 *
 * The transaction keeps the revision's row locked, so the database commits changes in the order of
 * their revisions: a reader that has read up to a revision has missed no earlier change.
 */
import type { Kysely } from 'kysely';
import type { Engine } from './engine.ts';
import { markChange } from './marks.ts';
import type { Tables } from './tables.ts';

/** The transaction and the revision of a change. */
export interface Change {
  readonly transaction: Kysely<Tables>;
  readonly revision: number;
}

/**
 * Runs `work` as one change, then marks, announces and commits the change.
 *
 * @param work - returns undefined if nothing has changed: the transaction is then rolled back
 * @returns the result of `work`, after the commit
 */
export async function change<T>(
  db: Kysely<Tables>,
  engine: Pick<Engine, 'announce'>,
  work: (change: Change) => Promise<T | undefined>,
): Promise<T | undefined> {
  const transaction = await db.startTransaction().setAccessMode('read write').execute();
  try {
    const revision = await nextRevision(transaction);
    const value = await work({ transaction, revision });
    if (value === undefined) {
      await transaction.rollback().execute();
    } else {
      await markChange(transaction, revision);
      await engine.announce?.(transaction);
      await transaction.commit().execute();
    }
    return value;
  } catch (error) {
    if (!transaction.isCommitted && !transaction.isRolledBack)
      await transaction.rollback().execute();
    throw error;
  }
}

async function nextRevision(transaction: Kysely<Tables>): Promise<number> {
  await transaction
    .updateTable('promgate_revision')
    .set((row) => ({ number: row('number', '+', 1) }))
    .execute();
  const { number } = await transaction
    .selectFrom('promgate_revision')
    .select('number')
    .executeTakeFirstOrThrow();
  return Number(number);
}
