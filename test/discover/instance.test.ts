import assert from 'node:assert/strict';
import { toInstance } from '../../src/discover/instance.ts';
import { app, endpoints } from './endpoints.ts';

describe('toInstance', () => {
  const [endpoint] = endpoints(app('shop', ['10.0.0.1:80']));

  it('gives guids in lower case, and other ids as they are', () => {
    const guid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    for (const [tag, appId] of [
      [guid.toUpperCase(), guid],
      [guid, guid],
      ['App-1', 'App-1'],
      [undefined, ''],
    ] as const) {
      const names = ['organization_id', 'space_id', 'app_id', 'process_instance_id'];
      const tags = tag === undefined ? {} : Object.fromEntries(names.map((name) => [name, tag]));
      const { app, processInstanceId } = toInstance({ ...endpoint!, tags }, 'shop.example.com');
      assert.deepEqual(
        [app.organizationId, app.spaceId, app.appId, processInstanceId],
        [appId, appId, appId, appId],
      );
    }
  });
});
