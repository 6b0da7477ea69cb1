/** The contract in a SQLite file, and what only SQLite does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { Kysely, sql } from 'kysely';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { openBindingStore } from '../../src/store/database.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import type { Tables } from '../../src/store/tables.ts';
import { itIsABindingStore } from './binding-store.contract.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import { itSharesADatabase } from './database.contract.ts';
import { sqlitePlace } from './sqlite-place.ts';

const WRITER = fileURLToPath(new URL('sqlite-writer.ts', import.meta.url));

describe('openBindingStore of SQLite', () => {
  itIsABindingStore(sqlitePlace);
  itSharesADatabase(sqlitePlace);

  it('keeps all that it had answered when its process is killed', async () => {
    await using database = await sqlitePlace();
    const answered: string[] = [];
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), async (count) => {
        answered.push(...(await writeAndKill(database.url, count)));

        await using store = await openBindingStore({ url: database.url });
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

  it('lives in memory, too', async () => {
    await using store = await openBindingStore({ url: 'sqlite::memory:' });
    await store.putInstance(instanceOf('i'));

    assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);
  });

  it('reports a file that cannot be made as away', async () => {
    await assert.rejects(openBindingStore({ url: 'sqlite:/no/such/folder/x.db' }), (error) => {
      assert.ok(error instanceof StoreAwayError);
      assert.match(error.message, /sqlite \/no\/such\/folder\/x\.db: .*no such file/);
      return true;
    });
  });
});

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
