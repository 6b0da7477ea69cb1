/**
 * The open file of a SQLite database: always the file that its path names now.
 *
 * SQLite goes on with a removed or replaced file, and what it writes there is lost. So promgate
 * waits for a removed file to come back and never makes another one, and opens the new file after a
 * replacement, by a backup for instance. promgate also reopens a damaged file, which may be
 * repaired.
 */
import { type BigIntStats, closeSync, openSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { reasonOf } from './session.ts';

const IN_MEMORY = ':memory:';

export class SqliteFile implements Disposable {
  readonly #file: string;
  #database: DatabaseSync | undefined;
  /** Device and inode of the file that was opened last. */
  #identity: string | undefined;
  /** Device and inode of the write-ahead log (WAL) beside that file. */
  #logIdentity: string | undefined;

  /** @throws {StoreAwayError} when the file cannot be made; also throws errors of SQLite */
  constructor(file: string) {
    this.#file = file;
    if (file !== IN_MEMORY) makeFile(file);
    this.#database = openFile(file);
    this.#identity = identityOf(file);
  }

  /** @throws {StoreAwayError} while the file is missing or empty; also throws errors of SQLite */
  get database(): DatabaseSync {
    if (this.#file === IN_MEMORY) return this.#database!; // `giveUp` never closes it
    const { identity, size } = this.#look();
    if (identity !== this.#identity) this.#replaced();
    if (this.#database === undefined) {
      if (size === 0n)
        throw new StoreAwayError('the file is empty: put the database, or its backup, back');
      this.#database = openFile(this.#file);
      this.#identity = identity;
    }
    this.#logIdentity = identityOf(this.#log) ?? this.#logIdentity;
    return this.#database;
  }

  /** Closes the file; the next access opens it again. */
  giveUp(): void {
    if (this.#file !== IN_MEMORY) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    const database = this.#database;
    this.#database = undefined;
    database?.close();
  }

  get #log(): string {
    return `${this.#file}-wal`;
  }

  #look(): { readonly identity: string; readonly size: bigint } {
    const found = foundFile(this.#file);
    // The old file stays open, so that no other file can get its inode.
    if (!found) throw new StoreAwayError('the file has been removed: put it, or its backup, back');
    return { identity: `${found.dev} ${found.ino}`, size: found.size };
  }

  /** Deletes the old file's log, since SQLite would write that log into the new file. */
  #replaced(): void {
    this.giveUp();
    const lost = this.#logIdentity;
    this.#logIdentity = undefined;
    if (lost === undefined || identityOf(this.#log) !== lost) return;
    for (const end of ['-wal', '-shm']) rmSync(`${this.#file}${end}`, { force: true });
  }
}

function makeFile(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600)); // holds tokens, perhaps with their key
  } catch (cause) {
    throw new StoreAwayError(reasonOf(cause), { cause });
  }
}

function openFile(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 0, enableForeignKeyConstraints: true });
  try {
    database.exec('pragma journal_mode = wal; pragma synchronous = full');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** @throws {StoreAwayError} when the folder of the file cannot be read */
function foundFile(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    throw new StoreAwayError(reasonOf(cause), { cause });
  }
}

/** @returns device and inode; undefined when there is no such file */
function identityOf(file: string): string | undefined {
  const found = foundFile(file);
  return found && `${found.dev} ${found.ino}`;
}
