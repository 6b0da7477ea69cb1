/**
 * The batches of remote write that wait for a receiver, in a SQLite file of their own.
 *
 * A batch is written only while its receiver is away. Nothing waits for the disk
 * (`synchronous = off`), as that would hold up all other work: `kill -9` loses no batch, a machine
 * that loses its power may lose the file. promgate begins a damaged file anew; the values themselves
 * are in the ledger.
 */
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { BatchStore, StoredBatch, StoreLevel } from '../push/send/remote-write-store.ts';

/** What a row costs beside its bytes. */
const OVERHEAD_BYTES = 200;

const TABLE = `create table if not exists batch (
  id integer primary key, lane integer not null, lanes integer not null,
  at_ms integer not null, samples integer not null, bytes blob not null);
  create index if not exists batch_lane on batch (lane, id)`;

const LEVEL = `select count(*) as batches, coalesce(sum(length(bytes)), 0) as bytes,
  coalesce(min(at_ms), 0) as oldest from batch`;

const LAST = 'select id, at_ms, lanes from batch order by id desc limit 1';

type Row = Readonly<Record<string, number>>;

/** @throws {Error} of SQLite when the file can neither be used nor be made anew */
export function openRemoteWriteFile(
  path: string,
  onDamaged: (error: unknown) => void,
): RemoteWriteFile {
  try {
    return new RemoteWriteFile(path);
  } catch (error) {
    if (!isDamage(error)) throw error;
    onDamaged(error);
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    return new RemoteWriteFile(path);
  }
}

/** CORRUPT and NOTADB, https://www.sqlite.org/rescode.html */
function isDamage(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  return [11, 26].includes(Number(error.errcode) & 0xff);
}

export class RemoteWriteFile implements BatchStore {
  readonly kind = 'file';
  readonly last: BatchStore['last'];
  readonly #database: DatabaseSync;
  #batches: number;
  #bytes: number;
  #oldestMs: number;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: 0 });
    try {
      this.#database.exec('pragma journal_mode = wal; pragma synchronous = off');
      this.#database.exec(TABLE);
      const [level, last] = [this.#row(LEVEL), this.#row(LAST)];
      this.#batches = level?.['batches'] ?? 0;
      this.#bytes = (level?.['bytes'] ?? 0) + this.#batches * OVERHEAD_BYTES;
      this.#oldestMs = level?.['oldest'] ?? 0;
      const { id = 0, at_ms: atMs = 0, lanes = 1 } = last ?? {};
      this.last = { id, atMs, lanes };
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  get level(): StoreLevel {
    return { batches: this.#batches, bytes: this.#bytes, oldestMs: this.#oldestMs };
  }

  async open(): Promise<void> {}

  async append(batches: readonly StoredBatch[]): Promise<void> {
    const insert = this.#database.prepare('insert into batch values (?, ?, ?, ?, ?, ?)');
    for (const { id, lane, lanes, atMs, samples, bytes } of batches) {
      insert.run(id, lane, lanes, atMs, samples, bytes);
      this.#batches += 1;
      this.#bytes += bytes.length + OVERHEAD_BYTES;
    }
    this.#look();
  }

  async first(lane: number): Promise<StoredBatch | undefined> {
    const row = this.#database
      .prepare('select * from batch where lane = ? order by id limit 1')
      .get(lane);
    if (!row) return undefined;
    return {
      id: Number(row['id']),
      lane,
      lanes: Number(row['lanes']),
      atMs: Number(row['at_ms']),
      samples: Number(row['samples']),
      bytes: Buffer.from(row['bytes'] as Uint8Array), // the column is a blob
    };
  }

  async remove(id: number): Promise<void> {
    this.#remove('id = ?', id);
  }

  async dropOldest(except: readonly number[]): Promise<number | undefined> {
    const before = this.#batches;
    const others = `id not in (${except.map(Number).join()})`;
    const samples = this.#remove(`id = (select min(id) from batch where ${others} and id > ?)`, -1);
    return this.#batches < before ? samples : undefined;
  }

  async clear(): Promise<number> {
    return this.#remove('id > ?', -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }

  /** @returns the samples of the batches that are gone */
  #remove(condition: string, value: number): number {
    const rows = this.#database
      .prepare(`delete from batch where ${condition} returning samples, length(bytes) as size`)
      .all(value);
    let samples = 0;
    for (const row of rows) {
      samples += Number(row['samples']);
      this.#batches -= 1;
      this.#bytes -= Number(row['size']) + OVERHEAD_BYTES;
    }
    this.#look();
    return samples;
  }

  /** Notes the oldest time; an empty file gives its space back. */
  #look(): void {
    this.#oldestMs = this.#row('select at_ms from batch order by id limit 1')?.['at_ms'] ?? 0;
    if (this.#batches === 0) this.#database.exec('pragma wal_checkpoint(truncate)');
  }

  #row(text: string): Row | undefined {
    return this.#database.prepare(text).get() as Row | undefined; // all columns are numbers
  }
}
