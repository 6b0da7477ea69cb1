/** A folder with the file of a disk's journal, for one test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type DiskJournal, openDiskJournal } from '../../src/store/push-journal-disk.ts';

export interface DiskPlace extends AsyncDisposable {
  readonly file: string;
  open(): Promise<DiskJournal>;
  /** Opens the file while no journal has it open. */
  database(): DatabaseSync;
}

/** Disposal removes the folder. */
export async function diskPlace(): Promise<DiskPlace> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-journal-'));
  const file = path.join(folder, 'push.db');
  return {
    file,
    open: () => openDiskJournal({ file }),
    database: () => new DatabaseSync(file),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
