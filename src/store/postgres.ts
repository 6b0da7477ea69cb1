/**
 * The engine for PostgreSQL: a pool of few connections, which replaces dead ones.
 *
 * Each transaction makes its own settings, so that a connection pooler in front of PostgreSQL may
 * give every transaction another connection.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  sql,
} from 'kysely';
import pg from 'pg';
import type { ServerAddress } from '../config/database-url.ts';
import type { DatabaseFailure, Engine } from './engine.ts';
import { PostgresListener } from './postgres-listener.ts';
import { PrimaryCheck } from './primary-check.ts';
import { ANSWER_TIMEOUT_MS, LOCK_TIMEOUT_MS, type Session, SessionDriver } from './session.ts';
import { Sockets } from './sockets.ts';
import type { ServerTrust } from './tls.ts';

const CHANNEL = 'promgate_changed';
/** The number of the advisory lock for migrations, which no other program should use. */
const MIGRATION_LOCK = 7_376_281_154;
const MAX_CONNECTIONS = 4;
const IDLE_MS = 30_000;

export interface ServerOptions {
  readonly trust: ServerTrust | undefined;
  /** Called for failures in the background, for which no caller waits. */
  readonly onError: (error: unknown) => void;
}

export function openPostgres(address: ServerAddress, options: ServerOptions): Engine {
  const { onError } = options;
  const sockets = new Sockets();
  const settings = { ...clientSettings(address, options), stream: () => sockets.create() };
  const pool = new pg.Pool({ ...settings, max: MAX_CONNECTIONS, idleTimeoutMillis: IDLE_MS });
  pool.on('error', onError); // the pool drops an idle connection that fails
  pool.on('connect', (client) => client.on('error', () => undefined)); // the statement fails, too
  const listener = new PostgresListener({
    connect: async () => {
      const client = new pg.Client(settings);
      await client.connect();
      return client;
    },
    channel: CHANNEL,
    onError,
  });
  const primary = new PrimaryCheck<pg.PoolClient>({
    tryWriting: ({ run }) => run('begin read write; rollback', []),
    isReadOnly: (error) => READ_ONLY.includes((error as Partial<pg.DatabaseError>).code),
  });
  const open = async (): Promise<Session> => {
    const client = await pool.connect();
    const session = postgresSession(client);
    await primary.check(client, session);
    return session;
  };
  return {
    place: `postgres ${address.host}:${address.port ?? 5432}/${address.database}`,
    dialect: {
      createDriver: () => new SessionDriver({ open }, (error) => failureOf(error) === 'away'),
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (db) => new PostgresIntrospector(db),
    },
    schema: { text: 'text', end: undefined },
    failureOf,
    columnsOf: async (db, table) => {
      const { rows } = await sql<{ name: string }>`
        select column_name as name from information_schema.columns
        where table_schema = current_schema() and table_name = ${table}`.execute(db);
      return rows.map(({ name }) => name);
    },
    makeTables: (db, work) =>
      db.transaction().execute(async (transaction) => {
        await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`.execute(transaction);
        await work(transaction);
      }),
    announce: async (transaction) => {
      await sql`select pg_notify(${CHANNEL}, '')`.execute(transaction);
    },
    listen: (told) => listener.add(told),
    [Symbol.asyncDispose]: async () => {
      const ended = Promise.all([listener[Symbol.asyncDispose](), pool.end()]);
      sockets[Symbol.dispose]();
      await ended;
    },
  };
}

function clientSettings(address: ServerAddress, { trust }: ServerOptions): pg.ClientConfig {
  return {
    host: address.host,
    ...(address.port !== undefined && { port: address.port }),
    user: address.user,
    password: address.password,
    database: address.database,
    ssl: trust ? { ...trust.options, checkServerIdentity: identityCheck(address, trust) } : false,
    connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'promgate',
  };
}

/**
 * Checks the host itself: for an IP address the driver passes no host and Node checks `localhost`.
 */
function identityCheck({ host }: ServerAddress, { namesHost }: ServerTrust) {
  return (_: string, certificate: PeerCertificate): Error | undefined =>
    namesHost ? checkServerIdentity(host, certificate) : undefined;
}

function postgresSession(client: pg.PoolClient): Session {
  return {
    run: async (text, parameters): Promise<QueryResult<unknown>> => {
      const { rows, rowCount } = await client.query(text, [...parameters]);
      return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
    },
    begin: (isReadOnly) =>
      client.query(
        `begin ${isReadOnly ? 'isolation level repeatable read read only' : 'isolation level read committed read write'};
        set local statement_timeout = ${ANSWER_TIMEOUT_MS}; set local lock_timeout = ${LOCK_TIMEOUT_MS}`,
      ),
    release: (isBroken) => client.release(isBroken),
  };
}

/**
 * By SQLSTATE or its class of two characters.
 *
 * @see https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
const FAILURES: Readonly<Record<string, DatabaseFailure>> = {
  '08': 'away', // connection exception
  '0A000': 'away', // not supported: a standby refuses a transaction that may write
  '23505': 'duplicate', // unique violation
  '25006': 'away', // read-only: a standby
  '40': 'conflict', // transaction rollback: deadlock, serialization
  '42P01': 'away', // no such table: a backup is being restored
  '53': 'away', // insufficient resources: connections, disk, memory
  '55P03': 'conflict', // lock not available in time
  '57': 'away', // operator intervention: shutdown, statement timeout
  '58': 'away', // system error
};

/** Codes with which a read-only server refuses a transaction that may write. */
const READ_ONLY: readonly unknown[] = ['0A000', '25006'];

/** Errors of the driver itself have no SQLSTATE, and mean a lost connection. */
function failureOf(error: unknown): DatabaseFailure | undefined {
  if (error instanceof pg.DatabaseError) {
    const code = error.code ?? '';
    return FAILURES[code] ?? FAILURES[code.slice(0, 2)];
  }
  return error instanceof Error && !(error instanceof TypeError) ? 'away' : undefined;
}
