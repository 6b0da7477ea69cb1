/** The store of a database by its URL. */
import { parseDatabaseUrl } from '../../src/config/database-url.ts';
import { type DatabaseOptions, openBindingStore } from '../../src/store/database.ts';
import type { SqlBindingStore } from '../../src/store/sql-binding-store.ts';

export interface StoreOptions extends Omit<DatabaseOptions, 'address'> {
  readonly url: string;
}

export async function openStore({ url, ...options }: StoreOptions): Promise<SqlBindingStore> {
  return openBindingStore({ address: parseDatabaseUrl(url), ...options });
}
