/**
 * Reads the bindings that were added and removed since a revision.
 */
import type { Kysely } from 'kysely';
import type { Binding, Changes, Seen } from '../../broker/binding-store.ts';
import { type Counter, readCounter } from './marks.ts';
import { originalText } from './stored-text.ts';
import { bindingOf, type Tables } from './tables.ts';

/** Bindings that one query reads; other work runs between two queries. */
const BATCH = 1000;

/** Reads in one transaction, so that the result shows the database at one moment. */
export async function readChanges(db: Kysely<Tables>, seen: Seen | undefined): Promise<Changes> {
  const { revision, mark } = await readCounter(db, 0);
  if (seen?.revision === revision && seen.mark === mark) {
    return { revision, mark, whole: false, bindings: [], removed: [] };
  }
  return db
    .transaction()
    .setAccessMode('read only')
    .execute(async (transaction) => {
      const counter = await readCounter(transaction, seen?.revision ?? 0);
      const { revision, mark } = counter;
      const isRestored = seen !== undefined && isOfAnotherTime(seen, counter);
      const whole =
        isRestored ||
        seen === undefined ||
        seen.revision < counter.pruned ||
        seen.mark !== counter.seenMark;
      const bindings = await bindingsAfter(transaction, whole ? 0 : seen.revision);
      const removed = whole ? [] : await removedAfter(transaction, seen.revision);
      return { revision, mark, whole, isRestored, bindings, removed };
    });
}

/** Whether a backup was restored: the revision seen is not reached yet, or has another mark. */
function isOfAnotherTime(seen: Seen, { revision, seenMark }: Counter): boolean {
  return seen.revision > revision || (seenMark !== '' && seenMark !== seen.mark);
}

async function bindingsAfter(db: Kysely<Tables>, revision: number): Promise<Binding[]> {
  const found: Binding[] = [];
  for (let after = revision; ; ) {
    const rows = await db
      .selectFrom('promgate_bindings')
      .selectAll()
      .where('revision', '>', after)
      .orderBy('revision')
      .limit(BATCH)
      .execute();
    found.push(...rows.map(bindingOf));
    if (rows.length < BATCH) return found;
    after = found.at(-1)!.revision; // the batch is full, so `found` has a last one
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
  return [...new Set(ids)]; // `distinct` of MySQL treats "a" and "a " as equal
}
