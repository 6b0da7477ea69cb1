/** The ledger on the disk's journal. */
import assert from 'node:assert/strict';
import { copyFile, rename } from 'node:fs/promises';
import type { Ledger } from '../../src/push/ledger.ts';
import { SLOW_MS } from '../support/limits.ts';
import { counter, linesOf, openLedger, pushOf } from '../support/pushes.ts';
import { diskPlace } from './journal-place.ts';

const push = (ledger: Ledger, tenant: string, name: string) =>
  ledger.push(pushOf([counter(name, 1)], { tenant }));

describe('the ledger on disk', function () {
  this.timeout(SLOW_MS);

  it('goes on with all tenants as they are in an earlier copy that replaces the file', async () => {
    await using place = await diskPlace();
    const copy = `${place.file}.copy`;
    {
      await using journal = await place.open();
      const before = await openLedger({ journal });
      for (const tenant of ['t', 'u']) await push(before, tenant, 'old');
    }
    await copyFile(place.file, copy);
    {
      await using journal = await place.open();
      const ledger = await openLedger({ journal });
      await push(ledger, 'u', 'new');

      await rename(copy, place.file);
      await assert.rejects(push(ledger, 't', 'old'), { code: 'not_stored' });
      await push(ledger, 'u', 'new');

      assert.deepEqual(linesOf(ledger, 'u'), ['new 1', 'old 1']);
    }
    await using journal = await place.open();
    assert.deepEqual(linesOf(await openLedger({ journal }), 'u'), ['new 1', 'old 1']);
  });
});
