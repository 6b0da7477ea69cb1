import assert from 'node:assert/strict';
import { HeldRecords } from '../../../src/push/book/held.ts';

describe('HeldRecords', () => {
  it('hands over any number of removals', () => {
    const records = new HeldRecords({ notes: true });
    const all = Array.from({ length: 250_000 }, (_, i) => records.create(0, () => ['o', `${i}`]));
    records.takeChanges();
    records.committed();

    for (const held of all) records.remove(held);
    const { removed } = records.takeChanges();

    assert.equal(removed.length, 250_000);
  });
});
