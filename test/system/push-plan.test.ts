/**
 * The plan `push` in the whole program: its tokens read no page of an app, whatever becomes of the
 * configuration and of the process.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { page } from '../support/answers.ts';
import { SLOW_MS } from '../support/limits.ts';
import { BROKER, Platform } from '../support/platform.ts';
import { gorouterValues, startPromgateProcess } from '../support/promgate-process.ts';
import { startScene } from '../support/scene.ts';

const SERVICE = '75bcebab-cc25-4ef6-89dc-a91b953919f1';
const IDS = { service_id: SERVICE, plan_id: '13d6b8f7-6643-4524-94e5-74029a36cf56' };
const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } });

/** Creates an instance of the plan, and binds; without an app it makes a service key. */
async function bindToPush(platform: Platform, id: string, place: object): Promise<string> {
  const instance = `/service_instances/of-${id}`;
  const provision = { ...IDS, organization_guid: 'organization', space_guid: 'space' };
  assert.equal((await platform.call('PUT', instance, { ...provision, ...place })).status, 201);
  const bind = { ...IDS, bind_resource: place };
  const answer = await platform.call('PUT', `${instance}/service_bindings/${id}`, bind);
  assert.equal(answer.status, 201);
  return answer.body.credentials.token;
}

describe('the plan push', function () {
  this.timeout(SLOW_MS);

  for (const mode of ['open', 'both'] as const) {
    it(`gives tokens that read no page of an app, in mode ${mode}, after kill -9 and without push too`, async () => {
      await using parts = new AsyncDisposableStack();
      const folder = await mkdtemp(path.join(tmpdir(), 'promgate-push-plan-'));
      parts.defer(() => rm(folder, { recursive: true, force: true }));
      const operators = mode === 'open' ? [] : [{ username: 'ops', password: 'open-sesame' }];
      const values = {
        broker: BROKER,
        database: { url: `sqlite:${path.join(folder, 'promgate.db')}` },
        auth: { mode, operators },
      };
      const shops = { shop: { answers: [page('orders_total 7\n')] } };
      const scene = parts.use(await startScene(shops, { ...values, push: {} }));
      const { promgate, gorouter, apps } = scene;
      const tags = gorouter.routes['shop.apps.example.com']?.[0]?.tags ?? {};
      const space = { space_guid: tags['space_id'] };
      const platform = new Platform({ url: promgate.url });
      const tokens = [
        await bindToPush(platform, 'b1', { ...space, app_guid: apps.shop.guid }),
        await bindToPush(platform, 'k1', space),
      ];
      const paths = [apps.shop.path, '/sd/apps', '/routes', '/metrics', '/nowhere'];

      const assertForbidden = async ({ get }: Pick<typeof promgate, 'get'>): Promise<void> => {
        for (const token of tokens) {
          for (const where of paths) {
            const answer = await get(where, bearer(token));
            assert.equal(answer.status, 403, where);
            assert.match(await answer.text(), /the token is of a binding of the push plan/, where);
          }
        }
      };
      await assertForbidden(promgate);

      promgate.kill('SIGKILL');
      await promgate.exited;
      const routes = { gorouter: [gorouterValues(gorouter)] };
      const without = parts.use(await startPromgateProcess({ values: { ...values, routes } }));

      await assertForbidden(without);
      const catalog = await new Platform({ url: without.url }).call('GET', '/catalog');
      assert.equal(catalog.body.services[0].plans.length, 1);
    });
  }
});
