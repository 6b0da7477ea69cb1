import assert from 'node:assert/strict';
import { type Journal, JournalError } from '../../../src/push/record.ts';
import { counter, linesOf, openLedger, pushOf } from '../../support/pushes.ts';
import { SharedRecords } from '../../support/shared-records.ts';
import { itMakesOneLedgerOf } from './several-ledgers.contract.ts';

const NEVER = new AbortController().signal;

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

  it('take back at once what the store has no room for', async () => {
    const store = new SharedRecords();
    const journal = store.open();
    let isFull = false;
    const commit: Journal['commit'] = async (changes) => {
      if (isFull) throw new JournalError('full', 'the disk is full');
      return journal.commit(changes);
    };
    const reloaded = Promise.withResolvers<void>();
    const reload: Journal['reload'] = (tenant, unsure) =>
      journal.reload(tenant, unsure).finally(reloaded.resolve);
    const ledger = await openLedger({ journal: { ...journal, commit, reload } });
    await ledger.push(pushOf([counter('c', 1)]));
    isFull = true;
    await assert.rejects(ledger.push(pushOf([counter('c', 5)])), { code: 'not_stored' });

    await reloaded.promise;
    await new Promise(setImmediate);

    assert.deepEqual(linesOf(ledger), ['c 1']);
  });

  it('show nothing of pushes that a full store refuses, but for the first of these', async () => {
    const store = new SharedRecords();
    const journal = store.open();
    let isFull = false;
    const shown: string[] = [];
    const commit: Journal['commit'] = async (changes) => {
      shown.push(...linesOf(ledger));
      if (isFull) throw new JournalError('full', 'the disk is full');
      return journal.commit(changes);
    };
    const ledger = await openLedger({ journal: { ...journal, commit } });
    const push = () => ledger.push(pushOf([counter('c', 1)]));
    await push();
    isFull = true;
    for (let i = 0; i < 3; i++) await assert.rejects(push(), { code: 'not_stored' });
    isFull = false;
    await push();

    assert.deepEqual(
      shown.filter((line) => line !== 'c 1'),
      ['c 2', 'c 2'],
    );
    assert.deepEqual(linesOf(ledger), ['c 2']);
  });

  it('let a reader of one ledger see only what that ledger had taken over', async () => {
    const store = new SharedRecords();
    let nowMs = 1_000;
    const open = () => openLedger({ journal: store.open(), now: () => nowMs });
    const [one, two] = [await open(), await open()];
    await one.push(pushOf([counter('c', 1)], { ttlMs: 1_000 }));

    nowMs += 100;
    two.seen(); // its page does not have the counter
    nowMs += 2_000;
    await two.follow();
    await two.expire(NEVER);
    const unseen = linesOf(two);
    two.seen();
    await two.expire(NEVER);

    assert.deepEqual(unseen, ['c 1']);
    assert.deepEqual(linesOf(two), []);
  });

  it('keep pushes of a tenant while another one is still being read', async () => {
    const store = new SharedRecords();
    const journal = store.open();
    const read = Promise.withResolvers<void>();
    const reload: Journal['reload'] = async (tenant, unsure) => {
      await read.promise;
      return journal.reload(tenant, unsure);
    };
    const one = await openLedger({ journal: store.open() });
    const two = await openLedger({ journal: { ...journal, reload } });
    const push = pushOf([counter('c', 1)], { tenant: 'slow' });
    await one.push(push);

    const slow = two.push(push); // comes too late
    await two.push(pushOf([counter('c', 1)], { tenant: 'fast' }));
    await two.push(pushOf([counter('c', 1)], { tenant: 'fast' }));
    read.resolve();
    await slow;
    await two.idle();

    assert.deepEqual(linesOf(two, 'fast'), ['c 2']);
    assert.deepEqual(linesOf(two, 'slow'), ['c 2']);
  });

  it('leave out records that a later promgate has written, and count these', async () => {
    const store = new SharedRecords();
    let unreadable = 0;
    const onUnreadable = (_: string, records: number): void => {
      unreadable += records;
    };
    const ledger = await openLedger({ journal: store.open(), onUnreadable });
    await ledger.push(pushOf([counter('c', 1)]));
    const keys = [
      ...['["m",null,"c","kind=\\"a\\"",{},"",""]', '["f","d","curve","","","last"]', '["z"]'],
      ...['["m",null,"c"]', '"m"', '{', '["toString"]', '["i","k",5]'],
    ];
    const later = store.open();
    const [tenant] = await later.load();
    const created = keys.map((key, i) => ({ id: 100 + i, key, values: new Float64Array(5) }));
    await later.commit([{ ...tenant!, created, changed: [], removed: [], nextId: 200 }]);
    const other = await openLedger({ journal: store.open() });
    await other.push(pushOf([counter('c', 1)]));

    await ledger.follow();

    assert.equal(unreadable, keys.length);
    assert.deepEqual(linesOf(ledger), ['c 2']);
    assert.deepEqual(linesOf(other), ['c 2']);
  });

  it('follow the other tenants although one cannot be read', async () => {
    const store = new SharedRecords();
    const reader = store.open();
    const isBad = (tenant: string): boolean => tenant === 'bad';
    const reload: Journal['reload'] = async (tenant, unsure) => {
      if (isBad(tenant)) throw new JournalError('damaged', 'the tenant cannot be read');
      return reader.reload(tenant, unsure);
    };
    const one = await openLedger({ journal: store.open() });
    const two = await openLedger({ journal: { ...reader, reload } });
    for (const tenant of ['bad', 'good']) await one.push(pushOf([counter('c', 1)], { tenant }));

    await assert.rejects(two.follow(), { failure: 'damaged' });

    assert.deepEqual(linesOf(two, 'good'), ['c 1']);
  });

  it('say of a push that another ledger has taken before that it is a repeat', async () => {
    const store = new SharedRecords();
    const one = await openLedger({ journal: store.open() });
    const two = await openLedger({ journal: store.open() });
    const push = pushOf([counter('c', 1)], { id: { key: 'k', hash: 'h' } });
    await one.push(push);

    const { isReplay } = await two.push(push);

    assert.equal(isReplay, true);
    assert.deepEqual(linesOf(two), ['c 1']);
  });
});
