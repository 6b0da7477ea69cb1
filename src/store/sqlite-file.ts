/**
 * The file of a SQLite database, opened: always the one that stands under its name now.
 *
 * SQLite goes on with a file that was removed or replaced, and what it writes there is lost. So a
 * file that was removed is waited for and never made anew, and one that was replaced, by its backup
 * for instance, is opened instead. A file that is damaged is opened anew, too: it may be repaired.
 */
import { type BigIntStats, closeSync, openSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { reasonOf } from './session.ts';

const IN_MEMORY = ':memory:';

export class SqliteFile implements Disposable {
  readonly #file: string;
  #database: DatabaseSync | undefined;
  /** Of the file that was opened last. */
  #identity: string | undefined;
  /** Of its log of changes (WAL), which stands beside it. */
  #logIdentity: string | undefined;

  /** @throws {StoreAwayError} when the file cannot be made, or an error of SQLite */
  constructor(file: string) {
    this.#file = file;
    if (file !== IN_MEMORY) makeFile(file);
    this.#database = openFile(file);
    this.#identity = identityOf(file);
  }

  /** @throws {StoreAwayError} while there is no such file, or an error of SQLite */
  get database(): DatabaseSync {
    if (this.#file === IN_MEMORY) return this.#database!; // it is never given up
    const { identity, size } = this.#look();
    if (identity !== this.#identity) this.#replaced();
    if (this.#database === undefined) {
      if (size === 0n) throw new StoreAwayError('the file is empty');
      this.#database = openFile(this.#file);
      this.#identity = identity;
    }
    this.#logIdentity = identityOf(this.#log) ?? this.#logIdentity;
    return this.#database;
  }

  /** The next one who asks gets the file opened anew. */
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
    // The old one stays open: its number cannot be another file's then.
    if (!found) throw new StoreAwayError('the file has been removed: put it, or its backup, back');
    return { identity: `${found.dev} ${found.ino}`, size: found.size };
  }

  /** The old file's log must not be taken for the new one's: SQLite would write it into that. */
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
    closeSync(openSync(file, 'a', 0o600)); // tokens, and perhaps their key, are in it
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

/** @throws {StoreAwayError} when its folder cannot be looked into */
function foundFile(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    throw new StoreAwayError(reasonOf(cause), { cause });
  }
}

/** @returns undefined when there is no such file */
function identityOf(file: string): string | undefined {
  const found = foundFile(file);
  return found && `${found.dev} ${found.ino}`;
}
