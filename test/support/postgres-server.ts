/**
 * Debian's PostgreSQL, started for tests.
 */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import {
  DATABASE_PASSWORD,
  DATABASE_USER,
  type DatabaseConnection,
  type DatabaseServer,
  type DatabaseServerOptions,
  databaseUrl,
  runAll,
} from './database-server.ts';
import { requireProgram } from './require-program.ts';
import {
  endServer,
  freePort,
  freeze,
  removeFolder,
  runAs,
  serverFile,
  serverFolder,
  serverUser,
  startServer,
} from './server-process.ts';

/** A copy of another server that follows it. */
export interface PostgresStandby extends AsyncDisposable {
  /** @returns the address of the same database here */
  urlOf(primaryUrl: string): string;
  /** It becomes a primary of its own; resolves when it is one. */
  promote(): Promise<void>;
}

/** @param primaryUrl - of any database of the server to follow */
export async function startPostgresStandby(
  context: Mocha.Context,
  primaryUrl: string,
): Promise<PostgresStandby> {
  const program = requireProgram(context, 'postgres');
  await using parts = new AsyncDisposableStack();
  const user = await serverUser('postgres');
  const folder = await serverFolder(user);
  parts.defer(() => removeFolder(folder));
  const data = path.join(folder, 'data');
  await runAs(user, requireProgram(context, 'pg_basebackup'), [
    ...['--dbname', primaryUrl, '--pgdata', data],
    ...['--write-recovery-conf', '--checkpoint=fast', '--no-sync'],
  ]);
  const port = await freePort();
  const server = await startServer({
    ...user,
    program,
    args: serverArguments(data, settingsOf(port)),
    ready: /database system is ready to accept read-only connections/,
  });
  parts.defer(() => endServer(server, 'SIGQUIT'));
  const owned = parts.move();
  const urlOf = (url: string): string => Object.assign(new URL(url), { port: `${port}` }).href;
  return {
    urlOf,
    promote: async () => void (await runAll(connect, urlOf(primaryUrl), ['select pg_promote()'])),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function settingsOf(port: number): string[] {
  return [
    ...[`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='],
    ...['fsync=off', 'full_page_writes=off'], // a crash of the server loses nothing by it
    'lc_messages=C',
  ];
}

function serverArguments(data: string, settings: readonly string[]): string[] {
  return ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
}

export async function startPostgresServer(
  context: Mocha.Context,
  { tls }: DatabaseServerOptions = {},
): Promise<DatabaseServer> {
  const program = requireProgram(context, 'postgres');
  await using parts = new AsyncDisposableStack();
  const user = await serverUser('postgres');
  const folder = await serverFolder(user);
  parts.defer(() => removeFolder(folder));
  const data = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  await serverFile(user, passwordFile, DATABASE_PASSWORD);
  await runAs(user, path.join(path.dirname(program), 'initdb'), [
    ...['-D', data, '-U', DATABASE_USER, '--pwfile', passwordFile],
    ...['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync'],
  ]);
  const encryption = tls && [
    'ssl=on',
    `ssl_cert_file=${await serverFile(user, path.join(folder, 'server.crt'), tls.cert)}`,
    `ssl_key_file=${await serverFile(user, path.join(folder, 'server.key'), tls.key)}`,
  ];
  const port = await freePort();
  const settings = [...settingsOf(port), ...(encryption ?? [])];
  const start = (): Promise<ChildProcess> =>
    startServer({
      ...user,
      program,
      args: serverArguments(data, settings),
      ready: /database system is ready to accept connections/,
    });
  let server = await start();
  parts.defer(() => endServer(server, 'SIGQUIT'));
  const owned = parts.move();
  let databases = 0;
  return {
    async freshDatabase() {
      const name = `test_${++databases}`;
      await runAll(connect, databaseUrl('postgres', port, 'postgres'), [`create database ${name}`]);
      return databaseUrl('postgres', port, name);
    },
    connect,
    run: (url, statements) => runAll(connect, url, statements),
    goDown: () => endServer(server, 'SIGQUIT'),
    async comeBack() {
      server = await start();
    },
    hang: () => freeze(processes(server)),
    goOn() {
      for (const pid of processes(server)) process.kill(pid, 'SIGCONT');
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function connect(url: string): Promise<DatabaseConnection> {
  const client = new pg.Client(url);
  await client.connect();
  return {
    run: async (statement) => (await client.query(statement)).rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** It is one process per connection, and some more. */
function processes({ pid }: ChildProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return `${pid} ${children}`.trim().split(' ').map(Number);
}
