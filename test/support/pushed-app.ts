/**
 * An app as Cloud Foundry runs it: what `.cfignore` leaves, installed as the Node buildpack does,
 * started by the manifest's command.
 *
 * @see https://github.com/cloudfoundry/nodejs-buildpack
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { MemoryGroup } from './memory-group.ts';
import type { Exit } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What the command line never sends, whatever `.cfignore` says. */
const NEVER_SENT = /^(?:\.cfignore|\.git|\.gitignore|manifest\.yml)$/;

const run = promisify(execFile);

/** An app that is installed. Disposal removes its files. */
export interface StagedApp extends AsyncDisposable {
  /** The files and folders at the top of what was pushed. */
  readonly pushed: readonly string[];
  /** The app's folder, `/home/vcap/app` on the platform. */
  readonly folder: string;
  /** The folder of Node. */
  readonly node: string;
}

/** @param node - the folder of the Node that the buildpack brings */
export async function stageApp(node: string): Promise<StagedApp> {
  await using parts = new AsyncDisposableStack();
  const home = await mkdtemp(path.join(tmpdir(), 'promgate-pushed-'));
  parts.defer(() => rm(home, { recursive: true, force: true }));
  const folder = path.join(home, 'app');
  const files = await filesToPush(path.join(home, 'git'));
  for (const file of files) {
    await cp(path.join(ROOT, file), path.join(folder, file));
  }
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-progress'], {
    cwd: folder,
    env: {
      ...environmentOf(node, home),
      HOME: process.env['HOME'] ?? home, // npm's cache and registry
      NODE_ENV: 'production',
      NPM_CONFIG_OMIT: 'dev',
      NPM_CONFIG_PRODUCTION: 'true',
    },
  });
  const dependencies = path.join(home, 'deps', '0');
  await mkdir(dependencies, { recursive: true });
  await rename(path.join(folder, 'node_modules'), path.join(dependencies, 'node_modules'));
  await symlink(path.join(dependencies, 'node_modules'), path.join(folder, 'node_modules'));
  const owned = parts.move();
  return {
    pushed: [...new Set(files.map((file) => file.split('/', 1)[0]!))],
    folder,
    node,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The files of the checkout that `.cfignore` leaves, which git reads as the command line does. */
async function filesToPush(gitFolder: string): Promise<string[]> {
  await run('git', ['init', '--quiet', '--bare', gitFolder]);
  const { stdout } = await run(
    'git',
    [
      ...[`--git-dir=${gitFolder}`, `--work-tree=${ROOT}`],
      ...['ls-files', '--others', '-z', '--exclude-from=.cfignore'],
    ],
    { cwd: ROOT, maxBuffer: 2 ** 26 },
  );
  return stdout.split('\0').filter((file) => file !== '' && !NEVER_SENT.test(file));
}

function environmentOf(node: string, home: string): Record<string, string> {
  return { PATH: `${node}:${process.env['PATH'] ?? ''}`, HOME: home, LANG: 'C.UTF-8' };
}

/** The shell of an app that runs. Disposal kills it. */
export interface StartedApp extends AsyncDisposable {
  /** Of the shell, which is told to stop. */
  readonly pid: number;
  readonly lines: readonly string[];
  readonly errors: string;
  readonly exited: Promise<Exit>;
  terminate(): void;
  /** The most memory that it ever had (VmHWM). */
  peakMemoryBytes(): number;
  /** The name of the program that the shell's process runs now. */
  program(): string;
}

export interface StartOptions {
  readonly command: string;
  /** What the platform sets: PORT, VCAP_SERVICES and more. */
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined where the test may make none. */
  readonly group: MemoryGroup | undefined;
}

/** Starts the command by `bash -c`, as the platform's launcher does. */
export function startPushedApp(
  { folder, node }: StagedApp,
  { command, environment, group }: StartOptions,
): StartedApp {
  const home = path.dirname(folder);
  const joined = group
    ? `echo $$ > '${group.processes}' && exec bash -c "$0"`
    : 'exec bash -c "$0"';
  const shell = spawn('bash', ['-c', joined, command], {
    cwd: folder,
    env: {
      ...environmentOf(node, folder),
      NODE_ENV: 'production',
      NODE_PATH: path.join(home, 'deps', '0', 'node_modules'),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const errors: string[] = [];
  createInterface({ input: shell.stdout }).on('line', (line) => lines.push(line));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const exited = once(shell, 'close').then(([code, signal]): Exit => ({ code, signal }));
  const { pid = 0 } = shell; // without one, `exited` rejects with the reason
  return {
    pid,
    lines,
    get errors() {
      return errors.join('');
    },
    exited,
    terminate: () => void shell.kill('SIGTERM'),
    peakMemoryBytes: () => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
    program: () => path.basename(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]!),
    async [Symbol.asyncDispose]() {
      shell.kill('SIGKILL');
      await exited;
    },
  };
}
