/** The contract in PostgreSQL, and what only PostgreSQL does. */
import assert from 'node:assert/strict';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { openBindingStore } from '../../src/store/database.ts';
import type { SqlBindingStore } from '../../src/store/sql-binding-store.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { eventually } from '../support/eventually.ts';
import { startForwarder } from '../support/forwarder.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startPostgresServer, startPostgresStandby } from '../support/postgres-server.ts';
import { itIsABindingStore } from './binding-store.contract.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import { itSharesADatabase } from './database.contract.ts';
import { type DatabasePlace, databasePlace } from './database-place.ts';
import { everyCall, itOutlivesItsServer } from './server.contract.ts';

const LOCK_WAITS =
  "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

describe('openBindingStore of PostgreSQL', function () {
  this.timeout(SLOW_MS);

  let server: DatabaseServer;
  const fresh = async (): Promise<DatabasePlace> => {
    const url = await server.freshDatabase();
    return databasePlace({ url, run: (...statements) => server.run(url, statements) });
  };

  before(async function () {
    server = await startPostgresServer(this);
  });
  after(async () => server?.[Symbol.asyncDispose]());

  itIsABindingStore(fresh);
  itSharesADatabase(fresh);
  itOutlivesItsServer({
    server: () => server,
    place: fresh,
    lockWaits: LOCK_WAITS,
    beginStrong: ["set deadlock_timeout = '60s'", 'begin'],
  });

  it('reads changes of one moment, however long that takes', async () => {
    await using database = await fresh();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    await store.putBinding(bindingOf('i', 'b'));
    const seen = await store.changesSince();
    await store.deleteBinding('i', 'b');
    await using other = await server.connect(database.url);
    await other.run('begin');
    await other.run('lock table promgate_bindings in access exclusive mode');

    const reading = store.changesSince(seen); // has read the revision, waits for the bindings
    await eventually('the reader to wait', async () => {
      const waits = await database.run(LOCK_WAITS);
      return waits.length > 0 || undefined;
    });
    await other.run('delete from promgate_tombstones'); // as pruning does
    await other.run('commit');

    assert.deepEqual((await reading).removed, ['b']);
  });

  it('tries again where transactions cannot be brought into an order (40001)', async () => {
    await using database = await fresh();
    const store = await database.open();
    await store.putInstance(instanceOf('i'));
    await database.run(
      'create sequence attempts', // which no rollback takes back
      `create function fail_twice() returns trigger language plpgsql as $$ begin
         if nextval('attempts') <= 2 then raise exception 'x' using errcode = '40001'; end if;
         return new;
       end $$`,
      'create trigger t before insert on promgate_bindings for each row execute function fail_twice()',
    );

    assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);

    const [attempts] = await database.run('select last_value::int as count from attempts');
    assert.equal(attempts?.['count'], 3);
    assert.equal((await store.changesSince()).bindings.length, 1);
  });

  describe('onChange', () => {
    it('tells of changes by other replicas', async () => {
      await using database = await fresh();
      const [one, other] = [await database.open(), await database.open()];
      const heard = new Heard(one);
      await heard.next(); // it listens
      await other.putInstance(instanceOf('i'));

      const told = heard.next();
      const put = await other.putBinding(bindingOf('i', 'b'));
      await told;

      assert.deepEqual((await one.changesSince()).bindings, [put?.binding]);
    });

    it('listens again after its connection was lost, and tells of it', async () => {
      await using database = await fresh();
      const errors: unknown[] = [];
      const one = await database.open({ onError: (error) => errors.push(error) });
      const other = await database.open();
      await other.putInstance(instanceOf('i'));
      const heard = new Heard(one);
      await heard.next();

      const again = heard.next();
      await database.run(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'",
      );
      await again;

      const told = heard.next();
      await other.putBinding(bindingOf('i', 'b'));
      await told;
      assert.equal(errors.length, 1);
    });
  });

  describe('of a server that follows another one', () => {
    it('is away until that is the primary', async function () {
      await using database = await fresh();
      await (await database.open()).putInstance(instanceOf('i'));
      await using standby = await startPostgresStandby(this, database.url);
      const url = standby.urlOf(database.url);

      await assert.rejects(openBindingStore({ url }), (error) => {
        assert.ok(error instanceof StoreAwayError);
        assert.match(error.message, /read-only/);
        return true;
      });

      await standby.promote();
      await using store = await openBindingStore({ url });
      assert.equal((await store.putBinding(bindingOf('i', 'b')))?.created, true);
    });

    it('is away for every call after a failover, and is back when the standby is the primary', async function () {
      await using database = await fresh();
      await using forwarder = await startForwarder(database.url);
      await using store = await openBindingStore({ url: forwarder.urlOf(database.url) });
      await store.putInstance(instanceOf('i'));
      await store.putBinding(bindingOf('i', 'b0'));
      await using standby = await startPostgresStandby(this, database.url);

      forwarder.moveTo(standby.urlOf(database.url));

      for (const call of everyCall(store)) await assert.rejects(call, StoreAwayError);
      await standby.promote();
      await eventually('the store to be back', () => store.binding('b0'));
      assert.equal(await store.deleteBinding('i', 'b0'), true);
    });
  });

  it('reports idle connections that were ended, and opens others', async () => {
    await using database = await fresh();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const store = await database.open({ onError: resolve });
    await store.putInstance(instanceOf('i'));

    await database.run(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`,
    );

    assert.match(String(await promise), /terminating connection|terminated/);
    assert.ok(await store.instance('i'));
  });
});

/** What a store tells its listener. */
class Heard {
  #told = Promise.withResolvers<void>();

  constructor(store: SqlBindingStore) {
    store.onChange?.(() => {
      this.#told.resolve();
      this.#told = Promise.withResolvers();
    });
  }

  /** Resolves when it is told the next time. */
  next(): Promise<void> {
    return this.#told.promise;
  }
}
