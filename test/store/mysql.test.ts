/** The contract in MariaDB, and what only MySQL and its kin do. */
import type { DatabaseServer } from '../support/database-server.ts';
import { startMariadbServer } from '../support/mariadb-server.ts';
import { itIsABindingStore } from './binding-store.contract.ts';
import { itSharesADatabase } from './database.contract.ts';
import { type DatabasePlace, databasePlace } from './database-place.ts';
import { itOutlivesItsServer } from './server.contract.ts';

describe('openBindingStore of MySQL', () => {
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
