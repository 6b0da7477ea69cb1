/**
 * Looks at a database without changing it: its version, whether promgate's tables are there, and the
 * bindings in them.
 */
import { Kysely, sql } from 'kysely';
import type { Changes } from '../../broker/binding-store.ts';
import { attempt } from './attempts.ts';
import { readChanges } from './changes.ts';
import { type DatabaseOptions, openEngine } from './database.ts';
import type { Tables } from './tables.ts';

export interface DatabaseFacts {
  readonly version: string;
  /** The numbers of the steps that made the tables; empty without tables. */
  readonly steps: readonly number[];
  /** The key that promgate keeps in the database itself, if it does. */
  readonly ownKey: { readonly id: string; readonly key: string } | undefined;
  /** Undefined without tables. */
  readonly changes: Changes | undefined;
}

const VERSION_QUERIES = {
  sqlite: sql<{ version: string }>`select sqlite_version() as version`,
  postgres: sql<{ version: string }>`select current_setting('server_version') as version`,
  mysql: sql<{ version: string }>`select version() as version`,
} as const;

/** @throws {StoreAwayError} when the database cannot be reached */
export async function inspectDatabase(options: DatabaseOptions): Promise<DatabaseFacts> {
  await using engine = await openEngine(options);
  const db = new Kysely<Tables>({ dialect: engine.dialect });
  return await attempt(engine, async () => {
    const { rows } = await VERSION_QUERIES[options.address.engine].execute(db);
    const version = rows[0]?.version ?? 'unknown';
    const columns = await engine.columnsOf(db, 'promgate_migrations');
    if (columns.length === 0) return { version, steps: [], ownKey: undefined, changes: undefined };
    const made = await db.selectFrom('promgate_migrations').select('number').execute();
    const steps = made.map(({ number }) => number);
    const key = await db
      .selectFrom('promgate_keys')
      .select(['id', 'key_text'])
      .where('name', '=', 'own')
      .executeTakeFirst();
    const ownKey = key && { id: key.id, key: key.key_text };
    const changes = steps.includes(3) ? await readChanges(db, undefined) : undefined;
    return { version, steps, ownKey, changes };
  });
}
