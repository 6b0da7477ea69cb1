/** How the log of the disk's journal comes into its tables, and what a full disk does to it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type Journal,
  JournalError,
  type StoredTenant,
  type TenantChanges,
  type TenantUpdate,
} from '../../src/push/record.ts';
import { packChanges } from '../../src/store/push-journal-changes.ts';
import { readChunk, type TenantSoFar } from '../../src/store/push-journal-chunk.ts';
import { JournalFile } from '../../src/store/push-journal-file.ts';
import { bytesOf } from '../../src/store/push-journal-pack.ts';
import { StoredRecords } from '../../src/store/push-journal-sqlite.ts';
import { SLOW_MS } from '../support/limits.ts';
import { diskPlace } from './journal-place.ts';
import { commitOf, lastCommitOf } from './numbered-commits.ts';
import { journalCommands, journalModel } from './push-journal-commands.ts';

/** The records of the disk's journal without its thread. */
class SlicedJournal implements Journal {
  readonly durability = 'disk';
  readonly #file: JournalFile;
  readonly #records: StoredRecords;
  readonly #slices: () => number;

  /** @param slices - how many slices of the log are folded before each call */
  constructor(path: string, slices: () => number) {
    this.#file = new JournalFile(path, true);
    this.#records = new StoredRecords(path, this.#file);
    this.#slices = slices;
  }

  /** Leaves that many pages of 4 KiB to the file. */
  leavePages(count: number): void {
    this.#file.use((database) => {
      const { page_count: used } = database.prepare('pragma page_count').get() ?? {};
      database.exec(`pragma max_page_count = ${Number(used) + count}`);
    });
  }

  fold(): void {
    while (this.#records.foldSlice());
  }

  async commit(changes: readonly TenantChanges[]): Promise<[]> {
    this.#foldSome();
    const { pack, numbers } = packChanges(changes);
    this.#records.commit(pack, numbers);
    return [];
  }

  async load(): Promise<readonly StoredTenant[]> {
    return this.#read(undefined);
  }

  async reload(tenant: string): Promise<TenantUpdate | undefined> {
    const [stored] = this.#read(tenant);
    if (!stored) return undefined;
    return { ...stored, created: stored.records, changed: [], removed: [], isWhole: true };
  }

  async changedElsewhere(): Promise<[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file[Symbol.dispose]();
  }

  #foldSome(): void {
    try {
      for (let count = this.#slices(); count > 0; count--) this.#records.foldSlice();
    } catch (error) {
      // The thread goes on, too: the log still has everything.
      if (!(error instanceof JournalError) || error.failure !== 'full') throw error;
    }
  }

  #read(tenant: string | undefined): TenantSoFar[] {
    this.#foldSome();
    const tenants: TenantSoFar[] = [];
    this.#records.beginReading(tenant === undefined ? undefined : bytesOf(tenant));
    for (;;) {
      const chunk = this.#records.readOn();
      readChunk(chunk, tenants);
      if (chunk.isLast) return tenants;
      this.#foldSome(); // as the thread may, between two chunks
    }
  }
}

describe('StoredRecords', function () {
  this.timeout(SLOW_MS);

  it('has what a map has, whenever slices of the log are folded, and the file is closed', async () => {
    const slices = fc.infiniteStream(fc.constantFrom(0, 0, 0, 1, 2));
    await fc.assert(
      fc.asyncProperty(
        slices,
        fc.commands(journalCommands(), { maxCommands: 60 }),
        async (counts, commands) => {
          await using place = await diskPlace();
          const open = async (): Promise<Journal> =>
            new SlicedJournal(place.file, () => counts.next().value ?? 0);
          const real = { place: { open }, journal: await open() };
          try {
            await fc.asyncModelRun(() => ({ model: journalModel(), real }), commands);
          } finally {
            await real.journal[Symbol.asyncDispose]();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('folds a log of many pages in slices, between which commits come', async () => {
    await using place = await diskPlace();
    let number = 0;
    {
      await using journal = new SlicedJournal(place.file, () => (number % 7 === 0 ? 1 : 0));
      while (number < 300) await journal.commit([commitOf(++number)]);
      assert.equal(lastOf(await journal.load()), 300);
    }

    await using again = new SlicedJournal(place.file, () => 0);
    const beforeFold = lastOf(await again.load());
    again.fold();

    assert.equal(beforeFold, 300);
    assert.equal(lastOf(await again.load()), 300);
  });

  it('refuses what a full disk does not take, as a whole, and reads on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: 120 }), async (pages) => {
        await using place = await diskPlace();
        let last = 0;
        {
          await using journal = new SlicedJournal(place.file, () => (last % 5 === 0 ? 1 : 0));
          await journal.commit([commitOf(++last)]);
          journal.leavePages(pages);
          const commitAll = async (): Promise<void> => {
            for (;;) {
              await journal.commit([commitOf(last + 1)]);
              last += 1;
              assert.ok(last < 1000, 'the disk gets full');
            }
          };
          for (let times = 0; times < 3; times++) {
            await assert.rejects(commitAll(), (error) => {
              assert.ok(error instanceof JournalError, String(error));
              assert.equal(error.failure, 'full');
              assert.match(error.message, /is full: free space; until then promgate refuses/);
              return true;
            });
            assert.equal(lastOf(await journal.load()), last);
          }
          journal.leavePages(10_000);
          await journal.commit([commitOf(++last)]);
        }

        await using again = new SlicedJournal(place.file, () => 1);
        assert.equal(lastOf(await again.load()), last);
      }),
      { numRuns: 15 },
    );
  });
});

function lastOf([tenant]: readonly StoredTenant[]): number {
  return tenant ? lastCommitOf(tenant) : 0;
}
