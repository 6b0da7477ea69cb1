/**
 * Opens the store of bindings in the configured database.
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
  /** If given, even as an empty object, connections are encrypted and the server is verified. */
  readonly tls?: DatabaseTls | undefined;
  /** Called for failures in the background, such as a lost connection that listens for changes. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Bound on removed bindings that the store lists to readers of changes. Default 10,000. */
  readonly maxTombstones?: number | undefined;
}

const MAX_TOMBSTONES = 10_000;

/**
 * Opens the database, and makes missing tables.
 *
 * @throws {StoreAwayError} when the database cannot be reached; the caller may try again
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
    await engine.space.release(db); // opening on a full disk needs the reserved space
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

/** Loads the driver of the configured engine only. */
export async function openEngine({
  address,
  tls,
  onError = () => {},
}: DatabaseOptions): Promise<Engine> {
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
