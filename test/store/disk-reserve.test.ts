import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { DiskReserve } from '../../src/store/disk-reserve.ts';

describe('DiskReserve', () => {
  it('holds space until it is released, and again', async () => {
    await using parts = new AsyncDisposableStack();
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-reserve-'));
    parts.defer(() => rm(folder, { recursive: true }));
    const file = path.join(folder, 'promgate.db');
    const reserve = new DiskReserve(file);

    reserve.hold();
    const { size } = await stat(`${file}-reserve`);
    reserve.release();
    await assert.rejects(stat(`${file}-reserve`));
    assert.equal(reserve.tryHold(), true);

    assert.equal(size, 256 * 1024);
    assert.equal((await stat(`${file}-reserve`)).size, size);
  });

  it('says why it holds none', () => {
    const reserve = new DiskReserve('/no/such/folder/promgate.db');

    assert.throws(
      () => reserve.hold(),
      (error) => error instanceof StoreAwayError && /is stored: .*no such file/.test(error.message),
    );
    assert.equal(reserve.tryHold(), false);
  });
});
