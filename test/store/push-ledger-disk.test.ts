/** The ledger on the disk's journal. */
import assert from 'node:assert/strict';
import { copyFile, rename } from 'node:fs/promises';
import type { Ledger } from '../../src/push/book/ledger.ts';
import { SLOW_MS } from '../support/limits.ts';
import { counter, linesOf, openLedger, pushOf, type TestFamily } from '../support/pushes.ts';
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

  it('knows infinite bounds again after a restart', async () => {
    await using place = await diskPlace();
    const families: TestFamily[] = [
      { name: 'h', type: 'histogram', metrics: [{ bounds: [-Infinity, 1], run: [3, 1, 1, 2] }] },
      {
        ...{ name: 's', type: 'summary' },
        metrics: [{ bounds: [-Infinity, 0.5, Infinity], run: [1, 1, 4, 5, 6] }],
      },
    ];
    let before: string[];
    {
      await using journal = await place.open();
      const ledger = await openLedger({ journal });
      await ledger.push(pushOf(families));
      before = linesOf(ledger);
    }

    await using journal = await place.open();
    const ledger = await openLedger({ journal });
    const after = linesOf(ledger);
    await ledger.push(pushOf(families.slice(0, 1)));

    assert.deepEqual(after, before);
    assert.deepEqual(
      linesOf(ledger).filter((line) => line.startsWith('h_bucket')),
      ['h_bucket{le="+Inf"} 6', 'h_bucket{le="-Infinity"} 2', 'h_bucket{le="1"} 4'],
    );
  });
});
