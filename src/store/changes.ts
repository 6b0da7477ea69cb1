/**
 * Reads what has changed since a revision.
 */
import type { Kysely } from 'kysely';
import type { Binding, Changes } from '../../broker/binding-store.ts';
import { originalText } from './stored-text.ts';
import { bindingOf, type Tables } from './tables.ts';

/** Bindings asked for at once: other work goes on between two pages. */
const PAGE = 1000;

/**
 * All of it is of one moment. A revision that the store has not reached yet is of another store, or
 * of this one before a backup was restored: its reader knows nothing for certain.
 */
export async function readChanges(db: Kysely<Tables>, since: number): Promise<Changes> {
  const last = await revisionOf(db);
  if (since !== 0 && last.number === since) {
    return { revision: since, whole: false, bindings: [], removed: [] };
  }
  return db
    .transaction()
    .setAccessMode('read only')
    .execute(async (transaction) => {
      const { number: revision, pruned } = await revisionOf(transaction);
      const whole = since === 0 || since < pruned || since > revision;
      const bindings = await bindingsAfter(transaction, whole ? 0 : since);
      const removed = whole ? [] : await removedAfter(transaction, since);
      return { revision, whole, bindings, removed };
    });
}

async function revisionOf(db: Kysely<Tables>): Promise<{ number: number; pruned: number }> {
  const { number, pruned } = await db
    .selectFrom('promgate_revision')
    .select(['number', 'pruned'])
    .executeTakeFirstOrThrow();
  return { number: Number(number), pruned: Number(pruned) };
}

async function bindingsAfter(db: Kysely<Tables>, revision: number): Promise<Binding[]> {
  const found: Binding[] = [];
  for (let after = revision; ; ) {
    const rows = await db
      .selectFrom('promgate_bindings')
      .selectAll()
      .where('revision', '>', after)
      .orderBy('revision')
      .limit(PAGE)
      .execute();
    found.push(...rows.map(bindingOf));
    if (rows.length < PAGE) return found;
    after = found.at(-1)!.revision; // the page was full
    await new Promise(setImmediate);
  }
}

async function removedAfter(db: Kysely<Tables>, revision: number): Promise<string[]> {
  const rows = await db
    .selectFrom('promgate_tombstones')
    .select('binding_id')
    .where('revision', '>', revision)
    .execute();
  const ids = rows.map((row) => originalText(row.binding_id));
  return [...new Set(ids)]; // MySQL's `distinct` takes "a" and "a " for the same
}
