/**
 * A root file system of files that this machine's Debian packages have installed, with Node and npm: the base of a
 * container image that needs no registry of images. Its npm looks first at the folder `/npm-cache`.
 */
import { execFile } from 'node:child_process';
import { cp, lstat, mkdir, readlink, realpath, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A shell, the commands of coreutils, the C++ library that Node needs, and what these depend on. */
const PACKAGES = [
  ...['base-files', 'dash', 'coreutils', 'libacl1', 'libattr1', 'libgmp10', 'libselinux1'],
  ...['libpcre2-8-0', 'libc6', 'libgcc-s1', 'libstdc++6'],
];
/** Folders of `/` that are links into `/usr`. */
const LINKS = ['bin', 'lib', 'lib64', 'sbin'];
const LEFT_OUT = /^\/usr\/share\/(?:doc|man|locale|info|lintian)\/|^\/(?:var|etc)\//;

export interface DebianRootOptions {
  /** The folder to fill. */
  readonly folder: string;
  /** The binary of Node. */
  readonly node: string;
}

export async function makeDebianRoot({ folder, node }: DebianRootOptions): Promise<void> {
  for (const name of LINKS) {
    await mkdir(path.join(folder, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, path.join(folder, name));
  }
  for (const name of ['etc', 'tmp', 'proc', 'dev', 'sys', 'usr/local/bin', 'usr/local/lib']) {
    await mkdir(path.join(folder, name), { recursive: true });
  }
  const { stdout } = await run('dpkg', ['-L', ...PACKAGES]);
  const files = new Set(stdout.split('\n').filter((file) => file !== '' && !LEFT_OUT.test(file)));
  for (const file of files) await copyFile(file, path.join(folder, file));
  await symlink('dash', path.join(folder, 'usr/bin/sh')).catch(() => undefined); // dash may own it
  await cp(await realpath(node), path.join(folder, 'usr/local/bin/node'));
  const npm = await npmPackage();
  const place = path.join(folder, 'usr/local/lib/npm');
  await cp(npm, place, { recursive: true });
  await writeFile(path.join(place, 'npmrc'), 'cache=/npm-cache\nprefer-offline=true\n');
  await symlink('../lib/npm/bin/npm-cli.js', path.join(folder, 'usr/local/bin/npm'));
}

/** Folders come with their files; the links of `/` are there already. */
async function copyFile(from: string, to: string): Promise<void> {
  const kind = await lstat(from).catch(() => undefined); // a file that was removed by hand
  if (kind === undefined || kind.isDirectory()) return;
  await mkdir(path.dirname(to), { recursive: true });
  if (kind.isSymbolicLink()) {
    await symlink(await readlink(from), to).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // `/lib/x` and `/usr/lib/x` are one file
    });
  } else {
    await cp(from, to, { preserveTimestamps: true });
  }
}

/** The folder of the npm on the PATH. */
async function npmPackage(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'command -v npm']);
  return path.dirname(path.dirname(await realpath(stdout.trim())));
}
