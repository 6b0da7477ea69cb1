import assert from 'node:assert/strict';
import { ownerOf } from '../../src/discover/claims.ts';
import { app, endpoints } from './endpoints.ts';

describe('ownerOf', () => {
  it('takes guids in upper and lower case for the same instance', () => {
    const [endpoint] = endpoints(app('shop', ['10.0.0.1:80']));
    const guid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
    const owner = (id: string): string =>
      ownerOf({ ...endpoint!, tags: { app_id: id, process_instance_id: id } });

    assert.equal(owner(guid.toUpperCase()), owner(guid));
    assert.notEqual(owner('App-1'), owner('app-1'));
  });
});
