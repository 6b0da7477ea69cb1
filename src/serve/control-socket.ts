/**
 * The control socket of a running proxy: how a separate command reaches it on the same machine.
 *
 * A Unix socket of mode 0600 in a folder of mode 0700 that belongs to the user: nobody else can open
 * it. Its name holds the port and the process id; sockets of dead processes answer nobody, and are
 * removed by the next proxy that starts.
 */
import { chmod, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SOCKET = /^proxy-(\d{1,5})-(\d+)\.sock$/;
const MAX_PATH_BYTES = 103; // the shortest limit among Unix systems, less the final zero
const ANSWER_MS = 5_000;
const MAX_ANSWER_BYTES = 4_096;
const OTHERS = 0o077;

/** @param runtimeFolder - the user's own, XDG_RUNTIME_DIR, if there is one */
export function controlFolder(runtimeFolder: string | undefined): string {
  if (runtimeFolder !== undefined && path.isAbsolute(runtimeFolder)) {
    return path.join(runtimeFolder, 'promgate');
  }
  return path.join(tmpdir(), `promgate-${ownUser()}`);
}

/** A container may run under a user id that no list of users has, so nothing but the kernel is asked. */
function ownUser(): number {
  return process.getuid?.() ?? -1; // a platform without user ids has no folder of one's own
}

export interface ControlOptions {
  readonly folder: string;
  /** Where the proxy listens for readers. */
  readonly port: number;
  /** Removes what is stored. @returns how many there were */
  readonly clear: (prefix: string) => number;
}

/** @throws {Error} if the folder is not the user's own, or the socket cannot be made */
export async function openControlSocket(options: ControlOptions): Promise<AsyncDisposable> {
  const { folder, port, clear } = options;
  const file = path.join(folder, `proxy-${port}-${process.pid}.sock`);
  if (Buffer.byteLength(file) > MAX_PATH_BYTES) {
    throw new Error(`the path of the control socket is too long: ${file}`);
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkOwner(folder);
  await removeDead(folder);
  await rm(file, { force: true }); // of a dead process with the same id
  const server = createServer({ requestTimeout: ANSWER_MS }, (request, response) => {
    const url = URL.parse(request.url ?? '', 'http://proxy');
    const isClear = request.method === 'POST' && url?.pathname === '/clear';
    const answer = isClear ? { cleared: clear(url.searchParams.get('prefix') ?? '') } : {};
    response.writeHead(isClear ? 200 : 404, { Connection: 'close' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  server.on('error', () => undefined); // a connection that cannot be accepted ends by itself
  await chmod(file, 0o600);
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve)); // which removes the file
    },
  };
}

/** A folder that others may write to could hold their sockets in place of ours. */
async function checkOwner(folder: string): Promise<void> {
  const stat = await lstat(folder); // a link is not followed
  const isOurs = stat.isDirectory() && stat.uid === ownUser();
  if (isOurs && (stat.mode & OTHERS) === 0) return;
  throw new Error(
    `${folder} must be a folder of this user alone (mode 0700): remove it, or mend it`,
  );
}

async function removeDead(folder: string): Promise<void> {
  for (const { file, pid } of await socketsIn(folder)) {
    if (!isAlive(pid)) await rm(file, { force: true });
  }
}

interface ControlSocket {
  readonly file: string;
  readonly port: number;
  readonly pid: number;
}

async function socketsIn(folder: string): Promise<readonly ControlSocket[]> {
  const names = await readdir(folder).catch(() => []); // without the folder nothing runs
  return names.flatMap((name) => {
    const [, port, pid] = SOCKET.exec(name) ?? [];
    if (port === undefined) return [];
    return [{ file: path.join(folder, name), port: Number(port), pid: Number(pid) }];
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** How a request to clear ended. */
export type Cleared =
  | { readonly kind: 'cleared'; readonly port: number; readonly count: number }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly ports: readonly number[] }
  | { readonly kind: 'silent'; readonly port: number };

export interface ClearRequest {
  readonly folder: string;
  /** undefined: of the only proxy that runs. */
  readonly port: number | undefined;
  readonly prefix: string;
}

/** Asks a running proxy of this user to remove what it has stored. */
export async function clearRunning({ folder, port, prefix }: ClearRequest): Promise<Cleared> {
  const all = await socketsIn(folder);
  const running = all.filter((one) => (port ?? one.port) === one.port && isAlive(one.pid));
  if (running.length > 0) await checkOwner(folder);
  if (running.length > 1) {
    return { kind: 'several', ports: running.map((one) => one.port).sort((a, b) => a - b) };
  }
  const [only] = running;
  if (!only) return { kind: 'none' };
  const answer = await ask(only.file, `/clear?prefix=${encodeURIComponent(prefix)}`);
  if (answer === 'refused') return { kind: 'none' }; // its process id is another program's now
  if (answer === 'silent') return { kind: 'silent', port: only.port };
  return { kind: 'cleared', port: only.port, count: answer };
}

function ask(socketPath: string, target: string): Promise<number | 'refused' | 'silent'> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const request = httpRequest({ socketPath, path: target, method: 'POST', signal }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.length > MAX_ANSWER_BYTES) request.destroy();
      });
      answer.on('end', () => resolve(countOf(text)));
      answer.on('error', () => resolve('silent'));
    });
    request.on('error', () => resolve(signal.aborted ? 'silent' : 'refused'));
    request.end();
  });
}

function countOf(text: string): number | 'silent' {
  try {
    const { cleared }: { cleared?: unknown } = JSON.parse(text);
    return typeof cleared === 'number' ? cleared : 'silent';
  } catch {
    return 'silent'; // whoever answered is no proxy of this version
  }
}
