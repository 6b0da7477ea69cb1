/** The contract on disk, and what only the disk's journal does. */
import { SLOW_MS } from '../support/limits.ts';
import { diskPlace } from './journal-place.ts';
import { itIsAJournal } from './push-journal-contract.ts';

describe('DiskJournal', function () {
  this.timeout(SLOW_MS);

  itIsAJournal(diskPlace);
});
