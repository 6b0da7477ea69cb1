/**
 * What BOSH's agent does with a package: an empty folder with the files that its spec names, `bash -x packaging`, and
 * away with the folder. All of it happens in a network, a `/var` and a table of processes of its own.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, glob, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';

const run = promisify(execFile);
const RELEASE = fileURLToPath(new URL('../../bosh', import.meta.url));

interface PackageSpec {
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly files: readonly string[];
}

export interface Ended {
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly output: string;
}

export async function packageSpec(name: string): Promise<PackageSpec> {
  return parse(await readFile(path.join(RELEASE, 'packages', name, 'spec'), 'utf8'));
}

/** A machine without network, on which only `/var/vcap/packages` grows. */
export class CompilationVm implements AsyncDisposable {
  readonly #folder: string;
  readonly #blobs: string;

  private constructor(folder: string, blobs: string) {
    this.#folder = folder;
    this.#blobs = blobs;
  }

  /** @param blobs - the folder with the release's blobs, under the names that the specs have */
  static async start(blobs: string): Promise<CompilationVm> {
    const folder = await mkdtemp(path.join(tmpdir(), 'promgate-bosh-'));
    await mkdir(path.join(folder, 'var/vcap/packages'), { recursive: true });
    return new CompilationVm(folder, blobs);
  }

  /** Compiles a package whose dependencies are compiled. */
  async compile(name: string): Promise<Ended> {
    const { files } = await packageSpec(name);
    const compile = path.join(this.#folder, 'var/vcap/data/compile', name);
    const target = path.join(this.#folder, 'var/vcap/packages', name);
    await Promise.all([compile, target].map((one) => mkdir(one, { recursive: true })));
    for (const pattern of files) {
      let count = 0;
      for await (const file of glob(pattern, { cwd: this.#blobs })) {
        await cp(path.join(this.#blobs, file), path.join(compile, file));
        count += 1;
      }
      if (count === 0) throw new Error(`no blob matches ${pattern} of the package ${name}`);
    }
    await cp(path.join(RELEASE, 'packages', name, 'packaging'), path.join(compile, 'packaging'));
    const ended = await this.run(`cd "$BOSH_COMPILE_TARGET" && bash -x packaging`, {
      BOSH_COMPILE_TARGET: `/var/vcap/data/compile/${name}`,
      BOSH_INSTALL_TARGET: `/var/vcap/packages/${name}`,
      BOSH_PACKAGE_NAME: name,
      BOSH_PACKAGE_VERSION: '1',
    });
    await rm(compile, { recursive: true });
    return ended;
  }

  /** The files and links of a compiled package, as paths below its folder. */
  async installed(name: string): Promise<string[]> {
    const { stdout } = await run('find', ['.', '-not', '-type', 'd', '-printf', '%P\n'], {
      cwd: path.join(this.#folder, 'var/vcap/packages', name),
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout.trim().split('\n');
  }

  /** Runs a script of bash in the machine. */
  async run(script: string, environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const prepare = 'ip link set lo up && mount --rbind "$1" /var && exec bash -c "$2"';
    const child = spawn(
      'unshare',
      [
        ...['--mount', '--net', '--pid', '--fork', '--kill-child', 'bash', '-c', prepare, 'bash'],
        ...[path.join(this.#folder, 'var'), script],
      ],
      {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    // A pipe as standard input would look to bash like a remote shell, which reads root's .bashrc.
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        output += part;
      });
    }
    const [code] = await once(child, 'close');
    return { code, output };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
