/**
 * The container image of the checkout, built by Debian's buildah as root in a folder of its own.
 *
 * Storage by plain copies and builds by chroot work in a sandbox, too, where overlays and nested containers do not.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeDebianRoot } from './debian-root.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * In front of the commands of the docs: a folder for all that buildah keeps, and builds that work in a sandbox and
 * take the packages that `npm ci` has fetched for the tests from npm's cache.
 */
const FRAME = `buildah() {
  local command=$1
  shift
  if [ "$command" = build ]; then
    set -- --isolation chroot --pull-never --layers=false --volume "$CACHE:/npm-cache" "$@"
  fi
  "$BUILDAH" --storage-driver vfs --root "$STORE/images" --runroot "$STORE/run" "$command" "$@"
}
`;

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

/**
 * Builds it by the commands that the page on containers has for a machine without a registry of images.
 *
 * @param buildah - the program's path, from `requireProgram(this, 'buildah')`
 */
export async function buildImage(buildah: string): Promise<Image> {
  await using parts = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-image-'));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  const cache = (await run('npm', ['config', 'get', 'cache'])).stdout.trim();
  await mkdir(cache, { recursive: true });
  const env = { ...process.env, BUILDAH: buildah, STORE: folder, CACHE: cache };
  const bash = async (script: string): Promise<string> => {
    const args = ['-euo', 'pipefail', '-c', FRAME + script];
    const { stdout } = await run('bash', args, { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  };
  const base = path.join(folder, 'base');
  await makeDebianRoot({ folder: base, node: process.execPath });
  await bash((await documentedBuild()).replace('FOLDER', base));
  await rm(base, { recursive: true });
  const container = await bash('buildah from --pull-never promgate');
  const files = await bash(`buildah mount ${container}`);
  parts.defer(async () => void (await bash(`buildah umount ${container}`)));
  const { Docker } = JSON.parse(await bash(`buildah inspect ${container}`));
  const owned = parts.move();
  return { config: Docker.config, files, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function documentedBuild(): Promise<string> {
  const page = await readFile(path.join(ROOT, 'docs/container.md'), 'utf8');
  const block = /^```\n(container=\$\(buildah .*?)^```$/ms.exec(page)?.[1];
  if (block === undefined) throw new Error('docs/container.md has no commands of buildah');
  return block;
}
