/**
 * A process that makes the commits of `numbered-commits.ts` until it is killed, and prints the number
 * of each once it is kept.
 */
import { writeSync } from 'node:fs';
import { openDiskJournal } from '../../src/store/push-journal-disk.ts';
import { commitOf, lastCommitOf } from './numbered-commits.ts';

const [, , file] = process.argv;
if (file === undefined) throw new Error('usage: push-journal-writer.ts FILE');
const journal = await openDiskJournal({ file });
const [tenant] = await journal.load();
let number = tenant ? lastCommitOf(tenant) + 1 : 1;
for (;;) {
  await journal.commit([commitOf(number)]);
  writeSync(1, `${number}\n`);
  number += 1;
}
