/**
 * The engine for MySQL, MariaDB and Galera: a pool of few connections, which replaces dead ones.
 */
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import { MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler, type QueryResult, sql } from 'kysely';
import mysql from 'mysql2';
import type { ServerAddress } from '../config/database-url.ts';
import type { DatabaseFailure, Engine } from './engine.ts';
import type { ServerOptions } from './postgres.ts';
import { PrimaryCheck } from './primary-check.ts';
import {
  ANSWER_TIMEOUT_MS,
  answer,
  LOCK_TIMEOUT_MS,
  type Session,
  SessionDriver,
} from './session.ts';
import { Sockets } from './sockets.ts';
import type { ServerTrust } from './tls.ts';

const PORT = 3306;
const MAX_CONNECTIONS = 4;
const IDLE_MS = 30_000;

export function openMysql(address: ServerAddress, { trust, onError }: ServerOptions): Engine {
  const sockets = new Sockets();
  const pool = mysql.createPool({
    stream: () => connected(sockets.create(), address),
    host: address.host,
    port: address.port ?? PORT,
    user: address.user,
    password: address.password,
    database: address.database,
    charset: 'utf8mb4_bin',
    ...(trust && {
      ssl: tlsOptions(address, trust),
    }),
    connectTimeout: ANSWER_TIMEOUT_MS,
    connectionLimit: MAX_CONNECTIONS,
    maxIdle: 1,
    idleTimeout: IDLE_MS,
  });
  const known = new WeakSet<mysql.PoolConnection>();
  const primary = new PrimaryCheck<mysql.PoolConnection>({
    tryWriting: async ({ begin, run }) => {
      await begin(false);
      await run('rollback', []);
    },
    isReadOnly: (error) => READ_ONLY.includes((error as Partial<mysql.QueryError>).errno),
  });
  const open = async (): Promise<Session> => {
    const connection = await connectionOf(pool);
    const session = mysqlSession(connection);
    if (!known.has(connection)) {
      connection.on('error', onError); // the pool drops an idle connection that fails
      try {
        if (trust?.namesHost && isIP(address.host)) checkAddress(connection, address.host);
        await answer(prepare(session));
      } catch (error) {
        session.release(true);
        throw error;
      }
      known.add(connection);
    }
    await primary.check(connection, session);
    return session;
  };
  return {
    place: `mysql ${address.host}:${address.port ?? PORT}/${address.database}`,
    dialect: {
      createDriver: () => new SessionDriver({ open }, (error) => failureOf(error) === 'away'),
      createAdapter: () => new MysqlAdapter(),
      createQueryCompiler: () => new MysqlQueryCompiler(),
      createIntrospector: (db) => new MysqlIntrospector(db),
    },
    schema: {
      text: sql`mediumtext`, // `text` ends at 64 KiB
      end: sql`engine = InnoDB row_format = dynamic character set utf8mb4 collate utf8mb4_bin`,
    },
    failureOf,
    columnsOf: async (db, table) => {
      const { rows } = await sql<{ name: string }>`
        select column_name as name from information_schema.columns
        where table_schema = database() and table_name = ${table}`.execute(db);
      return rows.map(({ name }) => name);
    },
    // Galera has no lock over all its nodes, and may refuse GET_LOCK, so `work` runs without one.
    makeTables: (db, work) => work(db),
    [Symbol.asyncDispose]: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      pool.end(() => resolve()); // an error only means that a connection has ended already
      sockets[Symbol.dispose]();
      await promise;
    },
  };
}

/**
 * Strict mode, so that MySQL never truncates values silently. NO_BACKSLASH_ESCAPES must be off,
 * since the driver escapes with backslashes.
 */
const SETTINGS = [
  `set session sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
    innodb_lock_wait_timeout = ${LOCK_TIMEOUT_MS / 1000}, lock_wait_timeout = ${LOCK_TIMEOUT_MS / 1000}`,
  'set session transaction isolation level repeatable read',
];

/**
 * A Galera node may answer before it has applied what another node committed. With this setting the
 * node first applies all that was committed before the query.
 *
 * @see https://mariadb.com/kb/en/galera-cluster-system-variables/#wsrep_sync_wait
 */
const SYNC_WAIT = 'set session wsrep_sync_wait = 1';
const UNKNOWN_VARIABLE = 1193;

async function prepare({ run }: Session): Promise<void> {
  for (const statement of SETTINGS) await run(statement, []);
  try {
    await run(SYNC_WAIT, []);
  } catch (error) {
    if ((error as Partial<mysql.QueryError>).errno !== UNKNOWN_VARIABLE) throw error; // on MySQL
  }
}

/** For an IP address the driver would check the name `localhost`: `checkAddress` checks instead. */
function tlsOptions({ host }: ServerAddress, trust: ServerTrust): mysql.SslOptions {
  const options = { ...trust.options, verifyIdentity: trust.namesHost && isIP(host) === 0 };
  return options as mysql.SslOptions; // Node's options, which the driver declares more narrowly
}

/** @throws {Error} when the server's certificate does not name its address */
function checkAddress(connection: mysql.PoolConnection, host: string): void {
  const { stream } = connection as unknown as { readonly stream: TLSSocket }; // undeclared
  const fault = checkServerIdentity(host, stream.getPeerCertificate());
  if (fault) throw fault;
}

function connected(socket: Socket, { host, port }: ServerAddress): Socket {
  return socket
    .connect(port ?? PORT, host)
    .setKeepAlive(true)
    .setNoDelay(true);
}

function connectionOf(pool: mysql.Pool): Promise<mysql.PoolConnection> {
  return new Promise((resolve, reject) => {
    pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
  });
}

function mysqlSession(connection: mysql.PoolConnection): Session {
  const run = (text: string, parameters: readonly unknown[]): Promise<QueryResult<unknown>> =>
    new Promise((resolve, reject) => {
      connection.query(text, [...parameters], (error, result) => {
        if (error) reject(withoutStatement(error));
        else if (Array.isArray(result)) resolve({ rows: result });
        else resolve({ rows: [], numAffectedRows: BigInt(result.affectedRows) });
      });
    });
  return {
    run,
    begin: (isReadOnly) =>
      run(
        isReadOnly
          ? 'start transaction with consistent snapshot, read only'
          : 'start transaction read write',
        [],
      ),
    release: (isBroken) => (isBroken ? connection.destroy() : connection.release()),
  };
}

/** Removes the statement with its values from a driver's error, since no log may show them. */
function withoutStatement(error: mysql.QueryError): Error {
  return Object.assign(error, { sql: undefined });
}

/** Sources: https://mariadb.com/kb/en/mariadb-error-code-reference/, MySQL's error reference. */
const FAILURES: Readonly<Record<number, DatabaseFailure>> = {
  1020: 'conflict', // record has changed since it was read
  1021: 'away', // disk full
  1040: 'away', // too many connections
  1047: 'away', // a Galera node that is joining, or has lost the others
  1053: 'away', // shutdown
  1062: 'duplicate',
  1146: 'away', // no such table: a backup is being restored
  1205: 'conflict', // lock wait timeout
  1213: 'conflict', // deadlock; on Galera another node committed first
  1290: 'away', // read-only
  1317: 'away', // interrupted
  1792: 'away', // read-only transaction
  1836: 'away', // read-only
  1927: 'away', // connection was killed
  1969: 'away', // statement timeout of MariaDB
  3024: 'away', // statement timeout of MySQL
  3101: 'conflict', // group replication: another member committed first
};

/** Codes with which a read-only server refuses a transaction that may write. */
const READ_ONLY: readonly unknown[] = [1290, 1792, 1836];

function failureOf(error: unknown): DatabaseFailure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { errno, fatal } = error as Partial<mysql.QueryError>;
  const known = FAILURES[errno ?? 0];
  if (known !== undefined) return known;
  return fatal === true ? 'away' : undefined; // the connection has ended
}
