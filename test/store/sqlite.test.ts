/** The contract in a SQLite file, and what only SQLite does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Kysely, sql } from 'kysely';
import { StoreAwayError } from '../../broker/binding-store.ts';
import type { Engine } from '../../src/store/engine.ts';
import { migrate } from '../../src/store/migrations.ts';
import { SqlBindingStore } from '../../src/store/sql-binding-store.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Tables } from '../../src/store/tables.ts';
import { SLOW_MS } from '../support/limits.ts';
import { itIsABindingStore } from './binding-store.contract.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import { itSharesADatabase } from './database.contract.ts';
import { openStore } from './open-store.ts';
import { Reader } from './reader.ts';
import { everyCall } from './server.contract.ts';
import { sqlitePlace } from './sqlite-place.ts';

const WRITER = fileURLToPath(new URL('sqlite-writer.ts', import.meta.url));

/** What may become of the bytes of a file. */
const SPOILS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'no database': (bytes) => bytes.fill('x', 0, 100),
  'damaged in its pages': (bytes) => bytes.fill(0xff, 4096),
  'cut off': (bytes) => bytes.subarray(0, 8192),
  empty: () => Buffer.alloc(0),
  'a database without tables': () => emptyDatabase(),
};

function emptyDatabase(): Buffer {
  const folder = mkdtempSync(path.join(tmpdir(), 'promgate-sqlite-'));
  const file = path.join(folder, 'empty.db');
  using database = new DatabaseSync(file);
  database.exec('create table t (a)');
  const bytes = readFileSync(file);
  rmSync(folder, { recursive: true });
  return bytes;
}

describe('openBindingStore of SQLite', function () {
  this.timeout(SLOW_MS);

  itIsABindingStore(sqlitePlace);
  itSharesADatabase(sqlitePlace);

  it('keeps all that it had answered when its process is killed', async () => {
    await using database = await sqlitePlace();
    const answered: string[] = [];
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (count) => {
        answered.push(...(await writeAndKill(database.url, count)));

        await using store = await openStore({ url: database.url });
        const kept = new Set((await store.changesSince()).bindings.map(({ id }) => id));
        assert.deepEqual(
          answered.filter((id) => !kept.has(id)),
          [],
        );
        assert.ok(answered.length >= count);
      }),
      { numRuns: 4 },
    );
  });

  it('waits for another process that writes, without holding up this one', async () => {
    await using database = await sqlitePlace();
    const store = await database.open();
    using other = new DatabaseSync(database.file);
    other.exec('begin immediate');

    const put = store.putInstance(instanceOf('i'));
    assert.equal(await store.instance('i'), undefined); // asked after it, answered before it
    other.exec('commit');

    assert.equal((await put).created, true);
  });

  it('reports a file that another process holds for long as away', async () => {
    await using database = await sqlitePlace();
    const store = await database.open();
    using other = new DatabaseSync(database.file);
    other.exec('begin immediate');

    await assert.rejects(store.putInstance(instanceOf('i')), StoreAwayError);

    other.exec('commit');
    assert.equal((await store.putInstance(instanceOf('i'))).created, true);
  });

  it('syncs each change to the disk before it answers', async () => {
    await using database = await sqlitePlace();
    await using engine = await openSqlite({ engine: 'sqlite', file: database.file });
    const db = new Kysely<Tables>({ dialect: engine.dialect });

    const { rows } = await sql`
      select journal_mode, synchronous from pragma_journal_mode, pragma_synchronous`.execute(db);

    assert.deepEqual(
      rows.map((row) => ({ ...(row as object) })),
      [
        { journal_mode: 'wal', synchronous: 2 }, // 2 is FULL
      ],
    );
  });

  it('keeps its file from other users', async () => {
    await using database = await sqlitePlace();
    await database.open();

    const { mode } = await stat(database.file);

    assert.equal(mode & 0o777, 0o600);
  });

  describe('whose file is not what it was', () => {
    it('is away while the file is removed, makes no other one, and goes on when it is back', async () => {
      await using database = await sqlitePlace();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      await store.putBinding(bindingOf('i', 'b0'));
      await rename(database.file, `${database.file}.moved`);

      for (const call of everyCall(store)) await assert.rejects(call, /the file has been removed/);
      for (const call of everyCall(store)) await assert.rejects(call, StoreAwayError);
      await assert.rejects(stat(database.file));

      await rename(`${database.file}.moved`, database.file);
      assert.equal(await store.deleteBinding('i', 'b0'), true);
    });

    it('takes a backup that replaces it, and nothing of the time that was lost', async () => {
      await using database = await sqlitePlace();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      await store.putBinding(bindingOf('i', 'kept'));
      await database.run(`vacuum into '${database.file}.backup'`);
      for (const id of ['lost', 'lost too']) await store.putBinding(bindingOf('i', id));
      const reader = new Reader(store);
      await reader.read();

      await rename(`${database.file}.backup`, database.file); // beside the log of the lost file
      await store.putBinding(bindingOf('i', 'new'));
      await store.putBinding(bindingOf('i', 'newer'));

      assert.equal(await reader.read(), true);
      assert.deepEqual(
        reader.bindings.map(({ id }) => id),
        ['kept', 'new', 'newer'],
      );
      assert.deepEqual(
        (await database.run('pragma integrity_check')).map((row) => ({ ...row })),
        [{ integrity_check: 'ok' }],
      );
      const again = await database.open();
      assert.deepEqual((await again.changesSince()).bindings, reader.bindings);
    });

    for (const [name, spoil] of Object.entries(SPOILS)) {
      it(`is away while it is ${name}, and goes on with a sound one`, async () => {
        await using database = await sqlitePlace();
        const store = await database.open();
        await store.putInstance(instanceOf('i'));
        await store.putBinding(bindingOf('i', 'b0'));
        await database.run(`vacuum into '${database.file}.backup'`);
        const bytes = await readFile(`${database.file}.backup`);
        await writeFile(`${database.file}.spoilt`, spoil(bytes));
        await rename(`${database.file}.spoilt`, database.file);

        for (const call of everyCall(store)) await assert.rejects(call, StoreAwayError);
        await assert.rejects(store.changesSince(), StoreAwayError);

        await rename(`${database.file}.backup`, database.file);
        assert.equal(await store.deleteBinding('i', 'b0'), true);
      });
    }

    it('cannot be opened while it is damaged', async () => {
      await using database = await sqlitePlace();
      await writeFile(database.file, 'x'.repeat(10_000));

      await assert.rejects(database.open(), StoreAwayError);
    });
  });

  describe('without space for more', () => {
    it('revokes whatever there is, tells readers of it, and says that it takes nothing else', async () => {
      await using database = await sqlitePlace();
      await (await database.open()).putInstance(instanceOf('i'));
      const told: string[] = [];
      await using engine = await openSqlite({ engine: 'sqlite', file: database.file });
      const db = new Kysely<Tables>({ dialect: engine.dialect });
      await using store = new SqlBindingStore({
        ...{ db, engine, maxTombstones: 100 },
        onRefused: () => told.push('refused'),
        onTaken: () => told.push('taken'),
      });
      const limit = (pages: number) => sql.raw(`pragma max_page_count = ${pages}`).execute(db);
      const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(db);
      await limit(rows[0]!.page_count + 8); // a pragma has one row
      const ids: string[] = [];
      await assert.rejects(async () => {
        for (let count = 0; ; count++) {
          const id = `b${count} ${'x'.repeat(1000)}`; // to note that it has gone takes space
          await store.putBinding(bindingOf('i', id));
          ids.push(id);
        }
      }, StoreAwayError);
      assert.equal(store.takesChanges, false);
      const readers = [new Reader(store), new Reader(store)];
      for (const reader of readers) await reader.read();
      await fillUp(store);

      for (const id of ids) assert.equal(await store.deleteBinding('i', id), true, id);

      for (const reader of readers) {
        await reader.read();
        assert.deepEqual(reader.bindings, []);
      }
      await limit(1_000_000);
      await store.changesSince();
      assert.equal(store.takesChanges, true);
      assert.equal((await store.putBinding(bindingOf('i', 'after')))?.created, true);
      assert.deepEqual([told[0], told.at(-1)], ['refused', 'taken']);
    });

    it('revokes what many ask for at once, each with the room that it has made', async () => {
      await using database = await sqlitePlace();
      await using prepared = await database.open();
      await prepared.putInstance(instanceOf('i'));
      const ids = Array.from({ length: 20 }, (_, at) => `b${at}`);
      for (const id of ids) await prepared.putBinding(bindingOf('i', id));
      const full = new Error('the disk is full');
      let hasRoom = false; // for one deletion
      await using real = await openSqlite({ engine: 'sqlite', file: database.file });
      const db = new Kysely<Tables>({ dialect: real.dialect });
      const engine: Engine = {
        ...real,
        failureOf: (error) => (error === full ? 'full' : real.failureOf(error)),
        space: {
          hold: async () => {
            hasRoom = false; // as what is held is no room
            throw new StoreAwayError('no space');
          },
          release: async () => {
            await sql`select 1`.execute(db);
            hasRoom = true;
          },
        },
        announce: async () => {
          if (!hasRoom) throw full;
          hasRoom = false;
        },
      };
      await using store = new SqlBindingStore({ db, engine, maxTombstones: 100 });

      const deleted = ids.map((id) => store.deleteBinding('i', id));
      const looking = store.changesSince();

      assert.deepEqual(await Promise.all(deleted), Array(20).fill(true));
      assert.equal((await looking).whole, true);
    });

    it('says so when it is read first, before anything is to be stored', async () => {
      await using database = await sqlitePlace();
      await using real = await openSqlite({ engine: 'sqlite', file: database.file });
      const db = new Kysely<Tables>({ dialect: real.dialect });
      await migrate({ db, engine: real, adopt: undefined });
      const hold = async (): Promise<never> => {
        throw new StoreAwayError('no space');
      };
      const engine: Engine = { ...real, space: { hold, release: async () => undefined } };
      await using store = new SqlBindingStore({ db, engine, maxTombstones: 100 });

      await store.changesSince();

      assert.equal(store.takesChanges, false);
    });

    it('holds some for revoking beside the file, which other users cannot read', async () => {
      await using database = await sqlitePlace();
      await database.open();

      const { size, mode } = await stat(`${database.file}-reserve`);

      assert.equal(size, 256 * 1024);
      assert.equal(mode & 0o777, 0o600);
    });
  });

  it('lives in memory, too', async () => {
    await using store = await openStore({ url: 'sqlite::memory:' });
    await store.putInstance(instanceOf('i'));

    assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);
  });

  it('reports a file that cannot be made as away', async () => {
    await assert.rejects(openStore({ url: 'sqlite:/no/such/folder/x.db' }), (error) => {
      assert.ok(error instanceof StoreAwayError);
      assert.match(error.message, /sqlite \/no\/such\/folder\/x\.db: .*no such file/);
      return true;
    });
  });
});

/** Takes what space is left, by things that stay. */
async function fillUp(store: SqlBindingStore): Promise<void> {
  for (let length = 4000; length > 0; length = Math.floor(length / 2)) {
    await assert.rejects(async () => {
      for (let count = 0; ; count++) {
        const parameters = JSON.stringify('x'.repeat(length));
        await store.putInstance(instanceOf(`${length} ${count}`, { parameters }));
      }
    }, StoreAwayError);
  }
}

/** @returns what it printed: at least `count` lines */
async function writeAndKill(url: string, count: number): Promise<string[]> {
  const writer = spawn(process.execPath, [WRITER, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(writer, 'exit');
  const lines: string[] = [];
  const output = createInterface({ input: writer.stdout });
  output.on('line', (line) => {
    if (lines.push(line) === count) writer.kill('SIGKILL');
  });
  await Promise.all([exited, once(output, 'close')]);
  return lines;
}
