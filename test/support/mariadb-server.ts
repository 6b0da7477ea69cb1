/**
 * Debian's MariaDB, started for tests.
 */
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import mysql from 'mysql2/promise';
import {
  DATABASE_PASSWORD,
  DATABASE_USER,
  type DatabaseConnection,
  type DatabaseServer,
  type DatabaseServerOptions,
  databaseUrl,
  runAll,
} from './database-server.ts';
import { requireFile, requireProgram } from './require-program.ts';
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

/** Where Debian keeps what joins nodes. */
const GALERA = '/usr/lib/galera/libgalera_smm.so';

/** How long a node waits for one that is silent: less than half of Galera's default. */
const PATIENCE = [
  'evs.keepalive_period=PT0.5S',
  'evs.inactive_check_period=PT0.5S',
  'evs.suspect_timeout=PT2S',
  'evs.inactive_timeout=PT6S',
].join(';');

/** Where a node of a Galera cluster listens, and the node that it joins. */
interface GaleraNode {
  readonly groupPort: number;
  /** Undefined for the first one, which makes the cluster. */
  readonly joinedPort: number | undefined;
}

/** Two nodes of one Galera cluster. */
export interface GaleraCluster extends AsyncDisposable {
  readonly nodes: readonly [DatabaseServer, DatabaseServer];
  /** @returns the address of the same database at the other node */
  otherUrlOf(firstUrl: string): string;
}

/** @see https://galeracluster.com/library/documentation/galera-parameters.html */
export async function startGaleraCluster(context: Mocha.Context): Promise<GaleraCluster> {
  await using parts = new AsyncDisposableStack();
  const [firstPort, secondPort] = [await freePort(), await freePort()];
  const galera = { groupPort: firstPort, joinedPort: undefined };
  const first = parts.use(await startMariadbServer(context, { galera }));
  const second = parts.use(
    await startMariadbServer(context, {
      galera: { groupPort: secondPort, joinedPort: firstPort },
    }),
  );
  const owned = parts.move();
  return {
    nodes: [first, second],
    otherUrlOf: (url) => Object.assign(new URL(url), { port: `${second.port}` }).href,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function galeraArguments(
  context: Mocha.Context,
  { groupPort, joinedPort }: GaleraNode,
): Promise<string[]> {
  const transferPort = await freePort();
  return [
    ...['--wsrep-on=ON', `--wsrep-provider=${requireFile(context, GALERA)}`],
    ...['--binlog-format=ROW', '--innodb-autoinc-lock-mode=2', '--wsrep-sst-method=rsync'],
    `--wsrep-cluster-address=gcomm://${joinedPort === undefined ? '' : `127.0.0.1:${joinedPort}`}`,
    `--wsrep-node-address=127.0.0.1:${groupPort}`,
    `--wsrep-sst-receive-address=127.0.0.1:${transferPort}`,
    `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${groupPort};ist.recv_addr=127.0.0.1:${await freePort()};${PATIENCE}`,
  ];
}

export async function startMariadbServer(
  context: Mocha.Context,
  { tls, galera }: DatabaseServerOptions & { readonly galera?: GaleraNode } = {},
): Promise<DatabaseServer & { readonly port: number }> {
  const program = requireProgram(context, 'mariadbd');
  const install = requireProgram(context, 'mariadb-install-db');
  await using parts = new AsyncDisposableStack();
  const user = await serverUser('mysql');
  const folder = await serverFolder(user);
  parts.defer(() => removeFolder(folder));
  const data = path.join(folder, 'data');
  // A server that starts removes temporary tables from its folder for them: also another server's.
  const temporary = `--tmpdir=${folder}`;
  await runAs(user, install, [
    ...['--no-defaults', `--datadir=${data}`, temporary, '--skip-test-db', '--skip-log-bin'],
    '--auth-root-authentication-method=normal',
  ]);
  const users = path.join(folder, 'users.sql'); // one statement per line
  const name = `'${DATABASE_USER}'@'%'`;
  await serverFile(
    user,
    users,
    `create user if not exists ${name} identified by '${DATABASE_PASSWORD}';\ngrant all on *.* to ${name} with grant option;\n`,
  );
  const encryption = tls && [
    `--ssl-cert=${await serverFile(user, path.join(folder, 'server.crt'), tls.cert)}`,
    `--ssl-key=${await serverFile(user, path.join(folder, 'server.key'), tls.key)}`,
  ];
  const port = await freePort();
  const start = async (): Promise<ChildProcess> =>
    startServer({
      ...user,
      program,
      args: [
        ...['--no-defaults', `--datadir=${data}`, `--socket=${path.join(folder, 'socket')}`],
        temporary,
        ...[`--port=${port}`, '--bind-address=127.0.0.1', '--skip-name-resolve'],
        ...[`--init-file=${users}`, `--pid-file=${path.join(folder, 'pid')}`],
        ...['--character-set-server=latin1'], // as unfit for us as it can be set
        '--innodb-flush-log-at-trx-commit=2', // a crash of the server loses nothing by it
        ...(encryption ?? []),
        ...(galera ? await galeraArguments(context, galera) : []),
      ],
      ready: /ready for connections/,
    });
  let server = await start();
  parts.defer(() => endServer(server, 'SIGKILL'));
  const owned = parts.move();
  let databases = 0;
  return {
    port,
    async freshDatabase() {
      const database = `test_${++databases}`;
      await runAll(connect, databaseUrl('mysql', port, 'mysql'), [`create database ${database}`]);
      return databaseUrl('mysql', port, database);
    },
    connect,
    run: (url, statements) => runAll(connect, url, statements),
    goDown: () => endServer(server, 'SIGKILL'),
    async comeBack() {
      server = await start();
    },
    hang: () => freeze([server.pid!]),
    goOn: () => void server.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function connect(url: string): Promise<DatabaseConnection> {
  const client = await mysql.createConnection(url);
  return {
    async run(statement) {
      const [rows] = await client.query(statement);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []; // else it changed some
    },
    [Symbol.asyncDispose]: () => client.end(),
  };
}
