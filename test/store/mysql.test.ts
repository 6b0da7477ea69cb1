/** The contract in MariaDB, and what only MySQL and its kin do. */
import assert from 'node:assert/strict';
import { StoreAwayError } from '../../broker/binding-store.ts';
import { openBindingStore } from '../../src/store/database.ts';
import type { DatabaseServer } from '../support/database-server.ts';
import { eventually } from '../support/eventually.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startMariadbServer } from '../support/mariadb-server.ts';
import { itIsABindingStore } from './binding-store.contract.ts';
import { bindingOf, instanceOf } from './bindings.ts';
import { itSharesADatabase } from './database.contract.ts';
import { type DatabasePlace, databasePlace } from './database-place.ts';
import { everyCall, itOutlivesItsServer } from './server.contract.ts';

describe('openBindingStore of MySQL', function () {
  this.timeout(SLOW_MS);

  let server: DatabaseServer;
  const fresh = async (): Promise<DatabasePlace> => {
    const url = await server.freshDatabase();
    return databasePlace({ url, run: (...statements) => server.run(url, statements) });
  };

  before(async function () {
    server = await startMariadbServer(this);
  });
  after(async () => server?.[Symbol.asyncDispose]());

  itIsABindingStore(fresh);
  itSharesADatabase(fresh);
  it('is away for every call while its server is read-only for its user', async () => {
    await using database = await fresh();
    const name = new URL(database.url).pathname.slice(1);
    await database.run(
      "create user plain identified by 'plain'",
      `grant all on ${name}.* to plain`, // not to write to a server that is read-only
    );
    const { host } = new URL(database.url);
    await using store = await openBindingStore({ url: `mysql://plain:plain@${host}/${name}` });
    await store.putInstance(instanceOf('i'));
    await store.putBinding(bindingOf('i', 'b0'));
    await database.run('set global read_only = 1');
    try {
      await eventually('the store to notice', async () => {
        await assert.rejects(store.binding('b0'), StoreAwayError);
        return true;
      });

      for (const call of everyCall(store)) await assert.rejects(call, /read-only/);
      await assert.rejects(store.changesSince(), StoreAwayError);
    } finally {
      await database.run('set global read_only = 0');
    }

    assert.equal(await store.deleteBinding('i', 'b0'), true);
  });

  itOutlivesItsServer({
    server: () => server,
    place: fresh,
    lockWaits: `select 1 from information_schema.global_status
      where variable_name = 'innodb_row_lock_current_waits' and variable_value > 0`,
    beginStrong: [
      'begin',
      // The one that has changed fewer rows ends.
      "insert into promgate_keys select concat('key ', seq), '', '' from seq_1_to_500",
    ],
  });
});
