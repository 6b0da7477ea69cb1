/**
 * Debian's nats-server, started for a test on a free port of 127.0.0.1, with a folder of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { requireProgram, type Skippable } from './require-program.ts';

export interface NatsServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Stops it; from here on it refuses connections. */
  goDown(): Promise<void>;
  /** Starts it again on the same port, with another configuration if one is given. */
  comeBack(configuration?: string): Promise<void>;
}

/**
 * Starts a server.
 *
 * @param context - `this` of the test that needs it: skipped when the program is missing
 * @param configuration - lines of its configuration file beside `listen`
 */
export async function startNatsServer(context: Skippable, configuration = ''): Promise<NatsServer> {
  const program = requireProgram(context, 'nats-server');
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-nats-'));
  parts.defer(() => rm(folder, { recursive: true }));
  let server: ChildProcess | undefined;
  const goDown = async (): Promise<void> => {
    const running = server;
    server = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL'); // it keeps nothing
    await exited;
  };
  const start = async (port: number, lines: string): Promise<number> => {
    const file = path.join(folder, 'nats.conf');
    await writeFile(file, `listen: "127.0.0.1:${port}"\n${lines}\n`);
    server = spawn(program, ['--config', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    return listeningPort(server);
  };
  parts.defer(goDown);
  const port = await start(-1, configuration);
  const owned = parts.move();
  return {
    address: `127.0.0.1:${port}`,
    goDown,
    async comeBack(changed = configuration) {
      await goDown();
      await start(port, changed);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The port that it logs once it listens; its last lines are the message of a failed start. */
function listeningPort(server: ChildProcess): Promise<number> {
  const log = createInterface({ input: server.stderr! }); // 'pipe' above
  const lines: string[] = [];
  let port: number | undefined;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    log.on('line', (line) => {
      port ??= Number(/client connections on \S+:(\d+)/.exec(line)?.[1] ?? Number.NaN) || undefined;
      if (port !== undefined && line.includes('Server is ready')) resolve(port);
      if (lines.push(line) > 50) lines.shift();
    });
    log.once('close', () => reject(new Error(`nats-server did not start:\n${lines.join('\n')}`)));
  });
}
