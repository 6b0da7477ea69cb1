/**
 * Opens the store of a database.
 */
import { Kysely } from 'kysely';
import { StoreAwayError } from '../../broker/binding-store.ts';
import type { DatabaseAddress } from '../config/database-url.ts';
import type { Engine } from './engine.ts';
import { migrate } from './migrations.ts';
import { SqlBindingStore, type SqlBindingStoreOptions } from './sql-binding-store.ts';
import type { Tables } from './tables.ts';
import { type DatabaseTls, serverTrust } from './tls.ts';

export interface DatabaseOptions
  extends Partial<Pick<SqlBindingStoreOptions, 'onRefused' | 'onTaken'>> {
  readonly address: DatabaseAddress;
  /** Given, even if empty, connections to a server are encrypted and the server is verified. */
  readonly tls?: DatabaseTls | undefined;
  /** Told of what fails in the background, such as the connection that hears of changes. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** How many bindings that have gone are remembered for readers that ask what has changed. */
  readonly maxTombstones?: number | undefined;
}

const MAX_TOMBSTONES = 10_000;

/**
 * Makes the tables, if need be.
 *
 * @throws {StoreAwayError} when the database cannot be reached; opening may be tried again
 */
export async function openBindingStore(options: DatabaseOptions): Promise<SqlBindingStore> {
  await using parts = new AsyncDisposableStack();
  const engine = parts.use(await openEngine(options));
  const db = new Kysely<Tables>({ dialect: engine.dialect });
  const migration = { db, engine, adopt: undefined };
  try {
    await migrate(migration);
  } catch (error) {
    if (!engine.space || !(error instanceof StoreAwayError)) throw error;
    await engine.space.release(db); // to be opened on a full disk takes space, too
    await migrate(migration);
  }
  parts.move();
  return new SqlBindingStore({
    db,
    engine,
    maxTombstones: options.maxTombstones ?? MAX_TOMBSTONES,
    onRefused: options.onRefused,
    onTaken: options.onTaken,
  });
}

/** Loads the driver of the engine that is named, and no other. */
async function openEngine({ address, tls, onError = () => {} }: DatabaseOptions): Promise<Engine> {
  if (address.engine === 'sqlite') {
    const { openSqlite } = await import('./sqlite.ts');
    return openSqlite(address);
  }
  const server = { trust: serverTrust(address.tlsMode, tls), onError };
  if (address.engine === 'postgres') {
    const { openPostgres } = await import('./postgres.ts');
    return openPostgres(address, server);
  }
  const { openMysql } = await import('./mysql.ts');
  return openMysql(address, server);
}
