/** What every store of batches does. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { BatchStore, StoredBatch } from '../../../src/push/send/remote-write-store.ts';

export function batchStoreContract(open: () => Promise<BatchStore>): void {
  const batch = (id: number, lane = 0, size = 10): StoredBatch => ({
    ...{ id, lane, lanes: 2, atMs: 1000 + id, samples: id, bytes: Buffer.alloc(size, id) },
  });

  it('gives the oldest batch of a lane', async () => {
    await using store = await open();
    await store.append([batch(1, 0), batch(2, 1), batch(3, 0)]);

    assert.deepEqual(await store.first(0), batch(1, 0));
    assert.deepEqual(await store.first(1), batch(2, 1));
    assert.equal(await store.first(2), undefined);
    await store.remove(1);
    assert.deepEqual(await store.first(0), batch(3, 0));
  });

  it('takes an older batch back in its place', async () => {
    await using store = await open();
    await store.append([batch(2), batch(3)]);
    await store.append([batch(1)]);

    assert.deepEqual(await store.first(0), batch(1));
    assert.equal(store.level.oldestMs, 1001);
  });

  it('drops the oldest batch but those in use', async () => {
    await using store = await open();
    await store.append([batch(1), batch(2), batch(3)]);

    assert.equal(await store.dropOldest([1]), 2);
    assert.equal(await store.dropOldest([]), 1);
    assert.equal(await store.dropOldest([3]), undefined);
    assert.equal(store.level.batches, 1);
  });

  it('forgets all', async () => {
    await using store = await open();
    await store.append([batch(1), batch(2)]);

    assert.equal(await store.clear(), 3);
    assert.deepEqual(store.level, { batches: 0, bytes: 0, oldestMs: 0 });
    assert.equal(await store.first(0), undefined);
  });

  it('knows what it has after any operations', async () => {
    const operation = fc.oneof(
      fc.record({ op: fc.constant('append' as const), lane: fc.nat(2), size: fc.nat(50) }),
      fc.record({ op: fc.constant('remove' as const), id: fc.nat(20) }),
      fc.record({ op: fc.constant('drop' as const), id: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
        await using store = await open();
        const model = new Map<number, StoredBatch>();
        let id = 0;
        for (const one of operations) {
          if (one.op === 'append') {
            id += 1;
            model.set(id, batch(id, one.lane, one.size));
            await store.append([batch(id, one.lane, one.size)]);
          } else if (one.op === 'remove') {
            model.delete(one.id);
            await store.remove(one.id);
          } else {
            const oldest = [...model.keys()].find((key) => key !== one.id);
            assert.equal(await store.dropOldest([one.id]), oldest);
            if (oldest !== undefined) model.delete(oldest);
          }
          const [first] = model.values();
          assert.equal(store.level.batches, model.size);
          assert.equal(store.level.oldestMs, first?.atMs ?? 0);
          const bytes = [...model.values()].reduce((sum, { bytes }) => sum + bytes.length + 200, 0);
          assert.equal(store.level.bytes, bytes);
        }
      }),
      { numRuns: 30 },
    );
  });
}
