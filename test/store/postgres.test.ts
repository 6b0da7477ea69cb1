/** The contract in PostgreSQL, and what only PostgreSQL does. */
import type { DatabaseServer } from '../support/database-server.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { itIsABindingStore } from './binding-store.contract.ts';
import { itSharesADatabase } from './database.contract.ts';
import { type DatabasePlace, databasePlace } from './database-place.ts';
import { itOutlivesItsServer } from './server.contract.ts';

describe('openBindingStore of PostgreSQL', () => {
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
    lockWaits:
      "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    beginStrong: ["set deadlock_timeout = '60s'", 'begin'],
  });
});
