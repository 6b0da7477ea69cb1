/**
 * The tries of the database of bindings, and of the key that encrypts them.
 */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { readKey } from '../../../broker/key.ts';
import { KeyRing } from '../../../broker/seal.ts';
import { SealCheck } from '../../../broker/seal-check.ts';
import type { Config } from '../../config/config.ts';
import type { DatabaseFacts } from '../../store/inspect.ts';
import { readDatabaseTls } from '../bindings.ts';
import { databaseAdvice } from '../database-advice.ts';
import type { Ground } from '../ground.ts';
import { type Try, TryError, type TryResult } from './try.ts';

type DatabaseConfig = Pick<Config, 'database' | 'broker'>;

/** @returns no tries without a broker: promgate then opens no database */
export function databaseTries(config: DatabaseConfig, ground: Pick<Ground, 'authorities'>): Try[] {
  if (!config.broker) return [];
  const { address } = config.database;
  const place =
    address.engine === 'sqlite'
      ? `sqlite ${address.file}`
      : `${address.engine} ${address.host}${address.port === undefined ? '' : `:${address.port}`}/${address.database}`;
  let looked: Promise<DatabaseFacts | undefined> | undefined;
  const look = (): Promise<DatabaseFacts | undefined> => {
    looked ??= inspect(config, ground);
    return looked;
  };
  return [
    { name: `database ${place}`, run: async () => tellDatabase(await look()) },
    { name: 'database encryption key', run: async () => tellKey(await look(), config) },
  ];
}

/** @returns undefined for a file that does not exist yet, which `serve` would make */
async function inspect(
  config: DatabaseConfig,
  ground: Pick<Ground, 'authorities'>,
): Promise<DatabaseFacts | undefined> {
  const { address } = config.database;
  try {
    if (address.engine === 'sqlite' && !(await fileExists(address.file))) return undefined;
    const { inspectDatabase } = await import('../../store/inspect.ts');
    return await inspectDatabase({ address, tls: await readDatabaseTls({ config, ground }) });
  } catch (error) {
    throw new TryError(messages(error), databaseAdvice(error), { cause: error });
  }
}

/** @throws the system's error when the file could not be made */
async function fileExists(file: string): Promise<boolean> {
  if (file === ':memory:') return false;
  const found = await stat(file).catch(() => undefined);
  if (!found) await access(path.dirname(path.resolve(file)), constants.W_OK | constants.X_OK);
  return found !== undefined;
}

/** The messages of an error and of its causes, which say more. */
function messages(error: unknown): string {
  const said: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) {
    if (!said.some((text) => text.includes((one as Error).message))) said.push(one.message);
  }
  return said.join(': ');
}

function tellDatabase(facts: DatabaseFacts | undefined): TryResult {
  if (!facts) return { state: 'ok', said: 'does not exist yet: promgate makes it at its start' };
  const { version, steps, changes } = facts;
  const made = steps.length === 0 ? 'no tables yet: promgate makes them at its start' : undefined;
  const done = `schema ${Math.max(0, ...steps)}, ${changes?.bindings.length ?? 0} bindings`;
  return { state: 'ok', said: `connected, version ${version}, ${made ?? done}` };
}

const SEALED =
  'add the key that encrypted them to database.old_encryption_keys, or set it as database.encryption_key';

function tellKey(facts: DatabaseFacts | undefined, { database }: DatabaseConfig): TryResult {
  const { encryptionKey, oldEncryptionKeys } = database;
  const stored = facts?.ownKey?.key;
  const given = [encryptionKey, stored, ...oldEncryptionKeys].filter((key) => key !== undefined);
  const bindings = facts?.changes?.bindings ?? [];
  const [current, ...older] = given;
  if (bindings.length === 0 || current === undefined) {
    const whose = encryptionKey === undefined ? 'the database keeps the key' : 'a key is set';
    return { state: 'ok', said: `${whose}; no binding needs it yet` };
  }
  const keys = new KeyRing(readKey(current), older.map(readKey));
  const seals = new SealCheck({ keys, onSealed: () => undefined });
  seals.apply({ whole: true, bindings, removed: [] });
  if (seals.count === 0) return { state: 'ok', said: `opens all ${bindings.length} bindings` };
  throw new TryError(`does not open ${seals.count} of ${bindings.length} bindings`, SEALED);
}
