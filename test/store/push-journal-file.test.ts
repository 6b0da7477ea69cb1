/** What the file of the disk's journal is refused for, beside what SQLite says of it. */
import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { JournalError } from '../../src/push/record.ts';
import { JournalFile } from '../../src/store/push-journal-file.ts';
import { diskPlace } from './journal-place.ts';

const NOBODY = 65_534;

/** Runs `work` as a user to whom the permissions of files apply. */
function asPlainUser(work: () => void): void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe('JournalFile', () => {
  it('says that a folder which may not be written is to be made writable', async () => {
    await using place = await diskPlace();
    const folder = path.dirname(place.file);
    await chmod(folder, 0o555);

    asPlainUser(() => {
      using file = new JournalFile(place.file, true);
      assert.throws(
        () => file.use(() => undefined),
        (error) => {
          assert.ok(error instanceof JournalError, String(error));
          assert.equal(error.failure, 'denied');
          assert.match(error.message, /may not write .*push\.db, .*its user write .*EACCES/);
          return true;
        },
      );
    });
    await chmod(folder, 0o755);
  });
});
