/**
 * The records of the disk's journal in SQLite. SQLite blocks its thread, so this runs in
 * `push-journal-worker.ts`.
 *
 * A commit appends its pack to a log, as one row, which is on disk when the commit returns (WAL,
 * synchronous=FULL). Later the log is folded into the tables: jobs push the same records again and
 * again, and only the last numbers of each go there. Measured, with commits of 320 changed records:
 * to write the tables in each commit took 660 us of CPU, the log takes 210 us.
 */
import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../push/record.ts';
import type { TenantRow } from './push-journal-chunk.ts';
import { type Chunk, type ChunkStart, ChunkWriter, type RecordRow } from './push-journal-chunk.ts';
import { journalError } from './push-journal-failure.ts';
import type { JournalFile } from './push-journal-file.ts';
import { type Failed, Fold, pageOf } from './push-journal-fold.ts';
import { PAGE_RECORDS, type Page } from './push-journal-page.ts';
import { Pending } from './push-journal-pending.ts';
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
   * Puts a part of the log into the tables. Nothing is lost where this fails or is not done.
   *
   * @returns whether there is more to do
   */
  foldSlice(): boolean {
    return this.#use((state, database) => {
      if (!state.fold && state.pending.sizeBytes === 0) return false;
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
   * Reads as many records as a chunk has. Nothing is committed between the chunks of one reading.
   *
   * @param name - the only tenant to read; undefined: all
   */
  read(start: ChunkStart, name: Uint8Array | undefined): Chunk {
    while (this.#use(({ fold, pending }) => fold !== undefined || pending.sizeBytes > 0)) {
      this.foldSlice();
    }
    return this.#use(({ statements }) => {
      const chunk = new ChunkWriter();
      const tenants = (
        name ? statements.tenantByName.all(name) : statements.tenantsFrom.iterate(start.tenant)
      ) as Iterable<unknown>;
      for (const tenant of tenants as Iterable<TenantRow>) {
        const { number } = tenant; // the columns are these
        const after = number === start.tenant ? start.record : -1;
        if (after === -1) chunk.tenant(tenant);
        const last = this.#readRecords(statements, { tenant: number, record: after }, chunk);
        if (last !== undefined) return chunk.end({ tenant: number, record: last });
        if (chunk.isFull) return chunk.end({ tenant: number + 1, record: -1 });
      }
      return chunk.end(undefined);
    });
  }

  /** @returns the last id, if the chunk is full */
  #readRecords(statements: Statements, start: ChunkStart, chunk: ChunkWriter): number | undefined {
    const { tenant, record: after } = start;
    const rows = statements.recordsAfter.iterate(tenant, after) as Iterable<unknown>;
    let [at, page]: [number, Page | undefined] = [-1, undefined];
    for (const row of rows as Iterable<RecordRow>) {
      const number = Math.floor(row.id / PAGE_RECORDS); // the columns are these
      if (number !== at)
        [at, page] = [number, pageOf(statements, { tenant, at: number }, this.#failed)];
      const values = page?.get(row.id % PAGE_RECORDS);
      if (!values) throw this.#failed('damaged', `a record of tenant ${tenant} has no numbers`);
      chunk.record(row, values);
      if (chunk.isFull) return row.id;
    }
    return undefined;
  }

  #append(pack: ArrayBuffer, numbers: number): boolean {
    return this.#use((state) => {
      // `run` tells a failure to commit; `get` would not.
      const { lastInsertRowid } = state.statements.appendLog.run(numbers, new Uint8Array(pack));
      state.last = Number(lastInsertRowid);
      state.pending.add(pack, numbers);
      return state.pending.sizeBytes > MAX_LOG_BYTES;
    });
  }

  #use<T>(work: (state: State, database: DatabaseSync) => T): T {
    return this.#file.use((database) => {
      const state = this.#states.get(database) ?? readState(database);
      this.#states.set(database, state);
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
