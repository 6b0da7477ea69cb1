/**
 * Brings the tables of a store to what this version needs.
 *
 * Forward only, in numbered steps, each done once. A step only adds: the version before may still
 * run, on other replicas. Two replicas may do it at once: one of them finds what the other has made,
 * or begins again.
 */
import type { Kysely } from 'kysely';
import { type Adopt, copyEndpoints, ENDPOINT_COLUMNS } from './app-endpoints.ts';
import { attempt } from './attempts.ts';
import { change } from './change.ts';
import type { Engine, Failure } from './engine.ts';
import { markChange, readCounter } from './marks.ts';
import { changesDefinition, tableDefinitions } from './table-definitions.ts';
import type { Tables } from './tables.ts';

export interface Migration {
  readonly db: Kysely<Tables>;
  readonly engine: Engine;
  /** Left out, Promfetcher's table is not looked at, now: a later start may. */
  readonly adopt: Adopt | undefined;
}

interface Step {
  /** Under which it is noted as done. */
  readonly number: number;
  readonly run: (number: number, migration: Migration) => Promise<void>;
}

/** In the order in which they are done: the tables are there before rows are taken over. */
const STEPS: readonly Step[] = [
  { number: 1, run: makeTables },
  { number: 3, run: makeChanges },
  { number: 2, run: adoptEndpoints },
];

/** @throws {StoreAwayError} also when another replica is at it for long */
export async function migrate(migration: Migration): Promise<void> {
  await runSteps(migration, await allStepsDone(migration));
}

/**
 * Does the steps that are left out in a backup of an earlier version, which was restored under a
 * running store. Where not even the first is noted the tables are being restored: nothing is made
 * that would stand in their way.
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
    failureOf(error: unknown): Failure | undefined {
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

/** Changes made before have no marks: the last one gets one, so that readers know it again. */
async function makeChanges(number: number, { db, engine }: Migration): Promise<void> {
  await engine.makeTables(db, async (connection) => {
    await changesDefinition(connection, engine.schema).execute();
    if ((await stepsDone(connection)).includes(number)) return;
    const { revision, mark } = await readCounter(connection, 0);
    if (mark === '') await markChange(connection, revision);
    await connection.insertInto('promgate_migrations').values({ number }).execute();
  });
}

/** Within one change: no binding that was adopted and removed since is ever adopted again. */
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
