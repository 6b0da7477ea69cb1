/**
 * Debian's redis-server, started for a test on a free port of 127.0.0.1. It keeps nothing on disk.
 */
import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import { requireProgram, type Skippable } from './require-program.ts';
import {
  endServer,
  freePort,
  freeze,
  removeFolder,
  serverFile,
  serverFolder,
  startServer,
} from './server-process.ts';

export interface RedisServer extends AsyncDisposable {
  /** `redis://…`, or `rediss://…` with TLS, without user and password. */
  readonly url: string;
  readonly port: number;
  /** Ends it like a crash; from here on it refuses connections. */
  goDown(): Promise<void>;
  /** Starts it again on the same port. */
  comeBack(): Promise<void>;
  /** Stops it in its tracks: it accepts connections, and answers nothing. */
  hang(): Promise<void>;
  /** Lets it go on. */
  goOn(): void;
}

export interface RedisServerOptions {
  readonly password?: string;
  /** PEM texts of its certificate: it speaks TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** More words for its command line. */
  readonly args?: readonly string[];
}

/** @param context - `this` of the test that needs it: skipped when the program is missing */
export async function startRedisServer(
  context: Skippable,
  { password, tls, args: more = [] }: RedisServerOptions = {},
): Promise<RedisServer> {
  const program = requireProgram(context, 'redis-server');
  await using parts = new AsyncDisposableStack();
  const folder = await serverFolder({});
  parts.defer(() => removeFolder(folder));
  const port = await freePort();
  const write = (name: string, text: string) => serverFile({}, path.join(folder, name), text);
  const listen = tls
    ? [
        ...['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', 'no'],
        ...['--tls-cert-file', await write('server.crt', tls.cert)],
        ...['--tls-key-file', await write('server.key', tls.key)],
      ]
    : ['--port', `${port}`];
  const args = [
    ...[...listen, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...(password === undefined ? [] : ['--requirepass', password]),
    ...more,
  ];
  const start = (): Promise<ChildProcess> =>
    startServer({ program, args, ready: /Ready to accept connections/, logsTo: 'stdout' });
  let server = await start();
  parts.defer(() => endServer(server, 'SIGKILL'));
  const owned = parts.move();
  return {
    url: `redis${tls ? 's' : ''}://127.0.0.1:${port}`,
    port,
    goDown: () => endServer(server, 'SIGKILL'),
    async comeBack() {
      server = await start();
    },
    hang: () => freeze([server.pid!]), // it runs
    goOn: () => void server.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
