/**
 * A random mark for each change, by which a reader notices that a backup was restored.
 *
 * After the restore the revision counter gives the same numbers again. A reader that has seen a
 * lost change finds another mark, or none, under that revision. Changes of early versions of
 * promgate have no mark.
 */
import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Tables } from './tables.ts';

/** A reader that is so many changes behind gets all bindings again. */
const KEPT = 10_000;
const MARK_BYTES = 12;

/**
 * Adds a mark for the change that the transaction is about to commit, under its last revision.
 *
 * @param revision - the first revision of the change. A restored backup can leave marks from there
 * on, which this function deletes.
 */
export async function markChange(transaction: Kysely<Tables>, revision: number): Promise<void> {
  await transaction
    .deleteFrom('promgate_changes')
    .where((row) =>
      row.or([row('revision', '>=', revision), row('revision', '<', revision - KEPT)]),
    )
    .execute();
  const mark = randomBytes(MARK_BYTES).toString('base64url');
  await transaction
    .insertInto('promgate_changes')
    .columns(['revision', 'mark'])
    .expression((from) =>
      from.selectFrom('promgate_revision').select(['number', sql.lit(mark).as('mark')]),
    )
    .execute();
}

/** The revision counter and its mark, and the mark of a revision that a reader has seen. */
export interface Counter {
  readonly revision: number;
  readonly mark: string;
  /** Tombstones up to this revision may have been removed. */
  readonly pruned: number;
  /** '' when that revision has no mark. */
  readonly seenMark: string;
}

/** @param seen - the revision for `seenMark` */
export async function readCounter(db: Kysely<Tables>, seen: number): Promise<Counter> {
  const row = await db
    .selectFrom('promgate_revision')
    .leftJoin('promgate_changes as last', 'last.revision', 'promgate_revision.number')
    .leftJoin('promgate_changes as seen', (join) => join.on('seen.revision', '=', seen))
    .select(['number', 'pruned', 'last.mark as mark', 'seen.mark as seen_mark'])
    .executeTakeFirstOrThrow();
  return {
    revision: Number(row.number),
    mark: row.mark ?? '',
    pruned: Number(row.pruned),
    seenMark: row.seen_mark ?? '',
  };
}
