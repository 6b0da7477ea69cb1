import assert from 'node:assert/strict';
import type { AppPage } from '../../src/serve/app-page.ts';
import { SharedPage } from '../../src/serve/shared-page.ts';

/** A page without samples, and the bytes that it takes of a budget with so much room. */
function open(room: number) {
  const budget = { taken: 0, freed: 0 };
  const empty = new Int32Array();
  const page: AppPage = {
    ...{ format: 'text', outcomes: [], hold: () => 0, handOver: () => undefined },
    plan: {
      ...{ sources: [], spans: [], runs: empty, families: empty, conflicts: 0 },
      ...{ heads: Buffer.alloc(0), foot: Buffer.from('a 1\n') },
    },
    shrink: (bytes) => {
      budget.taken = Math.min(budget.taken, bytes);
    },
    takeBack: (bytes) => {
      if (bytes > room) return false;
      budget.taken += bytes;
      return true;
    },
    [Symbol.dispose]: () => {
      budget.taken = 0;
      budget.freed++;
    },
  };
  return { shared: new SharedPage(page), budget };
}

describe('SharedPage', () => {
  it('takes room again when the cache drops it, until its readers have ended', async () => {
    const { shared, budget } = open(1e6);
    await shared.keep(); // held once: by the cache
    shared.retain();
    const reader = shared.reader();
    assert.equal(budget.taken, 0);

    shared.release();
    assert.ok(budget.taken >= shared.sizeBytes);
    reader.shrink(0);
    assert.equal(budget.taken, reader.keptZipped?.length);
    assert.equal(budget.freed, 0);
    reader[Symbol.dispose]();

    assert.deepEqual(budget, { taken: 0, freed: 1 });
  });

  it('takes no room for readers that come while the cache keeps it', async () => {
    const { shared, budget } = open(1e6);
    await shared.keep();
    for (let count = 0; count < 3; count++) {
      shared.retain();
      shared.reader()[Symbol.dispose]();
    }
    assert.equal(budget.taken, 0);

    shared.release();

    assert.deepEqual(budget, { taken: 0, freed: 1 });
  });

  it('has its readers cut off when there is no room', async () => {
    const { shared, budget } = open(0);
    await shared.keep();
    shared.retain();
    shared.retain();
    const [reader, other] = [shared.reader(), shared.reader()];
    other.onRevoked(() => assert.fail('the reader has ended'));
    const isCut = new Promise<void>((resolve) => reader.onRevoked(resolve));

    shared.release();
    other[Symbol.dispose]();
    await isCut;
    reader[Symbol.dispose]();

    assert.deepEqual(budget, { taken: 0, freed: 1 });
  });
});
