/** The contract, in memory. */
import { MemoryJournal } from '../../../src/push/book/memory-journal.ts';
import type { Journal } from '../../../src/push/record.ts';
import { itIsAJournal } from '../../store/push-journal-contract.ts';

describe('MemoryJournal', () => {
  itIsAJournal(async () => {
    const journal: Journal = new MemoryJournal(); // one: it keeps nothing elsewhere
    return { open: async () => journal, [Symbol.asyncDispose]: async () => undefined };
  });
});
