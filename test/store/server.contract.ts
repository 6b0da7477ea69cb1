/**
 * What a store does when its database server is not there, and when it is back.
 */
import assert from 'node:assert/strict';
import { StoreAwayError } from '../../broker/binding-store.ts';
import type { SqlBindingStore } from '../../src/store/sql-binding-store.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { DATABASE_PASSWORD } from '../support/database-server.ts';
import { eventually } from '../support/eventually.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import type { DatabasePlace } from './database-place.ts';
import { Reader } from './reader.ts';

export interface ServerContract {
  readonly server: () => DatabaseServer;
  readonly place: () => Promise<DatabasePlace>;
  /** Gives rows while a connection waits for a lock. */
  readonly lockWaits: string;
  /** Statements with which a transaction is not the one that ends in a deadlock with a small one. */
  readonly beginStrong: readonly string[];
}

export function itOutlivesItsServer({
  server,
  place,
  lockWaits,
  beginStrong,
}: ServerContract): void {
  it('reports a server that went away, and goes on when it is back, with all it had answered', async () => {
    await using database = await place();
    const store = await database.open();
    const other = await database.open();
    await store.putInstance(instanceOf('i'));
    const reader = new Reader(other);
    const answered: string[] = [];
    const halfway = Promise.withResolvers<void>();
    const writing = (async () => {
      for (let count = 0; ; count++) {
        const put = await store.putBinding(bindingOf('i', `b${count}`));
        answered.push(put!.binding.id); // nobody deletes the instance
        if (count === 20) halfway.resolve();
      }
    })();
    const away = assert.rejects(writing, StoreAwayError);
    await halfway.promise;
    await reader.read();

    await server().goDown();

    await away;
    for (const call of everyCall(store)) await assert.rejects(call, StoreAwayError);
    await assert.rejects(database.open(), StoreAwayError);
    await server().comeBack();
    await eventually('the store to be back', () => store.binding('b0'));
    const count = (await store.changesSince()).bindings.length;
    assert.ok(count >= answered.length && count <= answered.length + 1);
    for (const id of answered) assert.ok(await store.binding(id), id);
    assert.equal((await store.putBinding(bindingOf('i', 'after')))?.created, true);
    await eventually('the other store to be back', async () => (await reader.read()) || true);
    assert.deepEqual(reader.bindings, (await store.changesSince()).bindings);
  });

  it('can be opened later, and says why not without the password', async () => {
    await using database = await place();
    const wrong = database.url.replace(encodeURIComponent(DATABASE_PASSWORD), 'wr%25ng');
    const { openStore } = await import('./open-store.ts');

    await server().goDown();
    await assert.rejects(database.open(), StoreAwayError);
    await server().comeBack();

    await database.open();
    await assert.rejects(openStore({ url: wrong }), (error) => {
      assert.ok(error instanceof StoreAwayError);
      assert.match(error.message, /127\.0\.0\.1:\d+\/test_\d+: .*(password|denied)/i);
      assert.doesNotMatch(JSON.stringify([error.message, error.stack, error.cause]), /wr%|p\/a:s/);
      return true;
    });
  });

  it('does not wait for a server that answers nothing, not even to close', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    await server().hang();
    try {
      await Promise.all([
        assert.rejects(store.instance('i'), StoreAwayError),
        assert.rejects(store.putBinding(bindingOf('i', 'b')), StoreAwayError),
        assert.rejects(store.changesSince(), StoreAwayError),
        assert.rejects(database.open(), StoreAwayError),
      ]);
      await store[Symbol.asyncDispose]();
    } finally {
      server().goOn();
    }

    const again = await database.open();
    assert.equal((await again.putBinding(bindingOf('i', 'c')))?.created, true);
  });

  it('reports tables that are not there as away: a backup is being restored', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    const rename = (from: string, to: string) =>
      database.run(`alter table promgate_${from} rename to promgate_${to}`);
    for (const name of ['bindings', 'instances', 'keys']) await rename(name, `${name}_away`);
    await rename('revision', 'revision_away');

    for (const call of everyCall(store)) await assert.rejects(call, StoreAwayError);
    for (const name of ['bindings', 'instances', 'keys']) await rename(`${name}_away`, name);
    await rename('revision_away', 'revision');

    assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);
  });

  it('tries again when the database ends its transaction because of a deadlock', async () => {
    await using database = await place();
    const store = await database.open();
    for (const id of ['i', 'j']) await store.putInstance(instanceOf(id));
    await store.putBinding(bindingOf('i', 'b'));
    await using other = await server().connect(database.url);
    for (const statement of beginStrong) await other.run(statement);
    await other.run("update promgate_instances set parameters = 'by the other'");

    const deletion = store.deleteInstance('i'); // has the revision, waits for the instance
    await eventually('the deletion to wait', async () => {
      const waits = await database.run(lockWaits);
      return waits.length > 0 || undefined;
    });
    await other.run('update promgate_revision set number = number + 10'); // waits for the revision
    await other.run('commit');

    assert.equal(await deletion, true);
    assert.equal((await store.instance('j'))?.parameters, 'by the other');
    assert.deepEqual((await store.changesSince()).bindings, []);
  });

  it('reports a lock that is held for long as away', async () => {
    await using database = await place();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    await using other = await server().connect(database.url);
    await other.run('begin');
    await other.run('update promgate_revision set number = number + 10');

    await assert.rejects(store.putBinding(bindingOf('i', 'b')), StoreAwayError);

    await other.run('rollback');
    assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);
  });
}

export function* everyCall(store: SqlBindingStore): Generator<Promise<unknown>> {
  yield store.instance('i');
  yield store.putInstance(instanceOf('j'));
  yield store.updateInstance('i', '{}');
  yield store.deleteInstance('i');
  yield store.binding('b0');
  yield store.putBinding(bindingOf('i', 'new'));
  yield store.deleteBinding('i', 'b0');
  yield store.changesSince();
  yield store.ownKey({ id: 'k', key: 'k' });
}
