/**
 * The container image of the checkout, built by Debian's buildah as root in a folder of its own.
 *
 * Storage by plain copies and builds by chroot work in a sandbox, too, where overlays and nested containers do not.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeDebianRoot } from './debian-root.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BASE = 'localhost/promgate-test-base';
const IMAGE = 'localhost/promgate-test';

/** What the image says of the containers to be made of it. */
interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly ExposedPorts: Readonly<Record<string, object>>;
  /** The first member of `Test` is `CMD`. */
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface Image extends AsyncDisposable {
  readonly config: ImageConfig;
  /** The folder with the image's files. */
  readonly files: string;
}

/** @param buildah - the program's path, from `requireProgram(this, 'buildah')` */
export async function buildImage(buildah: string): Promise<Image> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-image-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const store = ['--storage-driver', 'vfs', '--root', `${folder}/store`];
  const ask = async (...args: readonly string[]): Promise<string> => {
    const all = [...store, '--runroot', `${folder}/run`, ...args];
    const { stdout } = await run(buildah, all, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  };
  await makeBase(ask, `${folder}/base`);
  const cache = (await run('npm', ['config', 'get', 'cache'])).stdout.trim();
  await mkdir(cache, { recursive: true });
  await ask(
    ...['build', '--isolation', 'chroot', '--pull-never', '--format', 'docker', '--layers=false'],
    ...['--build-arg', `BASE=${BASE}`, '--volume', `${cache}:/npm-cache`, '--tag', IMAGE, ROOT],
  );
  const container = await ask('from', '--pull-never', IMAGE);
  const files = await ask('mount', container);
  parts.defer(async () => void (await ask('umount', container)));
  const { Docker } = JSON.parse(await ask('inspect', container));
  const owned = parts.move();
  return { config: Docker.config, files, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The packages that `npm ci` has fetched for the tests are in its cache: the image's build takes them from there. */
async function makeBase(
  ask: (...args: readonly string[]) => Promise<string>,
  folder: string,
): Promise<void> {
  await makeDebianRoot({ folder, node: process.execPath });
  const container = await ask('from', 'scratch');
  await ask('copy', container, folder, '/');
  await rm(folder, { recursive: true });
  await ask(
    ...['config', '--env', 'PATH=/usr/local/bin:/usr/bin', '--env', 'npm_config_cache=/npm-cache'],
    ...['--env', 'npm_config_prefer_offline=true', container],
  );
  await ask('commit', '--format', 'docker', '--rm', container, BASE);
}
