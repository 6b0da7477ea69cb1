/** What becomes of the disk's journal when its thread ends, or hangs with the disk. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import type { Timers } from '../../src/clock.ts';
import type { JournalError } from '../../src/push/record.ts';
import { openDiskJournal } from '../../src/store/push-journal-disk.ts';
import { diskPlace } from './journal-place.ts';
import { changesOf, contentOf, record } from './stored-tenants.ts';

const PROGRAM = new URL('failing-journal-worker.ts', import.meta.url);

/** Deadlines that come when the test says so. */
class Deadlines implements Timers {
  #call: (() => void) | undefined;

  nowMs(): number {
    return 0;
  }

  after(_ms: number, call: () => void): () => void {
    this.#call = call;
    return () => {
      this.#call = undefined;
    };
  }

  pass(): void {
    assert.ok(this.#call, 'something has a deadline');
    this.#call();
  }
}

describe('the thread of DiskJournal', () => {
  for (const fault of ['throw', 'exit']) {
    it(`fails what was asked when it ends by "${fault}", and is started anew`, async () => {
      await using place = await diskPlace();
      await using journal = await openDiskJournal({ file: place.file, program: PROGRAM });
      await journal.commit([changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 })]);
      const change = changesOf('t', { changed: [record(1, '', 2)], nextId: 2 });
      await writeFile(`${place.file}.fault`, fault);

      for (let times = 0; times < 3; times++) {
        await assert.rejects(journal.commit([change]), (error: JournalError) => {
          assert.equal(error.failure, 'ended');
          assert.match(error.message, /has ended; the next push starts it anew/);
          return true;
        });
      }
      await rm(`${place.file}.fault`);
      await journal.commit([change]);

      const [tenant] = await journal.load();
      assert.deepEqual([...(tenant?.records[0]?.values ?? [])], [2]);
    });
  }

  it('does not make the file again that was there when it ended', async () => {
    await using place = await diskPlace();
    await using journal = await openDiskJournal({ file: place.file, program: PROGRAM });
    await writeFile(`${place.file}.fault`, 'exit');
    await assert.rejects(journal.load(), { failure: 'ended' });
    await rm(`${place.file}.fault`);
    await rm(place.file);

    await assert.rejects(journal.load(), { failure: 'missing' });
  });

  it('fails everything while the disk does not answer, and goes on when it does', async () => {
    await using place = await diskPlace();
    const timers = new Deadlines();
    await using journal = await openDiskJournal({ file: place.file, program: PROGRAM, timers });
    execFileSync('mkfifo', [`${place.file}.hold`]);
    const changes = [changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 })];

    const held = journal.commit(changes);
    const waiting = journal.load();
    await new Promise((resolve) => setImmediate(resolve)); // the thread has been asked
    timers.pass();

    await assert.rejects(held, { failure: 'timeout' });
    await assert.rejects(waiting, { failure: 'timeout' });
    await assert.rejects(journal.commit(changes), { failure: 'timeout' });
    await writeFile(`${place.file}.hold`, 'go on');
    await rm(`${place.file}.hold`);
    const found = await untilAnswered(() => contentOf(journal));
    assert.deepEqual(
      found.map(({ tenant, nextId }) => [tenant, nextId]),
      [['t', 2]], // what was late is kept: the ledger finds it when it loads again
    );
  });

  it('says why it cannot be started at all', async () => {
    await assert.rejects(openDiskJournal({ file: 'a\0b' }), (error: JournalError) => {
      assert.equal(error.failure, 'ended');
      assert.match(error.message, /without null bytes/);
      return true;
    });
  });
});

/** Asks again while the late answer is still on its way. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      assert.equal((error as JournalError).failure, 'timeout');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
