/**
 * SQLite in this process: one connection to one file.
 *
 * What is committed is on disk (WAL, synchronous=FULL). SQLite's own waiting for a lock would hold up
 * the whole process, so a locked file is a conflict at once: it is tried again between other work.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import {
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { attempt } from './attempts.ts';
import type { SqliteAddress } from './database-url.ts';
import type { Engine, Failure } from './engine.ts';
import { reasonOf, type Session, SessionDriver } from './session.ts';

/** Primary result codes, https://www.sqlite.org/rescode.html */
const FAILURES: Readonly<Record<number, Failure>> = {
  5: 'conflict', // BUSY
  6: 'conflict', // LOCKED
  8: 'away', // READONLY
  10: 'away', // IOERR
  13: 'away', // FULL
  14: 'away', // CANTOPEN
};
const UNIQUE_CODES = [1555, 2067]; // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE

/** @throws {StoreAwayError} when the file cannot be opened */
export async function openSqlite({ file }: SqliteAddress): Promise<Engine> {
  const place = `sqlite ${file}`;
  const database = await attempt({ place, failureOf }, async () => openFile(file));
  const session = sqliteSession(database);
  const open = async (): Promise<Session> => {
    await setImmediate(); // SQLite answers at once: other work must come in between two questions
    return session;
  };
  return {
    place,
    dialect: {
      createDriver: () => new SessionDriver({ open }, () => false),
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
    // A transaction that writes is alone in the file.
    makeTables: (db, work) => db.transaction().execute(work),
    [Symbol.asyncDispose]: async () => database.close(),
  };
}

function openFile(file: string): DatabaseSync {
  if (file !== ':memory:') {
    try {
      closeSync(openSync(file, 'a', 0o600)); // tokens, and perhaps their key, are in it
    } catch (cause) {
      throw new StoreAwayError(reasonOf(cause), { cause });
    }
  }
  const database = new DatabaseSync(file, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function sqliteSession(database: DatabaseSync): Session {
  const run = async (
    text: string,
    parameters: readonly unknown[],
  ): Promise<QueryResult<unknown>> => {
    const statement = database.prepare(text);
    const values = parameters as SQLInputValue[]; // rows hold text, numbers and null
    if (statement.columns().length > 0) return { rows: statement.all(...values) };
    return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
  };
  return {
    run,
    begin: (isReadOnly) => run(isReadOnly ? 'begin' : 'begin immediate', []),
    release: () => undefined,
  };
}

function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  const code = Number(error.errcode);
  return UNIQUE_CODES.includes(code) ? 'duplicate' : FAILURES[code & 0xff];
}
