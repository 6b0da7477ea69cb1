/** The packages of the BOSH release: compiled offline from the blobs that the docs name, then started. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { CompilationVm, packageSpec } from '../support/bosh-compile.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram, requireRoot } from '../support/require-program.ts';
import { samplesOf } from '../support/samples.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_BLOB = `promgate-node/node-v${process.versions.node}-linux-x64.tar.gz`;
const PROGRAM_BLOB = 'promgate/promgate.tgz';

/** Starts the compiled program as a user without rights and reads an app's page. */
const SERVE_AND_SCRAPE = `
set -eu
cd /
setpriv --reuid 65534 --regid 65534 --clear-groups \
  /var/vcap/packages/promgate-node/bin/node /var/vcap/packages/promgate/src/main.ts demo >/dev/null &
until curl -sf http://127.0.0.1:8085/readyz >/dev/null; do
  kill -0 $! || exit 3
  sleep 0.1
done
curl -sf http://127.0.0.1:8085/v1/apps/demo/prod/shop/metrics
kill $!
wait $!
`;

describe('the packages of the BOSH release', function () {
  this.timeout(2 * SLOW_MS);
  let folder: string;

  before(async function () {
    requireRoot(this);
    for (const name of ['unshare', 'curl', 'ip', 'shellcheck']) requireProgram(this, name);
    folder = await mkdtemp(path.join(tmpdir(), 'promgate-blobs-'));
    await Promise.all(['promgate-node', 'promgate'].map((name) => mkdir(path.join(folder, name))));
    await packNode(process.execPath, path.join(folder, NODE_BLOB));
    await packProgram(path.join(folder, PROGRAM_BLOB));
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('compile offline to a program that starts and scrapes', async () => {
    await using vm = await CompilationVm.start(folder);

    const node = await vm.compile('promgate-node');
    assert.equal(node.code, 0, node.output);
    const program = await vm.compile('promgate');
    assert.equal(program.code, 0, program.output);
    assert.deepEqual((await vm.installed('promgate-node')).sort(), ['LICENSE', 'bin/node']);
    const files = await vm.installed('promgate');
    for (const name of ['src/main.ts', 'broker/api.ts', 'package.json', 'docs/operating.md']) {
      assert.ok(files.includes(name), name);
    }
    const served = await vm.run(SERVE_AND_SCRAPE);
    assert.equal(served.code, 0, served.output);
    const ups = samplesOf(served.output, 'promgate_instance_up');
    assert.deepEqual(
      ups.map(({ value }) => value),
      ['1', '1', '1'],
    );
  });

  it('have no way to the network while they compile', async () => {
    await using vm = await CompilationVm.start(folder);

    assert.equal((await vm.run('ls /sys/class/net >/dev/null; ip -o link | wc -l')).output, '1\n');
  });

  it('hold no package of the tests and nothing that is built for one machine', async () => {
    const { stdout } = await run(
      'tar',
      ['--list', '--gzip', '--file', path.join(folder, PROGRAM_BLOB)],
      {
        maxBuffer: 16 * 1024 * 1024,
      },
    );
    const names = stdout.trim().split('\n');

    assert.ok(names.every((name) => name.startsWith('promgate/')));
    assert.deepEqual(
      names.filter((name) => /\.node$|^promgate\/(?:test|bench)\//.test(name)),
      [],
    );
    assert.ok(!names.some((name) => /node_modules\/(?:mocha|typescript|node)\//.test(name)));
  });

  it('refuse a Node of another major', async () => {
    await using blobs = await changedBlobs(folder, async (changed) => {
      const old = path.join(changed, 'node');
      await writeFile(old, '#!/bin/sh\necho v20.1.0\n', { mode: 0o755 });
      await packNode(old, path.join(changed, NODE_BLOB));
    });
    await using vm = await CompilationVm.start(blobs.folder);

    const { code, output } = await vm.compile('promgate-node');

    assert.equal(code, 1);
    assert.match(output, /^promgate needs Node 24, and the blob holds v20\.1\.0$/m);
  });

  it('refuse to choose between two archives of Node', async () => {
    await using blobs = await changedBlobs(folder, (changed) =>
      cp(
        path.join(changed, NODE_BLOB),
        path.join(changed, NODE_BLOB.replace(process.version, 'v24.1.0')),
      ),
    );
    await using vm = await CompilationVm.start(blobs.folder);

    const { code, output } = await vm.compile('promgate-node');

    assert.equal(code, 1);
    assert.match(output, /^expected one blob .* found: \S+ \S+$/m);
  });

  it('refuse a program that lacks a module', async () => {
    await using blobs = await changedBlobs(folder, async (changed) => {
      const place = path.join(changed, 'promgate');
      await run('tar', ['-xzf', 'promgate.tgz'], { cwd: place });
      await rm(path.join(place, 'promgate/node_modules/koa'), { recursive: true });
      const how = ['--create', '--use-compress-program', 'gzip -1', '--file'];
      await run('tar', [...how, 'promgate.tgz', 'promgate'], { cwd: place });
    });
    await using vm = await CompilationVm.start(blobs.folder);
    assert.equal((await vm.compile('promgate-node')).code, 0);

    const { code, output } = await vm.compile('promgate');

    assert.equal(code, 1);
    assert.match(output, /Cannot find package 'koa' imported from/);
  });

  it('pack the same program to the same bytes', async () => {
    const again = path.join(folder, 'again.tgz');
    await packProgram(again);

    const [first, second] = await Promise.all(
      [path.join(folder, PROGRAM_BLOB), again].map((file) => readFile(file)),
    );
    assert.ok(first!.equals(second!)); // two files above
  });

  it('have scripts in which shellcheck finds nothing', async () => {
    const scripts = ['promgate-node', 'promgate'].map((name) => `bosh/packages/${name}/packaging`);

    await run('shellcheck', [...scripts, 'bosh/pack-program'], { cwd: ROOT });
  });
});

describe('docs/bosh-packages.md', () => {
  it('names the blobs that the specs take, and the Node of the tests', async () => {
    const page = await readFile(path.join(ROOT, 'docs/bosh-packages.md'), 'utf8');
    const added = [...page.matchAll(/^bosh add-blob --dir bosh \S+ (\S+)$/gm)].map(
      ([, name]) => name!,
    );

    assert.deepEqual(added, [NODE_BLOB, PROGRAM_BLOB]);
    assert.equal(process.versions.node, packageJson.devDependencies.node);
    for (const [index, name] of ['promgate-node', 'promgate'].entries()) {
      const { files, ...spec } = await packageSpec(name);
      assert.equal(spec.name, name);
      assert.deepEqual(spec.dependencies, index === 0 ? [] : ['promgate-node']);
      assert.ok(files.length === 1 && path.matchesGlob(added[index]!, files[0]!));
    }
    for (const version of page.match(/v24\.\d+\.\d+/g)!) assert.equal(version, process.version);
  });

  it('is where docs/bosh.md sends whoever makes the release, since a checkout has no blobs', async () => {
    const guide = await readFile(path.join(ROOT, 'docs/bosh.md'), 'utf8');

    const [deploy = ''] = /^## Deploy$.*?(?=^## )/ms.exec(guide) ?? [];
    assert.match(deploy, /\]\(bosh-packages\.md#making-a-release\)/);
    assert.doesNotMatch(deploy, /create-release --force/);
  });

  it('says that no blob is listed, and none is', async () => {
    assert.deepEqual(parse(await readFile(path.join(ROOT, 'bosh/config/blobs.yml'), 'utf8')), {});
  });
});

/** A copy of the blobs in which `change` has changed something; disposal removes it. */
async function changedBlobs(
  blobs: string,
  change: (folder: string) => Promise<void>,
): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promgate-blobs-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await cp(blobs, folder, { recursive: true });
    await change(folder);
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, [Symbol.asyncDispose]: remove };
}

/** Packs a binary in the form of Node's archives. */
async function packNode(binary: string, file: string): Promise<void> {
  const place = await mkdtemp(path.join(tmpdir(), 'promgate-node-'));
  try {
    const name = path.basename(file, '.tar.gz');
    await mkdir(path.join(place, name, 'bin'), { recursive: true });
    await mkdir(path.join(place, name, 'include/node'), { recursive: true });
    await cp(binary, path.join(place, name, 'bin/node'));
    await writeFile(path.join(place, name, 'LICENSE'), 'a licence\n');
    await writeFile(path.join(place, name, 'include/node/node.h'), '');
    await run('tar', ['--create', '--use-compress-program', 'gzip -1', '--file', file, name], {
      cwd: place,
    });
  } finally {
    await rm(place, { recursive: true });
  }
}

async function packProgram(file: string): Promise<void> {
  await run(path.join(ROOT, 'bosh/pack-program'), [file], {
    env: { ...process.env, npm_config_prefer_offline: 'true' },
  });
}
