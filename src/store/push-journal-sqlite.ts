/**
 * The records of the disk's journal in SQLite. SQLite blocks its thread, so this runs in
 * `push-journal-worker.ts`.
 *
 * A commit appends its pack to a log, as one row, which is on disk when the commit returns (WAL,
 * synchronous=FULL). Later the log is folded into the tables: jobs push the same records again and
 * again, and only the last numbers of each go there. Measured, CPU per commit of 320 changed records,
 * folding included: 120 us where 100 jobs push again and again, 390 us where 5,000 jobs do; 660 us and
 * 770 us if each commit writes the tables.
 */
import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../push/record.ts';
import type { Chunk } from './push-journal-chunk.ts';
import { journalError } from './push-journal-failure.ts';
import type { JournalFile } from './push-journal-file.ts';
import { type Failed, Fold } from './push-journal-fold.ts';
import { Pending } from './push-journal-pending.ts';
import { readChunks } from './push-journal-reading.ts';
import { prepareStatements, type Statements } from './push-journal-statements.ts';

/** A log of this size is folded, also while commits go on. */
const MAX_LOG_BYTES = 8 * 1024 * 1024;

/** What is known of an open database. */
interface State {
  readonly statements: Statements;
  pending: Pending;
  /** The last row of the log. */
  last: number;
  /** What is being folded; `pending` has what came later. */
  fold: Fold | undefined;
}

export class StoredRecords {
  readonly #file: JournalFile;
  readonly #states = new WeakMap<DatabaseSync, State>();
  readonly #failed: Failed;
  #reading: Generator<Chunk, undefined> | undefined;

  constructor(path: string, file: JournalFile) {
    this.#file = file;
    this.#failed = (failure, reason) => journalError(failure, path, reason);
  }

  /** Opens the file. @throws {JournalError} */
  open(): void {
    this.#use(() => undefined);
  }

  /**
   * Keeps all changes of a pack.
   *
   * @returns whether the log has become so long that it must be folded now
   * @throws {JournalError} if nothing of them is kept
   */
  commit(pack: ArrayBuffer, numbers: number): boolean {
    try {
      return this.#append(pack, numbers);
    } catch (error) {
      if (!(error instanceof JournalError) || error.failure !== 'full') throw error;
      this.#file.checkpoint('truncate'); // what is in the write-ahead log takes space twice
      return this.#append(pack, numbers);
    }
  }

  /**
   * Puts a part of the log into the tables, unless records are being read. Nothing is lost where this
   * fails or is not done.
   *
   * @returns whether there is more to do
   */
  foldSlice(): boolean {
    return this.#use((state, database) => {
      if (this.#reading || (!state.fold && state.pending.sizeBytes === 0)) return false;
      state.fold ??= beginFold(state);
      // The next commit syncs this, too; a crash before it leaves the log as it was.
      database.exec('pragma synchronous = normal');
      try {
        state.statements.begin.run();
        const done = state.fold.slice(state.statements, this.#failed);
        state.statements.commit.run();
        if (done()) state.fold = undefined;
      } finally {
        if (database.isTransaction) database.exec('rollback');
        database.exec('pragma synchronous = full');
      }
      return state.fold !== undefined || state.pending.sizeBytes > MAX_LOG_BYTES;
    });
  }

  /**
   * Begins to read all records, or those of one tenant; `readOn` gives them. Until then nothing may be
   * committed, else the reading ends.
   */
  beginReading(name: Buffer | undefined): void {
    this.#use(({ statements, fold, pending }) => {
      const all = fold ? [fold.pending, pending] : [pending];
      this.#reading = readChunks({ statements, pending: all, failed: this.#failed }, name);
    });
  }

  /** @returns as many records as a chunk has */
  readOn(): Chunk {
    return this.#use(() => {
      const chunk: IteratorResult<Chunk, undefined> | undefined = this.#reading?.next();
      if (!chunk || chunk.done) throw new Error('nothing is being read');
      if (chunk.value.isLast) this.#reading = undefined;
      return chunk.value;
    });
  }

  #append(pack: ArrayBuffer, numbers: number): boolean {
    return this.#use((state) => {
      this.#reading = undefined;
      // `run` tells a failure to commit; `get` would not.
      const { lastInsertRowid } = state.statements.appendLog.run(numbers, new Uint8Array(pack));
      state.last = Number(lastInsertRowid);
      state.pending.add(pack, numbers);
      return state.pending.sizeBytes > MAX_LOG_BYTES;
    });
  }

  #use<T>(work: (state: State, database: DatabaseSync) => T): T {
    return this.#file.use((database) => {
      let state = this.#states.get(database);
      if (!state) {
        this.#reading = undefined; // of a database that was closed
        state = readState(database);
        this.#states.set(database, state);
      }
      return work(state, database);
    });
  }
}

function beginFold(state: State): Fold {
  const fold = new Fold(state.pending, state.last);
  state.pending = new Pending();
  return fold;
}

/** Reads the log of a database that has just been opened. */
function readState(database: DatabaseSync): State {
  const statements = prepareStatements(database);
  const pending = new Pending();
  let last = 0;
  for (const row of statements.log.iterate()) {
    const { number, numbers, pack } = row as { number: number; numbers: number; pack: Uint8Array };
    pending.add(pack.slice().buffer, numbers);
    last = number;
  }
  return { statements, pending, last, fold: undefined };
}
