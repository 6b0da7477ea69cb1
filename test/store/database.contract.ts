/**
 * What a store does in any database: makes its tables, takes over Promfetcher's, gets out of others'
 * way.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { StoreAwayError } from '../../broker/binding-store.ts';
import type { AppEndpoint } from '../../src/store/app-endpoints.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import type { DatabasePlace } from './database-place.ts';
import { Reader } from './reader.ts';

export function itSharesADatabase(place: () => Promise<DatabasePlace>): void {
  it('makes its tables once, however many replicas begin at once', async () => {
    await using database = await place();

    const stores = await Promise.all([1, 2, 3, 4].map(() => database.open({ adopt: adopted })));

    await stores[0]?.putInstance(instanceOf('i'));
    for (const store of stores) assert.ok(await store.instance('i'));
    assert.equal((await database.run('select * from promgate_revision')).length, 1);
  });

  it('finds what it kept when it is opened again', async () => {
    await using database = await place();
    const before = await database.open();
    await before.putInstance(instanceOf('i'));
    const put = await before.putBinding(bindingOf('i', 'b'));
    await before[Symbol.asyncDispose]();

    const after = await database.open();

    assert.deepEqual((await after.changesSince()).bindings, [put?.binding]);
  });

  it('ends what has begun before it closes, and begins nothing then', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    const puts = ['a', 'b', 'c'].map((id) => store.putInstance(instanceOf(id)));

    await store[Symbol.asyncDispose]();

    for (const put of await Promise.all(puts)) assert.equal(put.created, true);
    await assert.rejects(store.instance('i'), StoreAwayError);
  });

  it('keeps no more of bindings that have gone than its bound', async () => {
    await using database = await place();
    const store = await database.open({ maxTombstones: 3 });
    await store.putInstance(instanceOf('i'));
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const id of ids) await store.putBinding(bindingOf('i', id));
    for (const id of ids) await store.deleteBinding('i', id);

    assert.equal((await database.run('select * from promgate_tombstones')).length, 3);
  });

  it('goes on with tables that a later version has added to', async () => {
    await using database = await place();
    await database.open({ adopt: adopted });
    await database.run(
      'insert into promgate_migrations (number) values (99)',
      'alter table promgate_bindings add column more varchar(10)',
    );

    const store = await database.open({ adopt: adopted });

    await store.putInstance(instanceOf('i'));
    assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);
    assert.equal((await store.changesSince()).bindings.length, 1);
  });

  it('brings a database of the version before forward, however many replicas begin at once', async () => {
    await using database = await place();
    const old = await database.open({ adopt: adopted });
    await old.putInstance(instanceOf('i'));
    await old.putBinding(bindingOf('i', 'b'));
    await database.run(
      'drop table promgate_changes',
      'delete from promgate_migrations where number = 3',
    );

    const stores = await Promise.all([1, 2, 3].map(() => database.open({ adopt: adopted })));

    const reader = new Reader(stores[0]!); // three above
    await reader.read();
    const put = await stores[1]?.putBinding(bindingOf('i', 'c'));
    assert.equal(await reader.read(), false);
    assert.deepEqual(reader.bindings.at(-1), put?.binding);
  });

  it('understands changes that replicas of the version before make meanwhile', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    const reader = new Reader(store);
    await reader.read();

    await store.putBinding(bindingOf('i', 'b'));
    await database.run('delete from promgate_changes where revision > 0'); // they leave no marks
    await reader.read();
    assert.equal(reader.bindings.length, 1);
    assert.equal(await reader.read(), false);
    await store.putBinding(bindingOf('i', 'c'));
    assert.equal(await reader.read(), false);
    assert.equal(reader.bindings.length, 2);
  });

  describe('after a backup was restored', () => {
    it('tells readers of the time that was lost everything anew, whatever came since', async () => {
      await using database = await place();
      const [one, other] = [await database.open(), await database.open()];
      await one.putInstance(instanceOf('i'));
      for (const id of ['a', 'b']) await one.putBinding(bindingOf('i', id));
      await one.deleteBinding('i', 'a');
      const readers = [one, other, one, other].map((store) => new Reader(store));
      const [early, late, last, lagging] = readers as [Reader, Reader, Reader, Reader]; // four above
      await lagging.read();
      await using backup = await backUp(database);
      await one.putBinding(bindingOf('i', 'lost'));
      await early.read();
      await late.read();
      await other.deleteBinding('i', 'b');
      await last.read();

      await backup.restore();

      assert.equal(await early.read(), true);
      await other.putBinding(bindingOf('i', 'new'));
      assert.equal(await late.read(), true, 'its revision is there again, but another change');
      await one.putBinding(bindingOf('i', 'newer'));
      await one.putBinding(bindingOf('i', 'newest'));
      assert.equal(await last.read(), true, 'the counter is past what it has seen');
      assert.equal(await early.read(), false);
      assert.equal(await lagging.read(), false, 'all that it has seen was restored');
      await late.read();
      for (const { bindings } of readers) {
        assert.deepEqual(
          bindings.map(({ id }) => id),
          ['b', 'new', 'newer', 'newest'],
        );
      }
    });

    it('leaves no reader with what is not there, whatever was done and read in between', async () => {
      await using database = await place();
      const replicas = [await database.open(), await database.open()] as const;
      await replicas[0].putInstance(instanceOf('i'));
      await using backup = await backUp(database);
      const binding = fc.constantFrom('a', 'b', 'c');
      const kind = fc.constantFrom('put', 'put', 'delete', 'read', 'restore');
      const turns = fc.array(fc.record({ kind, binding, replica: fc.nat(1), reader: fc.nat(2) }), {
        maxLength: 25,
      });
      await fc.assert(
        fc.asyncProperty(turns, async (turns) => {
          await backup.restore();
          const readers = [0, 1, 1].map((replica) => new Reader(replicas[replica] ?? replicas[0]));
          for (const { kind, binding, replica, reader } of turns) {
            const store = replicas[replica] ?? replicas[0]; // 0 or 1
            if (kind === 'put') await store.putBinding(bindingOf('i', binding));
            if (kind === 'delete') await store.deleteBinding('i', binding);
            if (kind === 'read') await readers[reader]?.read();
            if (kind === 'restore') await backup.restore();
          }
          const { bindings } = await replicas[0].changesSince();
          for (const reader of readers) {
            await reader.read();
            assert.deepEqual(reader.bindings, bindings);
          }
        }),
        { numRuns: 15 },
      );
    });

    it('brings it forward where it is of the version before', async () => {
      await using database = await place();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      const put = await store.putBinding(bindingOf('i', 'b'));
      const reader = new Reader(store);
      await reader.read();
      await database.run(
        'drop table promgate_changes',
        'delete from promgate_migrations where number = 3',
      );

      await assert.rejects(reader.read(), StoreAwayError);
      await reader.read();

      assert.deepEqual(reader.bindings, [put?.binding]);
      assert.equal((await store.putBinding(bindingOf('i', 'c')))?.created, true);
    });

    it('makes no table while the first ones are being restored', async () => {
      await using database = await place();
      const store = await database.open();
      await database.run('drop table promgate_changes', 'delete from promgate_migrations');

      await assert.rejects(store.changesSince(), StoreAwayError);
      await assert.rejects(store.changesSince(), StoreAwayError);
    });

    it('says so', async () => {
      await using database = await place();
      const store = await database.open();
      await store.putInstance(instanceOf('i'));
      await using backup = await backUp(database);
      await store.putBinding(bindingOf('i', 'lost'));
      const seen = await store.changesSince();
      await backup.restore();
      await store.putBinding(bindingOf('i', 'new'));

      const changes = await store.changesSince(seen);

      assert.equal(changes.isRestored, true);
      assert.equal((await store.changesSince()).isRestored, false);
      await store.putBinding(bindingOf('i', 'newer'));
      assert.equal((await store.changesSince(changes)).isRestored, false);
    });
  });

  describe("beside Promfetcher's table", () => {
    const rows = Array.from({ length: 1234 }, (_, index) => ({
      guid: `guid-${String(index).padStart(4, '0')}`,
      appGuid: index % 7 === 0 ? '' : `app-${index}`,
      endpoint: index % 2 === 0 ? '/metrics' : `/it's/ä`,
    }));

    it('takes its rows over once, in order, and leaves them alone', async () => {
      await using database = await place();
      await makeTable(database, rows);
      const given: AppEndpoint[] = [];
      const adopt = (row: AppEndpoint) => {
        given.push(row);
        return adopted(row);
      };

      const store = await database.open({ adopt });

      assert.deepEqual(given, rows);
      const { bindings, revision } = await store.changesSince();
      assert.deepEqual(
        bindings.map(({ id, appId, parameters }) => [id, appId, parameters]),
        [...rows.map(({ guid, appGuid, endpoint }) => [guid, appGuid || undefined, endpoint])],
      );
      assert.equal(bindings.at(-1)?.revision, revision);
      const revisions = bindings.map((binding) => binding.revision);
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].toSorted((a, b) => a - b),
      );
      assert.ok(await store.instance('adopted 3'));
      assert.equal((await database.run('select * from app_endpoints')).length, rows.length);

      await store.deleteBinding('adopted 0', 'guid-0000');
      const again = await database.open({ adopt });
      assert.equal(given.length, rows.length);
      assert.equal(await again.binding('guid-0000'), undefined);
    });

    it('takes them over once when replicas begin at once, and later ones are told', async () => {
      await using database = await place();
      const old = await database.open();
      await old.putInstance(instanceOf('i'));
      await old.putBinding(bindingOf('i', 'before'));
      const seen = await old.changesSince();
      await makeTable(database, rows.slice(0, 20));

      const stores = await Promise.all([1, 2, 3].map(() => database.open({ adopt: adopted })));

      for (const store of [old, ...stores]) {
        const { bindings } = await store.changesSince(seen);
        assert.deepEqual(
          bindings.map(({ id }) => id),
          rows.slice(0, 20).map(({ guid }) => guid),
        );
      }
      const next = await old.putBinding(bindingOf('i', 'after'));
      assert.deepEqual(await stores[0]?.binding('after'), next?.binding);
    });

    it('leaves out what the broker does not want, and what is there already', async () => {
      await using database = await place();
      const old = await database.open();
      await old.putInstance(instanceOf('i'));
      await old.putBinding(bindingOf('i', 'guid-0001'));
      await makeTable(database, rows.slice(0, 3));

      const store = await database.open({
        adopt: (row) => (row.guid === 'guid-0002' ? undefined : adopted(row)),
      });

      const { bindings } = await store.changesSince();
      assert.deepEqual(
        bindings.map(({ id, instanceId }) => [id, instanceId]),
        [
          ['guid-0001', 'i'],
          ['guid-0000', 'adopted 0'],
        ],
      );
    });

    it('takes over none of them if one cannot be, and all of them the next time', async () => {
      await using database = await place();
      await makeTable(database, rows);
      let count = 0;
      const failing = (row: AppEndpoint) => {
        if (++count === 700) throw new Error('no key');
        return adopted(row);
      };

      await assert.rejects(database.open({ adopt: failing }), /no key/);

      const unadopted = await database.open();
      assert.equal((await unadopted.changesSince()).bindings.length, 0);
      const store = await database.open({ adopt: adopted });
      assert.equal((await store.changesSince()).bindings.length, rows.length);
    });

    it("takes a table of the same name for another program's when it has other columns", async () => {
      await using database = await place();
      await database.run(
        'create table app_endpoints (guid varchar(255) primary key, url varchar(255))',
        "insert into app_endpoints values ('a', 'b')",
      );

      const store = await database.open({ adopt: adopted });

      assert.equal((await store.changesSince()).bindings.length, 0);
    });
  });
}

/** Three instances at most: rows share theirs. */
function adopted({ guid, appGuid, endpoint }: AppEndpoint) {
  const instance = instanceOf(`adopted ${Number(guid.slice(-4)) % 4}`);
  const binding = bindingOf(instance.id, guid, {
    appId: appGuid || undefined,
    parameters: endpoint,
  });
  return { instance, binding };
}

/** In the order in which rows may be inserted. */
const TABLES = ['revision', 'changes', 'instances', 'bindings', 'tombstones'].map(
  (name) => `promgate_${name}`,
);

/** Copies the tables' rows, within the database; restoring puts them back in place. */
async function backUp(database: DatabasePlace) {
  await database.run(
    ...TABLES.map((name) => `create table saved_${name} as select * from ${name}`),
  );
  return {
    restore: () =>
      database.run(
        ...TABLES.toReversed().map((name) => `delete from ${name}`),
        ...TABLES.map((name) => `insert into ${name} select * from saved_${name}`),
      ),
    [Symbol.asyncDispose]: async () => {
      await database.run(...TABLES.map((name) => `drop table saved_${name}`));
    },
  };
}

/** As gorm makes it for Promfetcher. */
async function makeTable(database: DatabasePlace, rows: readonly AppEndpoint[]): Promise<void> {
  const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const values = rows.map(
    ({ guid, appGuid, endpoint }) =>
      `(${quoted(guid)}, ${appGuid === '' ? 'null' : quoted(appGuid)}, ${quoted(endpoint)})`,
  );
  await database.run(
    'create table app_endpoints (guid varchar(255), app_guid varchar(255), endpoint varchar(255), primary key (guid))',
    `insert into app_endpoints (guid, app_guid, endpoint) values ${values.join(', ')}`,
  );
}
