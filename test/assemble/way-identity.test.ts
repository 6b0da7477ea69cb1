/** The way identity: promgate asks identity-aware routes with its instance identity, which rotates. */
import assert from 'node:assert/strict';
import { copyFileSync, renameSync } from 'node:fs';
import { eventually } from '../support/eventually.ts';
import { FORBIDDEN_PATH } from '../support/foundation/cells.ts';
import {
  OWN_APP,
  startWaysScene,
  type WaysSceneOptions,
} from '../support/foundation/ways-scene.ts';
import type { IdentityChain } from '../support/identity-chain.ts';
import { SLOW_MS } from '../support/limits.ts';

const WHO = { app: OWN_APP, space: 'a-space', organization: 'an-organization' };

function place(chain: IdentityChain, name: string, part: 'crt' | 'key'): void {
  const to = chain.path(`instance.${part}`);
  copyFileSync(chain.path(`${name}.${part}`), `${to}.new`);
  renameSync(`${to}.new`, to);
}

const identity = (more: WaysSceneOptions = {}) =>
  startWaysScene({
    ...{ route: false, scrape: { identity_router: 'IDENTITY', tls: { ca: 'AUTHORITIES' } } },
    environment: (chain) => {
      chain.instance('first', WHO);
      for (const part of ['crt', 'key'] as const) place(chain, 'first', part);
      const [cert, key] = ['crt', 'key'].map((part) => chain.path(`instance.${part}`));
      return { CF_INSTANCE_CERT: cert ?? '', CF_INSTANCE_KEY: key ?? '' };
    },
    ...more,
    prepare: (world, app) => {
      const domain = world.domain('apps.identity', { identityAware: true });
      world.map(app, { host: 'shop', domain });
      more.prepare?.(world, app);
    },
  });

describe('the way identity', function () {
  this.timeout(SLOW_MS);

  it('gets the page of each instance by the route policy of promgate', async () => {
    await using scene = await identity();
    scene.policies.add(OWN_APP);

    const page = await scene.page();

    for (const index of [0, 1]) {
      const own = new RegExp(
        `^foundation_identity\\{.*index="${index}".*own_index="${index}"`,
        'm',
      );
      assert.match(page, own);
    }
    assert.match(page, /^promgate_instance_scrape_via\{.*via="identity"\} 1$/m);
    assert.deepEqual(scene.router.pinned, { app: 0, process: 0, none: 0 });
  });

  it('names the route policy that lacks, with promgate as its source', async () => {
    await using scene = await identity();

    const page = await scene.page();

    assert.match(page, /promfetcher_scrape_error\{.*error="route-policy"\} 1/);
    const line = scene.promgate.log.find(({ fields }) => fields['failure'] === 'route-policy');
    assert.equal(
      line?.fields['advice'],
      'run: cf add-route-policy apps.identity --hostname shop --source-app promgate --source-space monitoring --source-org platform',
    );
  });

  it("leaves a 403 of the app itself the app's", async () => {
    await using scene = await identity({
      prepare: (_, app) => {
        app.annotations['prometheus.io/path'] = FORBIDDEN_PATH;
      },
    });
    scene.policies.add(OWN_APP);

    assert.match(await scene.page(), /promfetcher_scrape_error\{.*error="status-4xx"\} 1/);
  });

  it('says that gorouter does not take the certificate', async () => {
    await using scene = await identity({
      environment: (chain) => {
        chain.authority('stranger');
        const { cert, key } = chain.instance('foreign', WHO, { by: 'stranger' });
        return { CF_INSTANCE_CERT: cert, CF_INSTANCE_KEY: key };
      },
    });

    // Node's own server just closes the connection: `client-alert.test.ts` has servers with alerts.
    assert.match(
      await scene.page(),
      /promfetcher_scrape_error\{.*error="(?:tls-client|truncated)"/,
    );
  });

  it('follows certificates that rotate between and during scrapes, key first', async () => {
    await using scene = await identity();
    const { chain, page, promgate } = scene;
    scene.policies.add(OWN_APP);
    const isWhole = (text: string): boolean =>
      (text.match(/^promgate_instance_up\{.*\} 1$/gm)?.length ?? 0) === 2;
    assert.ok(isWhole(await page()));
    const seen = new Set(scene.identityRouter.clients);

    for (const name of ['second', 'third']) {
      chain.instance(name, WHO);
      const scrapes = [page(), page()];
      place(chain, name, 'key');
      scrapes.push(page(), page());
      for (const text of await Promise.all(scrapes)) assert.ok(isWhole(text));
      place(chain, name, 'crt');
      await eventually(`${name} to be shown`, async () => {
        assert.ok(isWhole(await page()));
        return scene.identityRouter.clients.has(name) || undefined;
      });
    }

    assert.deepEqual([...seen], ['first']);
    assert.deepEqual([...scene.identityRouter.clients], ['first', 'second', 'third']);
    assert.equal((await promgate.get('/healthz')).status, 200);
  });

  it('starts without a usable pair, and takes the pair that comes', async () => {
    await using scene = await identity({
      environment: (chain) => {
        for (const name of ['first', 'second']) chain.instance(name, WHO);
        place(chain, 'first', 'crt');
        place(chain, 'second', 'key');
        const [cert, key] = ['crt', 'key'].map((part) => chain.path(`instance.${part}`));
        return { CF_INSTANCE_CERT: cert ?? '', CF_INSTANCE_KEY: key ?? '' };
      },
    });
    scene.policies.add(OWN_APP);
    assert.match(await scene.page(), /promfetcher_scrape_error\{.*error="tls-client"\} 1/);

    place(scene.chain, 'second', 'crt');

    await eventually('the pair to be used', async () => {
      return (await scene.page()).includes('foundation_identity') || undefined;
    });
  });
});
