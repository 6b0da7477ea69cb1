/**
 * A container of an image, run by runc as Docker would with `--read-only`, without capabilities and with a network of
 * its own, which has loopback alone.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import type { Image } from './image.ts';

const run = promisify(execFile);

export interface ContainerOptions {
  /** The program's path, from `requireProgram(this, 'runc')`. */
  readonly runc: string;
  readonly image: Image;
  /** In place of the image's; default: the image's. */
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Ids of user and group, `10001:10001`, in place of the image's. */
  readonly user?: string;
  /** Folders in memory, besides the volumes. */
  readonly tmpfs?: readonly string[];
  /** A network that it shares with others; default: one of its own. */
  readonly network?: Network;
  /** Whether the image's volumes are folders that its user may write to; default: yes. */
  readonly hasVolumes?: boolean;
}

/** A network on this machine that has nothing but loopback. */
export interface Network {
  /** The file that stands for the network. */
  readonly file: string;
  /** A file in the form of `/etc/hosts`. */
  readonly hosts: string;
}

export interface Container extends AsyncDisposable {
  /** What it has written to standard output so far. */
  readonly output: string;
  /** Runs a program in it, with its user and its environment. @returns exit code and output */
  exec(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Executed>;
  /** The text at a path of promgate in it. @throws {Error} unless the status is 200 */
  get(url: string): Promise<string>;
  /** Runs the image's health check. @returns its exit code; 0 is healthy */
  health(environment?: Readonly<Record<string, string>>): Promise<number>;
  /** Resolves as soon as the health check passes. */
  untilHealthy(): Promise<void>;
  /** Sends SIGTERM to its first process, as `docker stop` does. @returns the exit code of that process */
  stop(): Promise<number | null>;
}

interface Executed {
  readonly code: number;
  readonly output: string;
}

/** Starts it; disposal kills it. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const { runc, image } = options;
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-container-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(await specFor(options, folder)));
  const id = `promgate-test-${randomUUID()}`;
  const global = ['--root', path.join(folder, 'state')];
  const child = spawn(runc, [...global, 'run', '--bundle', folder, id], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code]): number | null => code);
  const output = outputOf(child);
  parts.defer(async () => {
    await run(runc, [...global, 'delete', '--force', id]); // force also allows that it has ended
    await exited;
  });
  const ended = exited.then((code) => {
    throw new Error(`the container ended with ${code}: ${output()}`);
  });
  ended.catch(() => undefined); // an end is a failure only while somebody waits for the container
  const exec: Container['exec'] = async (args, environment = {}) => {
    const variables = Object.entries(environment).flatMap(([name, value]) => [
      '--env',
      `${name}=${value}`,
    ]);
    return execute(runc, [...global, 'exec', ...variables, id, ...args]);
  };
  const health: Container['health'] = async (environment) =>
    (await exec(image.config.Healthcheck.Test.slice(1), environment)).code;
  const owned = parts.move();
  return {
    get output() {
      return output();
    },
    exec,
    get: async (url) => {
      const code = `const answer = await fetch(process.argv[1]); process.stdout.write(await answer.text());
process.exitCode = answer.ok ? 0 : 1;`;
      const answer = await exec(['node', '--input-type=module', '--eval', code, url]);
      if (answer.code !== 0) throw new Error(`${url}: ${answer.output}`);
      return answer.output;
    },
    health,
    untilHealthy: async () => {
      const isHealthy = async () => ((await health()) === 0 ? true : undefined);
      const waits = { timeoutMs: 60_000, pauseMs: 200 };
      await Promise.race([eventually('the container to be healthy', isHealthy, waits), ended]);
    },
    stop: async () => {
      await run(runc, [...global, 'kill', id, 'TERM']);
      return exited;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function outputOf({ stdout, stderr }: ChildProcess): () => string {
  let text = '';
  for (const stream of [stdout!, stderr!]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  return () => text;
}

async function execute(program: string, args: readonly string[]): Promise<Executed> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = outputOf(child);
  const [code] = await once(child, 'close');
  return { code: code ?? -1, output: output() };
}

/** @see https://github.com/opencontainers/runtime-spec/blob/main/config.md */
async function specFor(options: ContainerOptions, folder: string): Promise<object> {
  const { image, command, environment = {}, hasVolumes = true, tmpfs = [], network } = options;
  const { User, Env, Entrypoint, Cmd, WorkingDir, Volumes } = image.config;
  const [uid = 0, gid = 0] = (options.user ?? User).split(':').map(Number);
  const mounts: object[] = [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
  ];
  for (const [index, destination] of (hasVolumes ? Object.keys(Volumes) : []).entries()) {
    const source = path.join(folder, `volume-${index}`);
    await mkdir(source);
    await chown(source, uid, gid);
    mounts.push({ destination, type: 'bind', source, options: ['bind', 'rw'] });
  }
  for (const destination of tmpfs) {
    const how = ['nosuid', 'nodev', 'mode=1777'];
    mounts.push({ destination, type: 'tmpfs', source: 'tmpfs', options: how });
  }
  if (network !== undefined) {
    const options = ['bind', 'ro'];
    mounts.push({ destination: '/etc/hosts', type: 'bind', source: network.hosts, options });
  }
  const own = ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  const shared = network === undefined ? {} : { path: network.file };
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  return {
    ociVersion: '1.0.0',
    process: {
      user: { uid, gid },
      args: [...Entrypoint, ...(command ?? Cmd)],
      env: [...Env, ...variables],
      cwd: WorkingDir,
      noNewPrivileges: true,
    },
    root: { path: image.files, readonly: true },
    mounts,
    linux: { namespaces: [...own, { type: 'network', ...shared }] },
  };
}
