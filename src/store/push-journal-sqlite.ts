/**
 * The records of the disk's journal in SQLite: texts as a row each, numbers as pages of 64 records.
 *
 * One transaction per commit, which is on disk when it returns (WAL, synchronous=FULL). SQLite blocks
 * its thread, so this runs in `push-journal-worker.ts`.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { JournalError } from '../push/record.ts';
import { type RecordChange, type UnpackedChanges, unpackChanges } from './push-journal-changes.ts';
import {
  type Chunk,
  type ChunkStart,
  ChunkWriter,
  type RecordRow,
  type TenantRow,
} from './push-journal-chunk.ts';
import { journalError } from './push-journal-failure.ts';
import type { JournalFile } from './push-journal-file.ts';
import { PackReader } from './push-journal-pack.ts';
import { isPage, PAGE_RECORDS, Page } from './push-journal-page.ts';

/** A page's row is numbered `tenant * TENANT_PAGES + page`, below 2 ** 53. */
const TENANT_PAGES = 2 ** 35;
const MAX_TENANTS = 2 ** 18;

type Statements = ReturnType<typeof prepare>;

export class StoredRecords {
  readonly #path: string;
  readonly #file: JournalFile;
  readonly #prepared = new WeakMap<DatabaseSync, Statements>();

  constructor(path: string, file: JournalFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Opens the file. @throws {JournalError} */
  open(): void {
    this.#file.use(() => undefined);
  }

  /** Keeps all changes of a pack. @throws {JournalError} if nothing of them is kept */
  commit(pack: ArrayBuffer, numbers: number): void {
    try {
      this.#write(pack, numbers);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#file.checkpoint(); // what is in the write-ahead log takes space twice
      this.#write(pack, numbers);
    }
  }

  /**
   * Reads as many records as a chunk has.
   *
   * @param name - the only tenant to read; undefined: all
   */
  read(start: ChunkStart, name: Uint8Array | undefined): Chunk {
    return this.#file.use((database) => {
      const statements = this.#statementsOf(database);
      const chunk = new ChunkWriter();
      const tenants = (
        name ? statements.tenantByName.all(name) : statements.tenantsFrom.iterate(start.tenant)
      ) as Iterable<TenantRow>; // the columns are these
      for (const tenant of tenants) {
        const { number } = tenant;
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
    const records = rows as Iterable<RecordRow>; // the columns are these
    let page = { number: -1, page: new Page() };
    for (const row of records) {
      const { id } = row;
      const number = Math.floor(id / PAGE_RECORDS);
      if (number !== page.number) page = { number, page: this.#pageOf(statements, tenant, number) };
      const values = page.page.get(id % PAGE_RECORDS);
      if (!values) throw this.#damaged(`record ${id} of tenant ${tenant} has no numbers`);
      chunk.record(row, values);
      if (chunk.isFull) return id;
    }
    return undefined;
  }

  #write(pack: ArrayBuffer, numbers: number): void {
    this.#file.use((database) => {
      const statements = this.#statementsOf(database);
      statements.begin.run();
      for (const changes of unpackChanges(new PackReader(pack, numbers))) {
        this.#writeTenant(statements, changes);
      }
      statements.commit.run();
    });
  }

  #writeTenant(statements: Statements, { tenant, forced, nextId, records }: UnpackedChanges): void {
    const { number } = statements.putTenant.get(tenant, forced, nextId) as { number: number };
    const pages = new Map<number, Page>();
    const pageOf = (id: number): Page => {
      const at = Math.floor(id / PAGE_RECORDS);
      if (number >= MAX_TENANTS || at >= TENANT_PAGES) throw this.#usedUp();
      const page = pages.get(at) ?? this.#pageOf(statements, number, at);
      pages.set(at, page);
      return page;
    };
    for (const change of records) this.#apply(statements, number, pageOf(change.id), change);
    for (const [at, page] of pages) {
      const [row, bytes] = [number * TENANT_PAGES + at, page.bytes()];
      if (bytes) statements.putPage.run(row, bytes);
      else statements.deletePage.run(row);
    }
  }

  #apply(statements: Statements, tenant: number, page: Page, change: RecordChange): void {
    const { kind, id } = change;
    const slot = id % PAGE_RECORDS;
    if (page.has(slot) !== (kind !== 'create')) {
      throw this.#damaged(`it is not what promgate wrote last: cannot ${kind} record ${id}`);
    }
    if (kind === 'remove') {
      statements.deleteRecord.run(tenant, id);
      page.remove(slot);
    } else {
      if (kind === 'create') statements.putRecord.run(tenant, id, change.key);
      page.set(slot, change.values);
    }
  }

  #pageOf(statements: Statements, tenant: number, at: number): Page {
    const row = statements.page.get(tenant * TENANT_PAGES + at);
    if (!row) return new Page();
    const bytes = row['records'] as Uint8Array<ArrayBuffer>; // a strict column of blobs
    if (!isPage(bytes)) throw this.#damaged(`page ${at} of tenant ${tenant} has a wrong length`);
    return new Page(bytes);
  }

  /** @see MAX_TENANTS */
  #usedUp(): JournalError {
    const limits = `${MAX_TENANTS} tenants with ${TENANT_PAGES * PAGE_RECORDS} records each`;
    const advice = 'move the file away and restart promgate, which then begins with nothing';
    return new JournalError('full', `${this.#path} has had ${limits}: ${advice}`);
  }

  #damaged(reason: string) {
    return journalError('damaged', this.#path, reason);
  }

  #statementsOf(database: DatabaseSync): Statements {
    const known = this.#prepared.get(database);
    if (known) return known;
    const prepared = prepare(database);
    this.#prepared.set(database, prepared);
    return prepared;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof JournalError && error.failure === 'full';
}

function prepare(database: DatabaseSync) {
  const statement = (text: string): StatementSync => database.prepare(text);
  return {
    begin: statement('begin immediate'),
    commit: statement('commit'),
    putTenant: statement(`
      insert into tenant (name, forced, next_id) values (?, ?, ?)
      on conflict (name) do update set forced = excluded.forced, next_id = excluded.next_id
      returning number`),
    tenantByName: statement('select * from tenant where name = ?'),
    tenantsFrom: statement('select * from tenant where number >= ? order by number'),
    putRecord: statement('insert into record (tenant, id, key) values (?, ?, ?)'),
    deleteRecord: statement('delete from record where tenant = ? and id = ?'),
    recordsAfter: statement('select id, key from record where tenant = ? and id > ? order by id'),
    page: statement('select records from page where number = ?'),
    putPage: statement('insert or replace into page (number, records) values (?, ?)'),
    deletePage: statement('delete from page where number = ?'),
  };
}
