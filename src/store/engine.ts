/**
 * What differs between PostgreSQL, MySQL and SQLite, besides their SQL dialects.
 */
import type { Dialect, Expression, Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/**
 * What a database error means. `duplicate`: a row with this key exists. `conflict`: the same
 * transaction may succeed on another attempt. `away`: no usable database answers. `full`: the
 * database has no space for more.
 */
export type DatabaseFailure = 'duplicate' | 'conflict' | 'away' | 'full';

export interface Engine extends AsyncDisposable {
  /** Engine and address for messages, without credentials. */
  readonly place: string;
  readonly dialect: Dialect;
  /** The parts of `create table` that differ. */
  readonly schema: TableForm;
  /** @returns undefined for any other error, which is a fault of the program */
  failureOf(error: unknown): DatabaseFailure | undefined;
  /** @returns the column names of a table; an empty list if the table does not exist */
  columnsOf(db: Kysely<Tables>, table: string): Promise<string[]>;
  /**
   * Runs `work`, which makes tables, alone and in one transaction if the database can do that. In
   * MySQL another process may make the same tables at the same time.
   */
  makeTables(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<void>): Promise<void>;
  /** The reserved disk space of a SQLite file: see `DiskReserve`. */
  readonly space?: {
    /** Reserves space. @throws {StoreAwayError} when the store must add nothing more */
    hold(db: Kysely<Tables>): Promise<void>;
    /** Frees the reserved space for a deletion. */
    release(db: Kysely<Tables>): Promise<void>;
  };
  /** Makes the database tell other processes of a change when its transaction commits. */
  announce?(transaction: Kysely<Tables>): Promise<void>;
  /** Calls `listener` for every announcement, until the engine is disposed. */
  listen?(listener: () => void): void;
}

export interface TableForm {
  /** The type of text of any length. */
  readonly text: Expression<unknown> | 'text';
  /** The clause at the end of `create table`. */
  readonly end: Expression<unknown> | undefined;
}
