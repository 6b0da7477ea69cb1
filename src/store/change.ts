/**
 * A change of bindings: one transaction, which takes the next revision before all else.
 *
 * The revision's row is locked from there to the end, so changes are committed in the order of their
 * revisions: who has read up to one has missed none before it.
 */
import type { Kysely } from 'kysely';
import type { Engine } from './engine.ts';
import { markChange } from './marks.ts';
import type { Tables } from './tables.ts';

/** What a change is made with. */
export interface Change {
  readonly transaction: Kysely<Tables>;
  readonly revision: number;
}

/**
 * @param work - gives undefined to say that nothing has changed: the transaction is rolled back then
 * @returns what `work` gave, once it is committed
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
