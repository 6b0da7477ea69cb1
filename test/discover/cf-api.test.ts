import assert from 'node:assert/strict';
import { selectInstances } from '../../src/discover/select.ts';
import { parseSelector } from '../../src/discover/selector.ts';
import { startSource } from '../support/cf-api/source.ts';
import type { WorldApp } from '../support/cf-api/world.ts';

describe('startCfApi', () => {
  it('lists the instances of an app with names, routes and states, after one sweep', async () => {
    let shop: WorldApp | undefined;
    await using test = await startSource({
      prepare: ({ world }, space) => {
        shop = world.push({ name: 'shop', space, instances: 2 });
        world.map(shop, { host: 'shop', domain: world.internalDomain });
      },
    });

    await test.swept(1);

    const found = selectInstances(test.table, parseSelector({ path: 'acme/prod/shop' }));
    assert.deepEqual(
      found.map(({ index, target }) => [index, target?.state, target?.processId]),
      [
        ['0', 'RUNNING', shop?.guid],
        ['1', 'RUNNING', shop?.guid],
      ],
    );
    assert.deepEqual(
      found[0]?.target?.routes.map(({ url, internal, appPort }) => [url, internal, appPort]),
      [
        ['shop.apps.example.com', false, 8080],
        ['shop.apps.internal', true, 8080],
      ],
    );
    assert.deepEqual(test.paths(), [
      '/',
      '/uaa/oauth/token',
      '/v3/apps',
      '/v3/processes',
      '/v3/routes',
      '/v3/service_instances',
    ]);
  });
});
