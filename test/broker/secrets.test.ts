import assert from 'node:assert/strict';
import { freshKey, readKey } from '../../broker/key.ts';
import { KeyRing } from '../../broker/seal.ts';
import { openParameters, openToken } from '../../broker/secrets.ts';
import { freshToken, tokenHash } from '../../broker/token.ts';
import { BIND, KEY, PROVISION, startBroker } from './broker-server.ts';

const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;

describe('secrets of a binding', () => {
  it('are nowhere in the store as they are', async () => {
    await using broker = await startBroker();
    await broker.send('PUT', I, { body: PROVISION });
    const parameters = { endpoint: '/my', headers: { 'X-Api-Key': 'open-sesame' } };
    const { json } = await broker.send('PUT', B, { body: { ...BIND, parameters } });
    const { token } = json.credentials;

    const stored = JSON.stringify([...broker.store.bindings, ...broker.store.instances]);
    assert.ok(!stored.includes(token));
    assert.ok(!/open-sesame|X-Api-Key/.test(stored));
    const found = broker.store.bindings.values().find((one) => one.tokenHash === tokenHash(token));
    assert.ok(found);
    assert.equal(openToken(found, new KeyRing(KEY)), token);
    assert.deepEqual(openParameters(found, new KeyRing(KEY)), parameters);
  });

  it('are the same again after the key was rotated', async () => {
    const fresh = readKey(freshKey().key);
    const path = `${I}/service_bindings/c`;
    await using before = await startBroker();
    await before.send('PUT', I, { body: PROVISION });
    const body = { ...BIND, parameters: { headers: { 'X-A': 'x' } } };
    const first = await before.send('PUT', B, { body });

    await using after = await startBroker({
      store: before.store,
      keys: new KeyRing(fresh, [KEY]),
    });
    const again = await after.send('PUT', B, { body });
    const second = await after.send('PUT', path, { body });

    assert.deepEqual([again.status, again.json], [200, first.json]);
    assert.equal(second.status, 201);
    assert.ok(before.store.bindings.get('c')?.sealedToken.startsWith(`v1.${fresh.id}.`));
  });

  it('cannot be told when their key is gone: the answer says so, and unbinding works', async () => {
    await using before = await startBroker();
    await before.send('PUT', I, { body: PROVISION });
    await before.send('PUT', B, { body: BIND });
    const keys = new KeyRing(readKey(freshKey().key));
    await using after = await startBroker({ store: before.store, keys });
    for (const [method, sending] of [
      ['GET', {}],
      ['PUT', { body: BIND }],
    ] as const) {
      const { status, json } = await after.send(method, B, sending);
      assert.equal(status, 500);
      assert.match(json.description, /the operator must configure the key/);
    }
    const query = '?service_id=x&plan_id=y';
    assert.equal((await after.send('DELETE', B + query)).status, 200);
  });
});

describe('freshToken', () => {
  it('gives 256 bits, never the same', () => {
    const tokens = Array.from({ length: 1000 }, freshToken);
    for (const token of tokens) assert.match(token, /^promgate_[A-Za-z0-9_-]{43}$/);
    assert.equal(new Set(tokens).size, 1000);
  });
});
