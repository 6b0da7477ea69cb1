/** The witness finds samples under a wrong name or index, and one instance under two addresses. */
import assert from 'node:assert/strict';
import { wrongIdentities } from './witness.ts';

const GOOD = {
  ...{ own_app: 'a', app_id: 'a', own_name: 'shop', app_name: 'shop', own_space: 'dev' },
  ...{ space_name: 'dev', own_organization: 'acme', organization_name: 'acme' },
  ...{ own_index: '0', index: '0', own_instance: 'i', instance: '127.0.0.1:80' },
};

describe('wrongIdentities', () => {
  it('finds nothing in what is right', () => {
    assert.deepEqual(wrongIdentities([GOOD, { ...GOOD, own_instance: 'j' }]), []);
  });

  it('finds a label that is not what the instance says', () => {
    for (const label of ['app_id', 'app_name', 'space_name', 'organization_name', 'index']) {
      assert.equal(wrongIdentities([{ ...GOOD, [label]: 'other' }]).length, 1, label);
    }
  });

  it('finds an instance under two addresses', () => {
    assert.equal(wrongIdentities([GOOD, { ...GOOD, instance: '127.0.0.2:80' }]).length, 2);
  });
});
