import assert from 'node:assert/strict';
import { JournalError } from '../../src/push/record.ts';
import { counter, linesOf, openLedger, pushOf } from '../support/pushes.ts';
import { SharedRecords } from '../support/shared-records.ts';
import { itMakesOneLedgerOf } from './several-ledgers.contract.ts';

describe('several ledgers on one store', () => {
  itMakesOneLedgerOf(() => {
    const records = new SharedRecords();
    return { open: () => records.open(), [Symbol.asyncDispose]: async () => undefined };
  }, 200);

  it('refuse a push that cannot be kept, and go on with what the store has', async () => {
    const store = new SharedRecords();
    const ledger = await openLedger({ journal: store.open() });
    await ledger.push(pushOf([counter('c', 1)]));

    store.isBroken = true;
    const refused = await ledger.push(pushOf([counter('c', 5), counter('d', 5)])).catch((e) => e);
    const still = await ledger.push(pushOf([counter('c', 5)])).catch((e) => e);
    store.isBroken = false;
    await ledger.push(pushOf([counter('c', 2)]));

    assert.equal(refused.code, 'not_stored');
    assert.equal(still.code, 'not_stored');
    assert.deepEqual(linesOf(ledger), ['c 3']);
  });

  it('take back what could not be kept, although nobody pushes again', async () => {
    const store = new SharedRecords();
    const ledger = await openLedger({ journal: store.open() });
    await ledger.push(pushOf([counter('c', 1)]));
    store.isBroken = true;
    await assert.rejects(ledger.push(pushOf([counter('c', 5)])));
    await assert.rejects(ledger.follow());
    store.isBroken = false;

    await ledger.follow();

    assert.deepEqual(linesOf(ledger), ['c 1']);
  });

  it('refuse a push that may be kept or not before they read the tenant again', async () => {
    const reload = Promise.withResolvers<undefined>();
    const error = new JournalError('timeout', 'no answer');
    const committed: number[] = [];
    const ledger = await openLedger({
      journal: {
        ...new SharedRecords().open(),
        commit: async () => [{ tenant: '', error }],
        reload: () => reload.promise,
      },
      onCommit: ({ pushes }) => committed.push(pushes),
    });

    await assert.rejects(ledger.push(pushOf([counter('c', 1)])), { code: 'not_stored' });

    reload.resolve(undefined);
    await ledger.idle();
    assert.deepEqual([linesOf(ledger), committed], [[], []]);
  });
});
