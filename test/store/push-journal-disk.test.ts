/** The contract on disk, and what only the disk's journal does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { JournalError, type JournalFailure } from '../../src/push/record.ts';
import { openDiskJournal } from '../../src/store/push-journal-disk.ts';
import { SLOW_MS } from '../support/limits.ts';
import { type DiskPlace, diskPlace } from './journal-place.ts';
import { lastCommitOf } from './numbered-commits.ts';
import { itIsAJournal } from './push-journal-contract.ts';
import { changesOf, contentOf, record, reloaded } from './stored-tenants.ts';

const WRITER = fileURLToPath(new URL('push-journal-writer.ts', import.meta.url));
const KILLS = 10;

/** What may become of the bytes of a file. */
const SPOILS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'no database': (bytes) => bytes.fill('x', 0, 100),
  'written over in the middle': (bytes) => bytes.fill(0xff, 8192),
  'cut off': (bytes) => bytes.subarray(0, 8192),
  'cut off in a page': (bytes) => bytes.subarray(0, bytes.length - 1000),
};

describe('DiskJournal', function () {
  this.timeout(SLOW_MS);

  itIsAJournal(diskPlace);

  it('keeps every commit that it had answered, each as a whole, when its process is killed', async () => {
    await using place = await diskPlace();
    let last = 0;
    const afterCommits = fc.sample(fc.integer({ min: 1, max: 120 }), KILLS);
    for (const count of afterCommits) {
      const answered = await writeAndKill(place.file, count);

      await using journal = await place.open();
      const [tenant] = await journal.load();
      const kept = tenant ? lastCommitOf(tenant) : 0;
      const expected = Array.from({ length: answered.length }, (_, at) => last + 1 + at);
      assert.deepEqual(answered, expected, `killed after ${afterCommits}`);
      assert.ok(kept - (answered.at(-1) ?? last) <= 1, 'at most the commit under way is kept, too');
      assert.ok(kept >= (answered.at(-1) ?? last));
      last = kept;
    }
  });

  it('keeps its file from other users', async () => {
    await using place = await diskPlace();
    await using _journal = await place.open();

    const { mode } = await stat(place.file);

    assert.equal(mode & 0o777, 0o600);
  });

  it('keeps what is under way when it is closed, and takes no more', async () => {
    await using place = await diskPlace();
    const journal = await place.open();

    const committing = journal.commit([
      changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 }),
    ]);
    const closed = journal[Symbol.asyncDispose]();
    const refused = journal.commit([changesOf('t', { created: [record(2, 'k', 1)], nextId: 3 })]);

    await assertFails(refused, 'ended', /promgate stops/);
    const isKept = await committing.then(
      () => true,
      () => false, // the thread had not been asked yet
    );
    await closed;
    await using again = await place.open();
    assert.equal((await again.load()).length, isKept ? 1 : 0);
  });

  it('frees its file when it is closed, and closes twice', async () => {
    await using place = await diskPlace();
    const journal = await place.open();
    await journal[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();

    await using again = await place.open();

    assert.deepEqual(await again.load(), []);
  });

  describe('refuses to start', () => {
    it('while another process has the file open', async () => {
      await using place = await diskPlace();
      await using writer = startWriter(place.file);
      await once(writer.lines, 'line');

      await assertFails(place.open(), 'locked', /push\.db open, perhaps a second promgate: end/);
    });

    it('while another journal of this process has the file open', async () => {
      await using place = await diskPlace();
      await using journal = await place.open();

      await assertFails(place.open(), 'locked', /perhaps a second promgate/);
      await assertFails(place.open(), 'locked', /perhaps a second promgate/);

      await journal.commit([changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 })]);
      assert.equal((await journal.load()).length, 1);
    });

    it('with a file of a newer schema, which stays as it is', async () => {
      await using place = await filledPlace();
      using database = place.database();
      database.exec('pragma user_version = 2');
      database.close();
      const bytes = await readFile(place.file);

      await assertFails(place.open(), 'newer', /later promgate: run that version.*schema 2/);

      assert.deepEqual(await readFile(place.file), bytes);
    });

    it('with a database of something else, which stays as it is', async () => {
      await using place = await diskPlace();
      using database = place.database();
      database.exec('create table promgate_binding (id)');
      database.close();

      await assertFails(place.open(), 'damaged', /is a database, but no journal of pushes/);
      using after = place.database();
      assert.equal(after.prepare('select count(*) n from sqlite_schema').get()?.['n'], 1);
    });

    for (const [name, spoil] of Object.entries(SPOILS)) {
      it(`with a file that is ${name}`, async () => {
        await using place = await filledPlace();
        await writeFile(place.file, spoil(await readFile(place.file)));

        await assertFails(
          place.open(),
          'damaged',
          /push\.db is damaged: put a backup in its place/,
        );
      });
    }

    it('where there is no folder for the file', async () => {
      await using place = await diskPlace();

      const opening = openDiskJournal({ file: `${place.file}/no/push.db` });

      await assertFails(opening, 'missing', /no\/push\.db is not there: .*correct its path/);
    });
  });

  describe('whose file is not what it was', () => {
    it('fails while the file is removed, makes no other one, and goes on when it is back', async () => {
      await using place = await diskPlace();
      await using journal = await place.open();
      await journal.commit([changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 })]);
      const change = changesOf('t', { changed: [record(1, '', 2)], nextId: 2 });
      await rename(place.file, `${place.file}.moved`);

      await assertFails(journal.commit([change]), 'missing', /push\.db is not there: put the file/);
      await assertFails(journal.reload('t'), 'missing', /is not there/);
      await assert.rejects(stat(place.file), { code: 'ENOENT' });

      await rename(`${place.file}.moved`, place.file);
      await journal.commit([change]);
      assert.deepEqual([...((await reloaded(journal, 't', []))?.records[0]?.values ?? [])], [2]);
    });

    it('takes a backup that replaces it, and nothing of the time that was lost', async () => {
      await using place = await filledPlace();
      using database = place.database();
      database.exec(`vacuum into '${place.file}.backup'`);
      database.close();
      await using journal = await place.open();
      const before = await contentOf(journal);
      await journal.commit([changesOf('lost', { created: [record(1, 'k', 1)], nextId: 2 })]);
      await rename(`${place.file}.backup`, place.file); // beside the log of the lost file

      const change = changesOf('t', { changed: [record(1, '', 7)], nextId: 1001 });
      await assertFails(journal.commit([change]), 'missing', /replaced while it was open/);

      assert.deepEqual(await contentOf(journal), before);
      await journal.commit([change]);
      const [first] = (await reloaded(journal, 't', []))?.records ?? [];
      assert.deepEqual([first?.id, first?.values[0]], [1, 7]);
    });
  });
});

/** A place with 1,000 records in the tables of a closed file. */
async function filledPlace(): Promise<DiskPlace> {
  const place = await diskPlace();
  await using journal = await place.open();
  const created = Array.from({ length: 1000 }, (_, at) => record(at + 1, `key ${at}`, at, 1, 2));
  await journal.commit([changesOf('t', { created, nextId: 1001 })]);
  return place;
}

async function assertFails(
  call: Promise<unknown>,
  failure: JournalFailure,
  message: RegExp,
): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof JournalError, String(error));
    assert.equal(error.failure, failure, error.message);
    assert.match(error.message, message);
    return true;
  });
}

function startWriter(file: string) {
  const child = spawn(process.execPath, [WRITER, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const ended = Promise.all([exited, once(lines, 'close')]);
  const kill = (): boolean => child.kill('SIGKILL');
  return {
    ...{ lines, ended, kill },
    [Symbol.asyncDispose]: async () => {
      kill();
      await ended;
    },
  };
}

/** @returns the numbers that it printed: at least `count` */
async function writeAndKill(file: string, count: number): Promise<number[]> {
  await using writer = startWriter(file);
  const numbers: number[] = [];
  writer.lines.on('line', (line) => {
    if (numbers.push(Number(line)) === count) writer.kill();
  });
  await writer.ended;
  return numbers;
}
