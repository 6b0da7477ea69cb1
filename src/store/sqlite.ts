/**
 * The engine for SQLite: one connection to one file, in this process.
 *
 * A committed change is on disk (WAL, synchronous=FULL). SQLite's own wait for a lock would block
 * the whole process, so a locked file is a conflict at once, and the store tries again between
 * other work.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import {
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import type { SqliteAddress } from '../config/database-url.ts';
import { attempt } from './attempts.ts';
import { DiskReserve } from './disk-reserve.ts';
import type { DatabaseFailure, Engine } from './engine.ts';
import { type Session, SessionDriver } from './session.ts';
import { SqliteFile } from './sqlite-file.ts';
import type { Tables } from './tables.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html */
const FAILURES: Readonly<Record<number, DatabaseFailure>> = {
  5: 'conflict', // BUSY
  6: 'conflict', // LOCKED
  8: 'away', // READONLY
  10: 'away', // IOERR
  11: 'away', // CORRUPT
  13: 'full', // FULL
  14: 'away', // CANTOPEN
  26: 'away', // NOTADB
};
const UNIQUE_CODES = [1555, 2067]; // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE
/** This error has no code of its own. It occurs while a new file is still being put in place. */
const NO_TABLE = /^no such table: promgate_/;

/** @throws {StoreAwayError} when the file cannot be opened */
export async function openSqlite({ file }: SqliteAddress): Promise<Engine> {
  const place = `sqlite ${file}`;
  const reserve = file === ':memory:' ? undefined : new DiskReserve(file);
  const opened = await attempt({ place, failureOf }, async () => openFile(file, reserve));
  const open = async (): Promise<Session> => {
    await setImmediate(); // SQLite blocks: let other work run between two uses
    return sqliteSession(opened);
  };
  return {
    place,
    dialect: {
      createDriver: () => new SessionDriver({ open }, (error) => failureOf(error) === 'away'),
      createAdapter: () => new SqliteAdapter(),
      createQueryCompiler: () => new SqliteQueryCompiler(),
      createIntrospector: (db) => new SqliteIntrospector(db),
    },
    schema: { text: 'text', end: undefined },
    failureOf,
    columnsOf: async (db, table) => {
      const { rows } = await sql<{ name: string }>`
        select name from pragma_table_info(${table})`.execute(db);
      return rows.map(({ name }) => name);
    },
    // A transaction that writes locks the file.
    makeTables: (db, work) => db.transaction().execute(work),
    ...(reserve && { space: spaceOf(reserve) }),
    [Symbol.asyncDispose]: async () => opened[Symbol.dispose](),
  };
}

/** Opening needs space, too. If it fails, the second try may use the reserved space. */
function openFile(file: string, reserve: DiskReserve | undefined): SqliteFile {
  try {
    return new SqliteFile(file);
  } catch (error) {
    if (failureOf(error) === 'conflict') throw error;
    reserve?.release();
    return new SqliteFile(file);
  }
}

function spaceOf(reserve: DiskReserve): NonNullable<Engine['space']> {
  reserve.tryHold();
  // What is in the write-ahead log takes space twice.
  const emptyLog = (db: Kysely<Tables>) => sql`pragma wal_checkpoint(truncate)`.execute(db);
  return {
    hold: async (db) => {
      if (reserve.tryHold()) return;
      await emptyLog(db);
      reserve.hold();
    },
    release: async (db) => {
      reserve.release();
      await emptyLog(db).catch(() => undefined); // the deletion fails if there is still no space
    },
  };
}

/** A session of one use: it opens the file once, since a transaction cannot change files. */
function sqliteSession(file: SqliteFile): Session {
  let database: DatabaseSync | undefined;
  let isDamaged = false;
  const run = async (
    text: string,
    parameters: readonly unknown[],
  ): Promise<QueryResult<unknown>> => {
    try {
      database ??= file.database;
      return answerOf(database.prepare(text), parameters as SQLInputValue[]); // text, numbers, null
    } catch (error) {
      isDamaged ||= failureOf(error) === 'away';
      throw error;
    }
  };
  return {
    run,
    begin: (isReadOnly) => run(isReadOnly ? 'begin' : 'begin immediate', []),
    release: () => {
      if (isDamaged) file.giveUp();
    },
  };
}

function answerOf(
  statement: StatementSync,
  values: readonly SQLInputValue[],
): QueryResult<unknown> {
  if (statement.columns().length > 0) return { rows: statement.all(...values) };
  return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
}

function failureOf(error: unknown): DatabaseFailure | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  const code = Number(error.errcode);
  if (UNIQUE_CODES.includes(code)) return 'duplicate';
  return NO_TABLE.test(error.message) ? 'away' : FAILURES[code & 0xff];
}
