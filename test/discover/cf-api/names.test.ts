/** The CF API names the apps of endpoints that other sources announce without names. */
import assert from 'node:assert/strict';
import { selectInstances } from '../../../src/discover/select.ts';
import { parseSelector } from '../../../src/discover/selector.ts';
import { startSource } from '../../support/cf-api/source.ts';
import type { WorldApp } from '../../support/cf-api/world.ts';
import { addressesOf, app, putApps } from '../endpoints.ts';

describe('names of apps', () => {
  it('are learnt by the CF API, also of apps that its filters leave out, and follow a new name', async () => {
    let shop: WorldApp | undefined;
    await using test = await startSource({
      filters: { apps: ['none'] },
      prepare: ({ world }, space) => {
        shop = world.push({ name: 'shop', space });
      },
    });
    const layer = test.table.layer();
    const nameless = { app_name: '', space_name: '', organization_name: '', app_id: shop!.guid };
    putApps(layer, [app('x', ['10.0.0.1:61001'], { tags: nameless })]);
    const found = (path: string): string[] =>
      addressesOf(selectInstances(test.table, parseSelector({ path })));

    assert.deepEqual(found('acme/prod/shop'), []);
    await test.swept(1);
    assert.deepEqual(found('acme/prod/shop'), ['10.0.0.1:61001']);

    shop!.name = 'store';
    shop!.updatedMs = test.api.world.nowMs();
    await test.sweepAgain();
    assert.deepEqual(found('acme/prod/shop'), []);
    assert.deepEqual(found('acme/prod/store'), ['10.0.0.1:61001']);
  });

  it('of a message that has them come before those of the API', async () => {
    let shop: WorldApp | undefined;
    await using test = await startSource({
      prepare: ({ world }, space) => {
        shop = world.push({ name: 'shop', space });
      },
    });
    const tags = { app_id: shop!.guid, app_name: 'told' };
    putApps(test.table.layer(), [app('x', ['10.0.0.1:61001'], { tags })]);

    await test.swept(1);

    const found = selectInstances(test.table, parseSelector({ path: 'sys/tools/told' }));
    assert.deepEqual(addressesOf(found), ['10.0.0.1:61001']);
  });
});
