/** promgate under a limit of open files that is far too low for its configuration. */
import assert from 'node:assert/strict';
import { hang, page } from '../support/answers.ts';
import { SLOW_MS } from '../support/limits.ts';
import { startScene } from '../support/scene.ts';

const LIMITS = { openFiles: 200 };
const scrape = { timeout: '4s' };

const up = (text: string): number => text.match(/^promgate_instance_up\{.*\} 1$/gm)?.length ?? 0;

describe('promgate with 200 descriptors', function () {
  this.timeout(SLOW_MS);

  it('says at its start what it cannot do', async () => {
    await using scene = await startScene({ small: { answers: [page('up 1\n')] } }, {}, LIMITS);

    const warnings = scene.promgate.log.filter(({ level }) => level === 'warn');

    const said = warnings.find(({ msg }) => msg.startsWith('the limit of open files is 200'));
    assert.match(said?.msg ?? '', /scrape\.concurrency 512 and listen\.max_connections 4096/);
  });

  it('answers a small app beside one of 500 instances that hang', async () => {
    const apps = {
      huge: { answers: Array.from({ length: 500 }, () => hang), space: 'huge' },
      small: { answers: Array.from({ length: 3 }, () => page('a 1\n')), space: 'small' },
    };
    await using scene = await startScene(apps, { scrape }, LIMITS);
    const { promgate } = scene;
    const hanging = Array.from({ length: 3 }, () => promgate.text(scene.apps.huge.path));

    for (let i = 0; i < 20; i++) assert.equal(up(await promgate.text(scene.apps.small.path)), 3);

    const pages = await Promise.all(hanging);
    assert.ok(pages.every((text) => !text.includes('error="unreachable"')));
    assert.equal(up(await promgate.text(scene.apps.small.path)), 3);
    assert.equal((await promgate.get('/healthz')).status, 200);
  });

  it('answers all of 500 instances, and a small app after them', async () => {
    const apps = {
      huge: { answers: Array.from({ length: 500 }, () => page('a 1\n')), space: 'huge' },
      small: { answers: [page('a 1\n')], space: 'small' },
    };
    await using scene = await startScene(apps, {}, LIMITS);

    for (let i = 0; i < 3; i++) {
      assert.equal(up(await scene.promgate.text(scene.apps.huge.path)), 500);
      assert.equal(up(await scene.promgate.text(scene.apps.small.path)), 1);
    }
  });
});
