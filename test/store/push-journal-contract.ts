/**
 * What every journal does, whatever it keeps the records in.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Label } from '../../src/push/labels.ts';
import type { Journal, StoredTenant } from '../../src/push/record.ts';
import { journalCommands, journalModel } from './push-journal-commands.ts';
import {
  AWKWARD_NUMBERS,
  AWKWARD_TEXTS,
  changesOf,
  contentOf,
  NAN_BITS,
  plainTenant,
  plainTenants,
  record,
  reloaded,
} from './stored-tenants.ts';

/** A journal's place, empty at first; disposal removes what is there. */
export interface JournalPlace extends AsyncDisposable {
  /** The journal of this place. The test closes it before it opens the place again. */
  open(): Promise<Journal>;
}

const FORCED: readonly Label[] = [
  ['org', 'o"\n'],
  ['space', 's\\'],
];

/** @param place - makes one for each test */
export function itIsAJournal(place: () => Promise<JournalPlace>): void {
  itKeepsChanges(place);
  itKeepsTenantsApart(place);
  itKeepsEveryByte(place);

  it('has what a map has after any commits, however often it is closed in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(journalCommands(), { maxCommands: 30 }), async (commands) => {
        await using where = await place();
        const real = { place: where, journal: await where.open() };
        try {
          await fc.asyncModelRun(() => ({ model: journalModel(), real }), commands);
        } finally {
          await real.journal[Symbol.asyncDispose]();
        }
      }),
      { numRuns: 25 },
    );
  });
}

function itKeepsChanges(place: () => Promise<JournalPlace>): void {
  it('is empty at first', async () => {
    await using where = await place();
    await using journal = await where.open();

    assert.deepEqual(await journal.load(), []);
    assert.equal(await journal.reload('', []), undefined);
    assert.deepEqual(await journal.changedElsewhere(), []);
  });

  it('has what was created and changed, and not what was removed, when it is opened again', async () => {
    await using where = await place();
    const journal = await where.open();
    const created = [record(1, 'one', 1), record(2, 'two', 2, 2.5), record(3, 'three')];
    await journal.commit([changesOf('t', { forced: FORCED, created, nextId: 4 })]);
    const changed = [record(1, '', 10), record(2, '', 20, -0.5)];
    await journal.commit([changesOf('t', { forced: FORCED, changed, nextId: 4 })]);
    await journal.commit([changesOf('t', { forced: FORCED, removed: [1], nextId: 4 })]);
    const before = await contentOf(journal);
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();
    const after = await contentOf(again);

    const records = [record(2, 'two', 20, -0.5), record(3, 'three')];
    const expected: StoredTenant = { tenant: 't', forced: FORCED, records, nextId: 4 };
    assert.deepEqual(after, plainTenants([expected]));
    assert.deepEqual(before, after);
  });

  it('says that no tenant is stale where nobody else writes', async () => {
    await using where = await place();
    await using journal = await where.open();
    const changes = changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 });

    assert.deepEqual(await journal.commit([changes]), []);
    assert.deepEqual(await journal.commit([changesOf('t', { removed: [1], nextId: 2 })]), []);
    assert.deepEqual(await journal.commit([]), []);
    assert.deepEqual(await journal.changedElsewhere(), []);
  });

  it('knows the next number when all records are gone', async () => {
    await using where = await place();
    const journal = await where.open();
    await journal.commit([changesOf('t', { created: [record(1, 'k', 1)], nextId: 2 })]);
    await journal.commit([changesOf('t', { removed: [1], nextId: 9_000_000_000 })]);
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();

    const expected = { tenant: 't', forced: [], records: [], nextId: 9_000_000_000 };
    assert.deepEqual(await contentOf(again), [expected]);
    const { nextId, records } = (await reloaded(again, 't', [1])) ?? {};
    assert.deepEqual([nextId, records], [9_000_000_000, []]);
  });

  it('creates, then changes, then removes in one commit', async () => {
    await using where = await place();
    await using journal = await where.open();
    const created = [record(1, 'stays', 1), record(2, 'goes', 2)];

    await journal.commit([
      changesOf('t', { created, changed: [record(1, '', 7)], removed: [2], nextId: 3 }),
    ]);

    assert.deepEqual((await contentOf(journal))[0]?.records, [
      [1, 'stays', '0000000000001c40'], // 7
    ]);
  });

  it('takes the numbers as they are at the call', async () => {
    await using where = await place();
    await using journal = await where.open();
    const [created, changed] = [record(1, 'k', 1), record(1, '', 2)];
    const creating = journal.commit([changesOf('t', { created: [created], nextId: 2 })]);
    created.values.fill(99);
    await creating;
    const before = await reloaded(journal, 't', [1]);
    const changing = journal.commit([changesOf('t', { changed: [changed], nextId: 2 })]);
    changed.values.fill(99);
    await changing;

    const after = await reloaded(journal, 't', [1]);

    assert.deepEqual([...(before?.records[0]?.values ?? [])], [1]);
    assert.deepEqual([...(after?.records[0]?.values ?? [])], [2]);
  });

  it('gives records that are the caller’s own', async () => {
    await using where = await place();
    await using journal = await where.open();
    const created = [record(1, 'a', 1), record(2, 'b', 2)];
    await journal.commit([changesOf('t', { created, nextId: 3 })]);

    const loaded = await journal.load();
    loaded[0]?.records[0]?.values.fill(99);

    const [first, second] = loaded[0]?.records ?? [];
    assert.deepEqual([first?.values[0], second?.values[0]], [99, 2]);
    assert.equal((await reloaded(journal, 't', [1, 2]))?.records[0]?.values[0], 1);
  });
}

function itKeepsTenantsApart(place: () => Promise<JournalPlace>): void {
  it('keeps tenants apart, each with its own numbers and labels', async () => {
    await using where = await place();
    const journal = await where.open();
    await journal.commit([
      changesOf('', { created: [record(1, 'k', 1)], nextId: 2 }),
      changesOf('app:1', { forced: FORCED, created: [record(1, 'k', 2)], nextId: 2 }),
    ]);
    await journal.commit([changesOf('app:1', { changed: [record(1, '', 3)], nextId: 5 })]);
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();
    const all = await contentOf(again);
    const found = await Promise.all(
      ['', 'app:1', 'app:2'].map((name) => reloaded(again, name, [1])),
    );

    const first: StoredTenant = { tenant: '', forced: [], records: [record(1, 'k', 1)], nextId: 2 };
    const second = { tenant: 'app:1', forced: [], records: [record(1, 'k', 3)], nextId: 5 };
    assert.deepEqual(all, plainTenants([first, second])); // forced labels are those of the last commit
    assert.deepEqual(
      found.map((tenant) => tenant && plainTenant(tenant)),
      [...plainTenants([first, second]), undefined],
    );
  });

  it('tells tenants and keys of any characters from each other', async () => {
    await using where = await place();
    const journal = await where.open();
    const forced: Label[] = AWKWARD_TEXTS.map((text, at) => [`l${at}`, text]);
    const created = AWKWARD_TEXTS.map((text, at) => record(at + 1, text, at));
    const nextId = created.length + 1;
    await journal.commit(AWKWARD_TEXTS.map((text) => changesOf(text, { forced, created, nextId })));
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();

    const tenants = AWKWARD_TEXTS.map((tenant) => ({ tenant, forced, records: created, nextId }));
    assert.deepEqual(await contentOf(again), plainTenants(tenants));
    const ids = created.map(({ id }) => id);
    for (const tenant of tenants) {
      const found = await reloaded(again, tenant.tenant, ids);
      assert.deepEqual(found && plainTenant(found), plainTenant(tenant));
    }
  });
}

function itKeepsEveryByte(place: () => Promise<JournalPlace>): void {
  it('gives numbers back bit by bit', async () => {
    await using where = await place();
    const journal = await where.open();
    const nan = new Float64Array(BigUint64Array.from(NAN_BITS).buffer);
    const numbers = Float64Array.from(AWKWARD_NUMBERS);
    const created = [
      { id: 1, key: 'awkward', values: numbers },
      { id: 2, key: 'nan', values: nan },
      { id: 3, key: 'part of an array', values: nan.subarray(1, 3) },
      { id: 4, key: 'changed', values: Float64Array.of(1) },
    ];
    await journal.commit([changesOf('t', { created, nextId: 5 })]);
    const changed = [{ id: 4, values: nan.subarray(0, 1) }];
    await journal.commit([changesOf('t', { changed, nextId: 5 })]);
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();

    const records = [...created.slice(0, 3), { ...created[3]!, values: nan.subarray(0, 1) }];
    const expected: StoredTenant = { tenant: 't', forced: [], records, nextId: 5 };
    assert.deepEqual(await contentOf(again), plainTenants([expected]));
  });

  it('keeps keys of 64 KiB and records of 1,000 numbers', async () => {
    await using where = await place();
    const journal = await where.open();
    const numbers = Array.from({ length: 1000 }, (_, at) => at / 7);
    const created = [
      record(1, 'k'.repeat(65_536), 1),
      record(2, 'é'.repeat(32_768), 2),
      record(3, '\u{1F600}'.repeat(16_384), ...numbers),
    ];
    await journal.commit([changesOf('t', { created, nextId: 4 })]);
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();

    const expected: StoredTenant = { tenant: 't', forced: [], records: created, nextId: 4 };
    assert.deepEqual(await contentOf(again), plainTenants([expected]));
  });

  it('keeps 100,000 records in one commit', async () => {
    await using where = await place();
    const journal = await where.open();
    const created = Array.from({ length: 100_000 }, (_, at) =>
      record(at + 1, `["m",null,"requests_total","path=\\"/${at}\\"",[],"",""]`, 1, 2, 3, at),
    );
    await journal.commit([changesOf('t', { created, nextId: 100_001 })]);
    const removed = created.slice(0, 99_000).map(({ id }) => id);
    const changed = created.slice(99_000).map(({ id }) => record(id, '', 1, 2, 3, -id));
    const before = await contentOf(journal);
    await journal.commit([changesOf('t', { changed, removed, nextId: 100_001 })]);
    await journal[Symbol.asyncDispose]();

    await using again = await where.open();

    const all: StoredTenant = { tenant: 't', forced: [], records: created, nextId: 100_001 };
    const records = created.slice(99_000).map(({ id, key }) => record(id, key, 1, 2, 3, -id));
    assert.deepEqual(before, plainTenants([all]));
    assert.deepEqual(await contentOf(again), plainTenants([{ ...all, records }]));
  });
}
