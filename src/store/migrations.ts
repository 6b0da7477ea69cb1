/**
 * Brings the tables of a store to the form that this version needs.
 *
 * Migrations only go forward, in numbered steps, and each step runs once. A step only adds, since
 * other replicas may still run the version before. Two replicas may migrate at once: one of them
 * finds the tables of the other, or begins the step again.
 */
import type { Kysely } from 'kysely';
import { type Adopt, copyEndpoints, ENDPOINT_COLUMNS } from './app-endpoints.ts';
import { attempt } from './attempts.ts';
import { change } from './change.ts';
import type { DatabaseFailure, Engine } from './engine.ts';
import { markChange, readCounter } from './marks.ts';
import { changesDefinition, tableDefinitions } from './table-definitions.ts';
import type { Tables } from './tables.ts';

export interface Migration {
  readonly db: Kysely<Tables>;
  readonly engine: Engine;
  /** If undefined, this migration leaves Promfetcher's table for a later start to copy. */
  readonly adopt: Adopt | undefined;
}

interface Step {
  /** The number that records the step as done. */
  readonly number: number;
  readonly run: (number: number, migration: Migration) => Promise<void>;
}

/** In the order of execution: step 2 copies rows and so needs the tables of step 3. */
const STEPS: readonly Step[] = [
  { number: 1, run: makeTables },
  { number: 3, run: makeChanges },
  { number: 2, run: adoptEndpoints },
];

/** @throws {StoreAwayError} also when the migration of another replica takes long */
export async function migrate(migration: Migration): Promise<void> {
  await runSteps(migration, await allStepsDone(migration));
}

/**
 * Runs the steps that a backup of an earlier version lacks, after it was restored under a running
 * store. If not even step 1 is recorded, the restore is under way, and this function makes no
 * tables that could conflict with it.
 *
 * @throws {StoreAwayError}
 */
export async function catchUp(migration: Migration): Promise<void> {
  const done = await allStepsDone(migration);
  if (done.includes(1)) await runSteps(migration, done);
}

function allStepsDone({ db, engine }: Migration): Promise<number[]> {
  return attempt(engine, async (): Promise<number[]> => {
    const columns = await engine.columnsOf(db, 'promgate_migrations');
    return columns.length === 0 ? [] : stepsDone(db);
  });
}

async function runSteps(migration: Migration, done: readonly number[]): Promise<void> {
  const { engine } = migration;
  const atOnce = {
    place: engine.place,
    failureOf(error: unknown): DatabaseFailure | undefined {
      const failure = engine.failureOf(error);
      return failure === 'duplicate' ? 'conflict' : failure; // another replica was first
    },
  };
  for (const { number, run } of STEPS) {
    if (!done.includes(number)) await attempt(atOnce, () => run(number, migration));
  }
}

async function stepsDone(db: Kysely<Tables>): Promise<number[]> {
  const rows = await db.selectFrom('promgate_migrations').select('number').execute();
  return rows.map((row) => row.number);
}

async function makeTables(number: number, { db, engine }: Migration): Promise<void> {
  await engine.makeTables(db, async (connection) => {
    for (const table of tableDefinitions(connection, engine.schema)) await table.execute();
    if ((await stepsDone(connection)).includes(number)) return;
    const revision = await connection
      .selectFrom('promgate_revision')
      .select('id')
      .executeTakeFirst();
    if (!revision) {
      const first = { id: 1, number: 0, pruned: 0 };
      await connection.insertInto('promgate_revision').values(first).execute();
    }
    await connection.insertInto('promgate_migrations').values({ number }).execute();
  });
}

/** Earlier changes have no marks. The step marks the last one, so that readers recognize it. */
async function makeChanges(number: number, { db, engine }: Migration): Promise<void> {
  await engine.makeTables(db, async (connection) => {
    await changesDefinition(connection, engine.schema).execute();
    if ((await stepsDone(connection)).includes(number)) return;
    const { revision, mark } = await readCounter(connection, 0);
    if (mark === '') await markChange(connection, revision);
    await connection.insertInto('promgate_migrations').values({ number }).execute();
  });
}

/** Copies and records in one change, so that no removed binding is ever copied again. */
async function adoptEndpoints(number: number, { db, engine, adopt }: Migration): Promise<void> {
  if (!adopt) return;
  const columns = await engine.columnsOf(db, 'app_endpoints');
  const isPromfetchers = ENDPOINT_COLUMNS.every((name) => columns.includes(name));
  await change(db, engine, async (made) => {
    if ((await stepsDone(made.transaction)).includes(number)) return undefined;
    if (isPromfetchers) await copyEndpoints(made, adopt);
    await made.transaction.insertInto('promgate_migrations').values({ number }).execute();
    return true;
  });
}
