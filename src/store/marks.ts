/**
 * A mark for each change: how a reader finds out that what it has seen is no longer in the database.
 *
 * After a backup was restored the counter of changes runs through numbers that it has been through
 * before. Whoever saw a change of the time that was lost, and not the way back, finds another mark
 * under its number. A change without a mark was made by a version that knew of none.
 */
import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Tables } from './tables.ts';

/** So many changes behind, a reader is told everything anew. */
const KEPT = 10_000;
const MARK_BYTES = 12;

/**
 * Marks the change that the transaction is about to commit, by the number that it has reached.
 *
 * @param revision - the first of the change; marks from there on are of a time that was lost
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

/** The change that the counter stands at, and the mark of another one. */
export interface Counter {
  readonly revision: number;
  readonly mark: string;
  /** Tombstones up to this revision may have been removed. */
  readonly pruned: number;
  /** '' where there is none. */
  readonly seenMark: string;
}

/** @param seen - the revision whose mark is asked for */
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
