/** A SQLite file for one test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type DatabasePlace, databasePlace } from './database-place.ts';

export interface SqlitePlace extends DatabasePlace {
  readonly file: string;
}

export async function sqlitePlace(): Promise<SqlitePlace> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-sqlite-'));
  const file = path.join(folder, 'promgate.db');
  const place = databasePlace({
    url: `sqlite:${file}`,
    remove: () => rm(folder, { recursive: true }),
    async run(...statements) {
      const database = new DatabaseSync(file);
      try {
        return statements.map((statement) => database.prepare(statement).all()).at(-1) ?? [];
      } finally {
        database.close();
      }
    },
  });
  return { ...place, file, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}
