/** Accounts that serve certain spaces only: here `developer`, with `space-1` and `space-2`. */
import assert from 'node:assert/strict';
import {
  BIND,
  type BrokerServer,
  DEVELOPER,
  IDS,
  IDS_QUERY,
  PROVISION,
  startBroker,
} from './broker-server.ts';

const FOREIGN = { ...PROVISION, space_guid: 'space-9' };
const FOREIGN_BIND = { ...IDS, bind_resource: { app_guid: 'app-9', space_guid: 'space-9' } };
const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;

const asDeveloper = (body?: object) => ({ credential: DEVELOPER, ...(body && { body }) });

/** `i` and `b` of a space that is not the developer's. */
async function startWithForeign(adopt: boolean): Promise<BrokerServer> {
  const broker = await startBroker({ adopt });
  assert.equal((await broker.send('PUT', I, { body: FOREIGN })).status, 201);
  assert.equal((await broker.send('PUT', B, { body: FOREIGN_BIND })).status, 201);
  return broker;
}

const stored = ({ store }: BrokerServer) =>
  JSON.stringify([[...store.instances], [...store.bindings]]);

describe('an account with spaces', () => {
  it('does all that is to be done in its spaces', async () => {
    await using broker = await startBroker();
    for (const [method, path, status, body] of [
      ['PUT', I, 201, PROVISION],
      ['PUT', I, 200, PROVISION],
      ['GET', I, 200],
      ['PATCH', I, 200, IDS],
      ['PUT', B, 201, BIND],
      ['PUT', B, 200, BIND],
      ['PUT', `${I}/service_bindings/key`, 201, { ...IDS, context: { space_guid: 'space-1' } }],
      ['GET', B, 200],
      ['GET', `${B}/last_operation`, 200],
      ['DELETE', `${B}?${IDS_QUERY}`, 200],
      ['DELETE', `${I}?${IDS_QUERY}`, 200],
    ] as const) {
      const answer = await broker.send(method, path, asDeveloper(body));
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    }
  });

  for (const adopt of [false, true]) {
    it(`finds of others the same as of nobody, ${adopt ? 'while' : 'unless'} adopting`, async () => {
      await using broker = await startWithForeign(adopt);
      const before = stored(broker);
      for (const [method, path, status, body] of [
        ['GET', I, 404],
        ['GET', `${I}?${IDS_QUERY}`, 404],
        ['GET', `${I}/last_operation`, 404],
        ['PATCH', I, 404, { ...IDS, context: { space_guid: 'space-1' } }],
        ['DELETE', `${I}?${IDS_QUERY}`, 410],
        ['PUT', B, 404, BIND],
        ['PUT', `${I}/service_bindings/new`, 404, BIND],
        ['PUT', `${I}/service_bindings/new`, 404, { predecessor_binding_id: 'b' }],
        ['GET', B, 404],
        ['GET', `${B}/last_operation`, 404],
        ['DELETE', `${B}?${IDS_QUERY}`, 410],
      ] as const) {
        const foreign = await broker.send(method, path, asDeveloper(body));
        assert.equal(foreign.status, status, `${method} ${path}: ${foreign.text}`);
        assert.ok(!/space-9|app-9/.test(foreign.text));
        if (adopt) continue; // then nobody's instances are taken over
        const nobodys = path.replace('/i', '/nobody').replace('/b', '/none');
        const unknown = await broker.send(method, nobodys, asDeveloper(body));
        assert.equal(foreign.text, unknown.text);
      }
      assert.equal(stored(broker), before);
    });
  }

  it('cannot take an id of others', async () => {
    await using broker = await startWithForeign(false);
    const before = stored(broker);
    const instance = await broker.send('PUT', I, asDeveloper(PROVISION));
    assert.equal(instance.status, 409);
    await broker.send('PUT', '/service_instances/own', asDeveloper(PROVISION));
    const binding = await broker.send(
      'PUT',
      '/service_instances/own/service_bindings/b',
      asDeveloper(BIND),
    );
    assert.equal(binding.status, 409);
    assert.ok(!/space-9|app-9/.test(instance.text + binding.text));
    await broker.send('DELETE', `/service_instances/own?${IDS_QUERY}`, asDeveloper());
    assert.equal(stored(broker), before);
  });

  it('is refused any other space', async () => {
    await using broker = await startBroker({ spaceOfApp: (app) => `space-${app.at(-1)}` });
    await broker.send('PUT', I, asDeveloper(PROVISION));
    const before = stored(broker);
    for (const [path, body] of [
      ['/service_instances/j', FOREIGN],
      [B, FOREIGN_BIND],
      [B, { ...IDS, app_guid: 'app-1', context: { space_guid: 'space-9' } }],
      [B, { ...IDS, context: { space_guid: 'space-9' } }], // a service key
      [B, { ...IDS, bind_resource: { app_guid: 'app-9', space_guid: 'space-1' } }],
    ] as const) {
      const { status, json } = await broker.send('PUT', path, asDeveloper(body));
      assert.equal(status, 400);
      assert.match(json.description, /space/);
    }
    assert.equal(stored(broker), before);
  });

  it('adopts nothing: whose an instance of Promfetcher is, nobody can tell', async () => {
    await using broker = await startBroker({ adopt: true });
    const before = stored(broker);
    for (const [method, path, body] of [
      ['PUT', B, BIND],
      ['PUT', B, FOREIGN_BIND],
      ['PUT', B, IDS],
      ['PATCH', I, IDS],
      ['PATCH', I, { ...IDS, context: { space_guid: 'space-1' } }],
    ] as const) {
      const { status } = await broker.send(method, path, asDeveloper(body));
      assert.equal(status, 404);
    }
    assert.equal((await broker.send('GET', `${I}?${IDS_QUERY}`, asDeveloper())).status, 404);
    assert.equal(stored(broker), before);
  });
});

describe('a service instance', () => {
  it('takes no binding of another space: its own space could delete it', async () => {
    await using broker = await startBroker();
    await broker.send('PUT', I, { body: PROVISION });
    const other = { app_guid: 'app-9', space_guid: 'space-9' };

    const { status, json } = await broker.send('PUT', B, {
      body: { ...IDS, bind_resource: other },
    });

    assert.equal(status, 400);
    assert.match(json.description, /another space/);
    assert.equal(broker.store.bindings.size, 0);
  });
});
