/**
 * A database server's process for tests: started on a free port of 127.0.0.1, with a folder of its
 * own, by a user who is not root, which the servers refuse to be.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

/** Who runs a server: nothing for ourselves. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** @param name - whom Debian's package has made for the server; taken if we are root */
export async function serverUser(name: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
  );
  return { uid: uid!, gid: gid! }; // two flags above
}

/** An empty folder that the server may write to. */
export async function serverFolder({ uid, gid }: ServerUser): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-database-'));
  if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
  return folder;
}

/** Writes a file that only the server may read. @returns its path */
export async function serverFile(
  { uid, gid }: ServerUser,
  file: string,
  text: string,
): Promise<string> {
  await writeFile(file, text, { mode: 0o600 });
  if (uid !== undefined && gid !== undefined) await chown(file, uid, gid);
  return file;
}

/** Runs a program to its end. @throws {Error} with what it printed, when it fails */
export async function runAs(user: ServerUser, program: string, args: readonly string[]) {
  await run(program, args, { ...user, cwd: '/' });
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  server.close();
  await once(server, 'close');
  return port;
}

export interface ServerCommand extends ServerUser {
  readonly program: string;
  readonly args: readonly string[];
  /** The line of its log that says that it can be asked. */
  readonly ready: RegExp;
  /** Default: standard error. */
  readonly logsTo?: 'stdout' | 'stderr';
}

/** @throws {Error} with the last lines of its log, when it ends before it is ready */
export async function startServer(command: ServerCommand): Promise<ChildProcess> {
  const { program, args, ready, logsTo = 'stderr', ...user } = command;
  const outputs =
    logsTo === 'stdout' ? (['pipe', 'ignore'] as const) : (['ignore', 'pipe'] as const);
  const server = spawn(program, args, { ...user, cwd: '/', stdio: ['ignore', ...outputs] });
  const log = createInterface({ input: server[logsTo]! }); // 'pipe' above
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    log.on('line', (line) => {
      if (ready.test(line)) resolve();
      if (lines.push(line) > 50) lines.shift();
    });
    log.once('close', () => reject(new Error(`${program} did not start:\n${lines.join('\n')}`)));
  });
  return server;
}

/** Ends it by `signal`; resolves when it has gone. */
export async function endServer(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill(signal);
  await exited;
}

/** Stops processes in their tracks; resolves when no thread of theirs runs any more. */
export async function freeze(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await eventually('processes to stop', () => (pids.every(isFrozen) ? true : undefined));
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function isFrozen(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return status.slice(status.lastIndexOf(')') + 2).startsWith('T');
  });
}
