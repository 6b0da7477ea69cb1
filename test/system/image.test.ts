/** The container image: built by Debian's buildah, run by runc with a read-only root file system. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { startContainer } from '../support/container.ts';
import { buildImage, type Image } from '../support/image.ts';
import { SLOW_MS } from '../support/limits.ts';
import { requireProgram, requireRoot } from '../support/require-program.ts';
import { samplesOf } from '../support/samples.ts';

const URL_INSIDE = 'http://127.0.0.1:8085';

describe('the container image', function () {
  this.timeout(2 * SLOW_MS);
  let image: Image;
  let runc: string;

  before(async function () {
    requireRoot(this);
    runc = requireProgram(this, 'runc');
    image = await buildImage(requireProgram(this, 'buildah'));
  });

  after(async () => {
    await image?.[Symbol.asyncDispose](); // nothing is built if a program is missing
  });

  it('starts node with the flags and the variables of npm start', () => {
    const { Entrypoint, Cmd, Env } = image.config;
    const words = packageJson.scripts.start.split(' ');
    const start = words.indexOf('exec');

    assert.deepEqual(
      [...Entrypoint, ...Cmd].map((word) => word.replace(/^\/promgate\//, '')),
      words.slice(start + 1),
    );
    for (const variable of words.slice(0, start)) {
      const [name, value = ''] = variable.split('=');
      const found = Env.find((one) => one.startsWith(`${name}=`))?.slice(`${name}=`.length);
      assert.equal(found?.replace(/^\/promgate\//, ''), value);
    }
  });

  it('says of itself what docs/container.md says', () => {
    const page = readFileSync('docs/container.md', 'utf8');
    const { User, Volumes, ExposedPorts, WorkingDir } = image.config;
    const [volume = ''] = Object.keys(Volumes);

    assert.deepEqual(Object.keys(Volumes), [WorkingDir]);
    assert.ok(page.includes(`| user | \`${User}\`.`));
    assert.ok(page.includes(`| \`${volume}\` | the working folder, and a volume`));
    assert.ok(page.includes(`--volume promgate:${volume} `));
    assert.deepEqual(Object.keys(ExposedPorts), ['8085/tcp']);
    const [, base = ''] = /^ARG BASE=(\S+)$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
    assert.ok(page.includes(`| base | \`${base}\`,`));
  });

  it('holds the program, owned by root, and no packages of the tests', () => {
    const inside = (place: string) => path.join(image.files, 'promgate', place);
    const isOfRoot = (place: string) => statSync(inside(place)).uid === 0;

    assert.ok(['src/main.ts', 'broker', 'docs', 'node_modules/koa'].every(isOfRoot));
    assert.equal(
      readFileSync(inside('package.json'), 'utf8'),
      readFileSync('package.json', 'utf8'),
    );
    const tools = Object.keys(packageJson.devDependencies);
    for (const name of tools.filter((one) => !one.startsWith('@types/'))) {
      assert.ok(!existsSync(inside(`node_modules/${name}`)), name);
    }
  });

  it('brings a compile cache for the user that it runs as', () => {
    const cache = path.join(image.files, 'promgate/node_modules/.cache/promgate');
    const [folder = ''] = readdirSync(cache);

    assert.match(folder, /-10001$/);
    assert.ok(readdirSync(path.join(cache, folder)).length > 100);
  });

  it('serves without rights and without a file system to write to, until SIGTERM', async () => {
    const command = ['demo', '--set', 'listen.host=0.0.0.0'];
    await using container = await startContainer({ runc, image, command, hasVolumes: false });
    await container.untilHealthy();

    const page = await container.get(`${URL_INSIDE}/v1/apps/demo/prod/mailer/metrics`);
    const written = await container.exec(['sh', '-c', 'id -u; echo 1 > /var/lib/promgate/file']);
    const first = await container.exec(['cat', '/proc/1/comm']);

    assert.deepEqual(
      samplesOf(page, 'promgate_instance_up').map(({ value }) => value),
      ['1', '1', '0'],
    );
    // Two streams: either may be read first.
    assert.match(written.output, /^10001$/m);
    assert.match(written.output, /Read-only file system/);
    assert.notEqual(written.code, 0);
    assert.equal(first.output, readFileSync('/proc/self/comm', 'utf8'));
    assert.equal(await container.stop(), 0, container.output);
  });

  it('keeps in its volume what was pushed', async () => {
    const environment = { PROMGATE_PUSH_DURABILITY: 'disk' };
    await using container = await startContainer({ runc, image, environment });
    await container.untilHealthy();

    const push = `const answer = await fetch('${URL_INSIDE}/push/metrics/backups_total', { method: 'PATCH' });
console.log(answer.status);`;
    const pushed = await container.exec(['node', '--input-type=module', '--eval', push]);
    const owner = await container.exec(['sh', '-c', 'stat -c %u /var/lib/promgate/*']);

    assert.equal(pushed.output, '200\n');
    assert.match(owner.output, /^(?:10001\n)+$/);
    assert.equal(await container.stop(), 0, container.output);
  });

  it('is unhealthy when nothing answers at its port', async () => {
    await using container = await startContainer({ runc, image });
    await container.untilHealthy();

    assert.equal(await container.health({ PORT: '1' }), 1);
  });

  for (const variable of ['PORT', 'PROMGATE_LISTEN_PORT']) {
    it(`listens and looks at another port when ${variable} names one`, async () => {
      const environment = { [variable]: '9221' };
      await using container = await startContainer({ runc, image, environment });
      await container.untilHealthy();

      assert.match(await container.get('http://127.0.0.1:9221/metrics'), /^promgate_/m);
      await assert.rejects(container.get(`${URL_INSIDE}/healthz`));
    });
  }

  it('runs under any user', async () => {
    await using container = await startContainer({ runc, image, user: '1000790000:0' });
    await container.untilHealthy();

    assert.equal((await container.exec(['id', '-u'])).output, '1000790000\n');
    assert.equal(await container.stop(), 0, container.output);
  });
});
