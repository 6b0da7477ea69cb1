/** Service instances that Promfetcher's broker made, and stored nowhere. */
import assert from 'node:assert/strict';
import { KeyRing } from '../../broker/seal.ts';
import { sealSecrets } from '../../broker/secrets.ts';
import { BIND, IDS, IDS_QUERY, KEY, startBroker, VERSIONS } from './broker-server.ts';

const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;
const CONTEXT = { organization_guid: 'org-1', space_guid: 'space-1' };

describe('adoption', () => {
  for (const version of VERSIONS) {
    it(`takes over an instance that is bound, by ${version}`, async () => {
      await using broker = await startBroker({ adopt: true });
      const body = { ...BIND, context: CONTEXT };
      assert.equal((await broker.send('PUT', B, { version, body })).status, 201);
      assert.equal((await broker.send('PUT', B, { version, body })).status, 200);
      assert.deepEqual(broker.store.instances.get('i'), {
        id: 'i',
        serviceId: IDS.service_id,
        planId: IDS.plan_id,
        organizationId: 'org-1',
        spaceId: 'space-1',
        parameters: '{}',
      });
    });

    it(`takes over an instance that is updated, by ${version}`, async () => {
      await using broker = await startBroker({ adopt: true });
      const body = {
        service_id: IDS.service_id,
        previous_values: { plan_id: IDS.plan_id, organization_id: 'org-1', space_id: 'space-1' },
      };
      const { status, json } = await broker.send('PATCH', I, { version, body });
      assert.equal(status, 200);
      assert.deepEqual(json, {});
      const stored = broker.store.instances.get('i');
      assert.deepEqual([stored?.organizationId, stored?.spaceId], ['org-1', 'space-1']);
      assert.equal((await broker.send('GET', I, { version })).status, 200);
    });
  }

  it('answers who fetches an unknown instance with its ids, and stores nothing', async () => {
    await using broker = await startBroker({ adopt: true });
    const { status, json } = await broker.send('GET', `${I}?${IDS_QUERY}`);
    assert.equal(status, 200);
    assert.deepEqual(json, { ...IDS, parameters: {} });
    assert.equal((await broker.send('GET', I)).status, 404);
    assert.equal((await broker.send('GET', `${I}?service_id=x&plan_id=y`)).status, 404);
    assert.equal(broker.store.instances.size, 0);
  });

  it('takes over nothing with a request that is refused', async () => {
    await using broker = await startBroker({ adopt: true });
    await broker.send('PUT', '/service_instances/j/service_bindings/taken', { body: BIND });
    for (const [method, path, body, status] of [
      ['PUT', B, { ...BIND, parameters: { x: 1 } }, 400],
      ['PUT', B, { ...BIND, service_id: '' }, 400],
      ['PUT', B, { predecessor_binding_id: 'taken' }, 404],
      ['PUT', `${I}/service_bindings/taken`, BIND, 409],
      ['PATCH', I, { ...IDS, parameters: { x: 1 } }, 400],
      ['PATCH', I, { ...IDS, plan_id: 'x' }, 422],
    ] as const) {
      assert.equal((await broker.send(method, path, { body })).status, status);
    }
    assert.deepEqual([...broker.store.instances.keys()], ['j']);
  });

  it('has nothing to delete of an unknown instance', async () => {
    await using broker = await startBroker({ adopt: true });
    assert.equal((await broker.send('DELETE', `${I}?${IDS_QUERY}`)).status, 410);
    assert.equal((await broker.send('DELETE', `${B}?${IDS_QUERY}`)).status, 410);
  });

  it("shows and unbinds a binding of Promfetcher's database, which knows no instance", async () => {
    await using broker = await startBroker({ adopt: true });
    const none = { serviceId: '', planId: '', spaceId: '' };
    broker.store.bindings.set('b', {
      ...{ ...none, instanceId: '', appId: 'app-1', revision: 1 },
      ...sealSecrets('b', { endpoint: '/my' }, new KeyRing(KEY)),
    });
    const { status, json } = await broker.send('GET', B);
    assert.equal(status, 200);
    assert.deepEqual(json.parameters, { endpoint: '/my' });
    assert.match(json.credentials.token, /^promgate_[\w-]{43}$/);
    assert.equal((await broker.send('DELETE', `${B}?${IDS_QUERY}`)).status, 200);
    assert.equal(broker.store.bindings.size, 0);
  });
});
