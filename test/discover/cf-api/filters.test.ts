/** Which apps are taken: by name, by label, and by what they declare. */
import assert from 'node:assert/strict';
import { type CfApiTest, startSource } from '../../support/cf-api/source.ts';
import { EVERYTHING, fillWorld } from './two-organizations.ts';

function namesOf({ table }: Pick<CfApiTest, 'table'>): string[] {
  return Array.from(table.apps(), ([first]) => {
    const { organizationName, spaceName, appName } = first!.app; // an app has instances
    return `${organizationName}/${spaceName}/${appName}`;
  }).sort();
}

describe('the filters of the CF API', () => {
  const cases = [
    [{}, EVERYTHING],
    [{ organizations: ['acm?'] }, EVERYTHING.filter((one) => one.startsWith('acme/'))],
    [{ organizations: ['ACME'] }, EVERYTHING.filter((one) => one.startsWith('acme/'))],
    [{ spaces: ['dev'] }, ['acme/dev/shop', 'globex/dev/shop']],
    [{ apps: ['*-worker', 'cart'] }, ['acme/prod/cart', 'acme/prod/shop-worker']],
    [{ organizations: ['globex', 'none'], apps: ['sh*'] }, ['globex/dev/shop']],
    [{ labelSelector: 'team=payments' }, ['acme/prod/cart']],
    [{ labelSelector: 'team in (payments,shop),!legacy' }, ['acme/prod/cart', 'acme/prod/shop']],
    [{ onlyDeclared: true }, ['acme/prod/cart', 'globex/dev/shop']],
    [{ apps: ['nothing'] }, []],
  ] as const;
  for (const [filters, expected] of cases) {
    it(`select with ${JSON.stringify(filters)} ${expected.join(' ') || 'no app'}`, async () => {
      await using test = await startSource({ prepare: fillWorld, filters });

      await test.swept(1);

      assert.deepEqual(namesOf(test), expected);
      assert.deepEqual(test.told.errors, []);
    });
  }

  it('ask only for the processes and routes of the selected apps', async () => {
    await using test = await startSource({ prepare: fillWorld, filters: { apps: ['cart'] } });

    await test.swept(1);

    const cart = test.api.world.apps.find(({ name }) => name === 'cart')!;
    for (const list of ['/v3/processes', '/v3/routes']) {
      const [asked] = test.api.requests.filter((one) => one.includes(list));
      assert.match(asked ?? '', new RegExp(`app_guids=${cart.guid}(?:&|$)`));
    }
  });

  it('take an app in and out as its name, labels and annotations change', async () => {
    await using test = await startSource({
      prepare: fillWorld,
      filters: { apps: ['cart', 'basket'], organizations: ['acme'] },
    });
    await test.swept(1);
    const cart = test.api.world.apps.find(({ name }) => name === 'cart')!;

    for (const name of ['other', 'basket']) {
      cart.name = name;
      cart.updatedMs = test.api.world.nowMs();
      await test.sweepAgain();
      assert.deepEqual(namesOf(test), name === 'basket' ? ['acme/prod/basket'] : []);
    }
    cart.annotations = { 'prometheus.io/scrape': 'false' };
    cart.updatedMs = test.api.world.nowMs();
    await test.sweepAgain();
    assert.deepEqual(namesOf(test), []);
  });
});
