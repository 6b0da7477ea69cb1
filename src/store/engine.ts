/**
 * What a store needs of one kind of database, besides SQL that all of them speak.
 */
import type { Dialect, Expression, Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/**
 * What an error of a database means: `duplicate` that a row with this key exists, `conflict` that
 * the same transaction may succeed when it is tried again, `away` that there is no database to ask,
 * `full` that it has no space for more.
 */
export type DatabaseFailure = 'duplicate' | 'conflict' | 'away' | 'full';

export interface Engine extends AsyncDisposable {
  /** Which database, for messages: no credentials. */
  readonly place: string;
  readonly dialect: Dialect;
  /** How tables are made here. */
  readonly schema: TableForm;
  /** @returns undefined for any other error: a fault of the program */
  failureOf(error: unknown): DatabaseFailure | undefined;
  /** @returns the names of the columns of a table; none when there is no such table */
  columnsOf(db: Kysely<Tables>, table: string): Promise<string[]>;
  /**
   * Runs `work`, which makes tables: alone and in one transaction where the database can do that.
   * Elsewhere it may meet another process that makes the same ones.
   */
  makeTables(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<void>): Promise<void>;
  /** Where a database shares a disk with others: see `DiskReserve`. */
  readonly space?: {
    /** @throws {StoreAwayError} when nothing more can be stored */
    hold(db: Kysely<Tables>): Promise<void>;
    /** Makes room for a deletion. */
    release(db: Kysely<Tables>): Promise<void>;
  };
  /** Tells other processes of a change, once its transaction is committed. */
  announce?(transaction: Kysely<Tables>): Promise<void>;
  /** Calls `listener` for every announcement, until the engine is disposed. */
  listen?(listener: () => void): void;
}

export interface TableForm {
  /** The type of text of any length. */
  readonly text: Expression<unknown> | 'text';
  /** What ends `create table`. */
  readonly end: Expression<unknown> | undefined;
}
