/** promgate reaches instances through a gorouter, pinned, whatever their own addresses are. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { World } from '../support/cf-api/world.ts';
import { startCells } from '../support/foundation/cells.ts';
import { startRouter } from '../support/foundation/router.ts';
import { startPromgate } from '../support/promgate.ts';

describe('the way gorouter', () => {
  it('gets the page of each instance, and the word for one that the router does not know', async () => {
    await using scene = await startScene({ knowsProcesses: true });

    const page = await scene.promgate.text('/v1/apps/acme/dev/shop/metrics');

    for (const index of [0, 1]) {
      assert.match(page, new RegExp(`foundation_identity\\{.*own_index="${index}"`));
      assert.match(page, new RegExp(`promgate_instance_up\\{.*index="${index}".*\\} 1`));
      const via = new RegExp(
        `promgate_instance_scrape_via\\{.*index="${index}".*via="gorouter"\\} 1`,
      );
      assert.match(page, via);
    }
    assert.match(page, /promfetcher_scrape_error\{.*index="2".*error="unknown-route"\} 1/);
    assert.deepEqual(scene.router.pinned, { app: 0, process: 3, none: 0 });
    const attempts = await scene.promgate.text('/metrics');
    assert.match(attempts, /^promgate_way_attempts_total\{via="gorouter",result="page"\} 2$/m);
    assert.match(attempts, /^promgate_way_attempts_total\{via="gorouter",result="failure"\} 1$/m);
    const failed = scene.promgate.log.find(({ fields }) => fields['failure'] === 'unknown-route');
    assert.equal(failed?.fields['detail'], 'X-Cf-RouterError: unknown_route');
  });

  it('asks nobody where no pin is sure: another process may have the same indexes', async () => {
    await using scene = await startScene({ knowsProcesses: false });

    const page = await scene.promgate.text('/v1/apps/acme/dev/shop/metrics');

    assert.match(page, /promfetcher_scrape_error\{.*index="0".*error="no-way"\} 1/);
    assert.deepEqual(scene.router.pinned, { app: 0, process: 0, none: 0 });
  });
});

describe('the way auto', () => {
  it('goes by gorouter where addresses refuse, and asks these no more once they all did', async () => {
    await using scene = await startScene({ knowsProcesses: true, via: 'auto' });
    const attempts = async (): Promise<string[]> => {
      const all = await scene.promgate.text('/metrics');
      return [
        ...all.matchAll(/^promgate_way_attempts_total\{via="(\w+)",result="(\w+)"\} (\d+)$/gm),
      ]
        .filter(([, , , value]) => value !== '0')
        .map(([, via, result, value]) => `${via} ${result} ${value}`);
    };
    const first = await scene.promgate.text('/v1/apps/acme/dev/shop/metrics');
    assert.match(first, /promgate_instance_up\{.*index="0".*\} 1/);
    assert.match(first, /promfetcher_scrape_error\{.*index="2".*error="unknown-route"\} 1/);
    const once = ['direct failure 3', 'gorouter page 2', 'gorouter failure 1'];
    assert.deepEqual(await attempts(), once);

    const second = await scene.promgate.text('/v1/apps/acme/dev/shop/metrics');

    assert.match(second, /promgate_instance_scrape_via\{.*index="0".*via="gorouter"\} 1/);
    const twice = ['direct failure 3', 'gorouter page 4', 'gorouter failure 2'];
    assert.deepEqual(await attempts(), twice);
  });
});

interface SceneOptions {
  readonly knowsProcesses: boolean;
  readonly via?: 'auto' | 'gorouter';
}

/** An app of two instances, a third one that the router does not know, and routes from a file. */
async function startScene({ knowsProcesses, via = 'gorouter' }: SceneOptions) {
  await using parts = new AsyncDisposableStack();
  const world = new World(Date.now);
  const app = world.push({ name: 'shop', space: world.space('acme', 'dev'), instances: 2 });
  const cells = parts.use(await startCells());
  cells.follow(world);
  const router = parts.use(await startRouter(world, cells));
  const folder = await mkdtemp(join(tmpdir(), 'promgate-ways-'));
  parts.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, 'routes.json');
  const endpoints = [0, 1, 2].map((index) => ({
    address: `127.0.0.1:${index + 1}`, // nothing of the test listens there
    tls: false,
    tags: {
      ...{ app_id: app.guid, process_id: app.guid, instance_id: String(index) },
      ...{ organization_name: 'acme', space_name: 'dev', app_name: 'shop' },
    },
  }));
  await writeFile(file, JSON.stringify({ 'shop.apps.example.com': endpoints }));
  const scrape = { via, router: router.url, router_knows_processes: knowsProcesses };
  const values = { routes: { file }, scrape };
  const promgate = parts.use(await startPromgate({ apps: [], values }));
  const owned = parts.move();
  return { promgate, router, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
