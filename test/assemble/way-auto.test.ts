/** The way auto: promgate finds out by itself what leads to the instances. */
import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { BROKEN_PATH } from '../support/foundation/cells.ts';
import { startWaysScene } from '../support/foundation/ways-scene.ts';
import { SLOW_MS } from '../support/limits.ts';

/** Which process and index each instance of the page says it is, with the index that promgate adds. */
function seen(page: string): string[] {
  const found = page.matchAll(
    /^foundation_identity\{.*?,index="(\d+)".*own_index="(\d+)",own_process="([^"]+)"/gm,
  );
  return [...found].map(([, index, own, process]) => `${process}:${own} as ${index}`).sort();
}

const PATIENCE = { timeoutMs: 30_000, pauseMs: 100 };

describe('the way auto', function () {
  this.timeout(SLOW_MS);

  it('asks the gorouter in front of the CF API with nothing configured but that', async () => {
    await using scene = await startWaysScene({ behindFront: true });
    const { router, front } = scene;

    assert.equal(seen(await scene.page()).length, 2);

    assert.deepEqual(router.pinned, { app: 0, process: 3, none: 0 });
    const name = 'shop.apps.example.com';
    assert.deepEqual([...new Set(front?.asked)], [`${name} ${name}`]);
  });

  it('asks gorouter once whether it heeds processes, and pins by them also during a deploy', async () => {
    await using scene = await startWaysScene({ scrape: { router: 'ROUTER' } });
    const { world, app, cells, router, promgate } = scene;

    assert.equal(seen(await scene.page()).length, 2);
    assert.deepEqual(router.pinned, { app: 0, process: 3, none: 0 }); // one more to find out
    assert.equal(seen(await scene.page()).length, 2);
    assert.deepEqual(router.pinned, { app: 0, process: 5, none: 0 });

    const { old, next } = world.deploy(app);
    cells.follow(world);
    const wanted = [`${old.guid}:0 as 0`, `${old.guid}:1 as 1`, `${next.guid}:0 as 0`].sort();
    await eventually(
      'the new process to be known',
      async () => (seen(await scene.page()).length === 3 ? true : undefined),
      PATIENCE,
    );

    assert.deepEqual(seen(await scene.page()), wanted);
    assert.deepEqual([router.pinned.app, router.pinned.none], [0, 0]);
    const told = promgate.log.filter(({ message }) => message.includes('heeds processes'));
    assert.deepEqual(
      told.map(({ fields }) => fields['knows']),
      [true],
    );
  });

  it('pins by the app at an older router, and asks nobody of two processes there', async () => {
    await using scene = await startWaysScene({
      ...{ scrape: { router: 'ROUTER' }, knowsProcesses: false },
    });
    const { world, app, cells, router } = scene;

    assert.equal(seen(await scene.page()).length, 2);
    assert.deepEqual(router.pinned, { app: 2, process: 0, none: 1 });

    world.deploy(app);
    cells.follow(world);
    const failing = await eventually(
      'the new process to be known',
      async () => {
        const page = await scene.page();
        return page.includes('error="no-way"') ? page : undefined;
      },
      PATIENCE,
    );

    assert.equal(seen(failing).length, 0);
    assert.equal(failing.match(/^promfetcher_scrape_error\{.*error="no-way"/gm)?.length, 3);
  });

  it('asks an older router by no route that leads to processes of two types', async () => {
    await using scene = await startWaysScene({
      ...{ scrape: { router: 'ROUTER' }, knowsProcesses: false, route: false },
      prepare: (world, app) => {
        const [web] = world.map(app, { host: 'both' }).destinations;
        assert.ok(web);
        world.routes.at(-1)?.destinations.push({ ...web, processType: 'worker' });
      },
    });

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*index="0".*error="no-way"\} 1/);
    assert.equal(scene.router.pinned.app, 0);
  });

  it("gives the router's word where the router cannot reach the instance", async () => {
    await using scene = await startWaysScene({
      scrape: { router: 'ROUTER' },
      prepare: (_, app) => {
        app.annotations['prometheus.io/path'] = BROKEN_PATH;
      },
    });

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="endpoint-failure"\} 1/);
    const line = scene.promgate.log.find(({ fields }) => fields['failure'] === 'endpoint-failure');
    assert.match(String(line?.fields['detail']), /^X-Cf-RouterError: endpoint_failure \(/);
  });
});
