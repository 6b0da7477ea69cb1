/** Bindings of the plan `push`: what they give, what is fixed in them, and what they refuse. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { DEFAULT_OFFERING } from '../../broker/offering.ts';
import { pushScope } from '../../broker/push-place.ts';
import { pushSnippet } from '../../broker/push-snippet.ts';
import { requireProgram } from '../support/require-program.ts';
import {
  BASE_URL,
  BIND,
  type BrokerServer,
  DEVELOPER,
  IDS,
  IDS_QUERY,
  OFFERINGS,
  PROVISION,
  PUSH_PLAN,
  startBroker,
} from './broker-server.ts';

const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;
const C = `${I}/service_bindings/c`;
const TO_PUSH = { ...IDS, plan_id: PUSH_PLAN.id };
const PROVISION_PUSH = { ...PROVISION, ...TO_PUSH };
const CONTEXT = {
  platform: 'cloudfoundry',
  organization_guid: 'org-1',
  organization_name: 'acme',
  space_guid: 'space-1',
  space_name: 'prod',
};
const BIND_PUSH = {
  ...TO_PUSH,
  bind_resource: { app_guid: 'app-1', space_guid: 'space-1' },
  context: CONTEXT,
};

const open = () => startBroker({ offering: OFFERINGS['two plans']! }); // it has this entry

async function provisioned(): Promise<BrokerServer> {
  const broker = await open();
  assert.equal((await broker.send('PUT', I, { body: PROVISION_PUSH })).status, 201);
  return broker;
}

/** The labels that the stored binding forces. */
function labelsOf({ store }: BrokerServer, id = 'b'): object {
  return Object.fromEntries(pushScope(store.bindings.get(id)!).pushes.labels); // it was just stored
}

describe('a binding of the push plan', () => {
  it('gives the URL, a token and commands, and the same again', async () => {
    await using broker = await provisioned();

    const first = await broker.send('PUT', B, { body: BIND_PUSH });
    const again = await broker.send('PUT', B, { body: { ...BIND_PUSH, parameters: {} } });
    const fetched = await broker.send('GET', B);

    assert.deepEqual([first.status, again.status, fetched.status], [201, 200, 200]);
    const { url, token, snippet, ...rest } = first.json.credentials;
    assert.equal(url, `${BASE_URL}/push`);
    assert.match(token, /^promgate_[A-Za-z0-9_-]{43}$/);
    assert.equal(snippet, pushSnippet(url, token));
    assert.deepEqual(rest, {});
    assert.deepEqual(again.json, first.json);
    assert.deepEqual(fetched.json, { ...first.json, parameters: {} });
  });

  it('keeps the names that the platform gave first, until it is deleted', async () => {
    await using broker = await provisioned();
    const renamed = { ...CONTEXT, organization_name: 'other', space_name: 'other' };
    const named = { ...BIND_PUSH.bind_resource, app_name: 'shop' };

    await broker.send('PUT', B, { body: { ...BIND_PUSH, bind_resource: named } });
    const again = await broker.send('PUT', B, { body: { ...BIND_PUSH, context: renamed } });
    const rotation = { predecessor_binding_id: 'b', context: renamed, parameters: {} };
    const rotated = await broker.send('PUT', C, { body: rotation });

    const expected = {
      app_id: 'app-1',
      app_name: 'shop',
      organization_id: 'org-1',
      organization_name: 'acme',
      space_id: 'space-1',
      space_name: 'prod',
    };
    assert.deepEqual([again.status, rotated.status], [200, 201]);
    assert.deepEqual(labelsOf(broker), expected);
    assert.deepEqual(labelsOf(broker, 'c'), expected);
    assert.equal(rotated.json.credentials.url, `${BASE_URL}/push`);
  });

  it('has for a service key the space, and only the labels that are known', async () => {
    await using broker = await provisioned();
    const body = { ...TO_PUSH, bind_resource: { credential_client_id: 'x' } };

    assert.equal((await broker.send('PUT', B, { body })).status, 201);

    assert.deepEqual(labelsOf(broker), { organization_id: 'org-1', space_id: 'space-1' });
    assert.equal(pushScope(broker.store.bindings.get('b')!).pushes.tenant, 'space:space-1');
  });

  it('is made without a name that cannot be a label', async () => {
    await using broker = await provisioned();
    for (const name of [7, '', null, {}, '\ud800', 'x'.repeat(256)]) {
      const context = { ...CONTEXT, organization_name: name, space_name: name };

      assert.equal((await broker.send('PUT', B, { body: { ...BIND_PUSH, context } })).status, 201);

      const { organization_name, space_name, app_name, ...rest } = labelsOf(broker) as Names;
      assert.deepEqual(
        [organization_name, space_name, app_name],
        [undefined, undefined, undefined],
      );
      assert.deepEqual(rest, { app_id: 'app-1', organization_id: 'org-1', space_id: 'space-1' });
      await broker.send('DELETE', `${B}?${IDS_QUERY}`);
    }
  });

  it('believes an account that serves certain spaces neither organization nor names', async () => {
    await using broker = await open();
    const own = { credential: DEVELOPER };
    await broker.send('PUT', I, {
      ...own,
      body: { ...PROVISION_PUSH, organization_guid: 'org-9' },
    });

    const { status } = await broker.send('PUT', B, { ...own, body: BIND_PUSH });

    assert.equal(status, 201);
    assert.deepEqual(labelsOf(broker), { app_id: 'app-1', space_id: 'space-1' });
  });

  it('is refused with parameters', async () => {
    await using broker = await provisioned();
    for (const parameters of [{ endpoint: '/x' }, { push: { organization_id: 'o' } }]) {
      const { status, json } = await broker.send('PUT', B, { body: { ...BIND_PUSH, parameters } });

      assert.equal(status, 400);
      assert.match(json.description, /bindings of this plan have no parameters/);
    }
  });

  it('is refused where neither an app nor a space is named', async () => {
    await using broker = await provisioned();
    broker.store.instances.set('i', { ...broker.store.instances.get('i')!, spaceId: '' });

    const { status } = await broker.send('PUT', B, { body: TO_PUSH });

    assert.equal(status, 400);
    assert.equal(broker.store.bindings.size, 0);
  });

  it('is refused for an instance of the other plan, and the other way round', async () => {
    await using broker = await provisioned();
    await broker.send('PUT', '/service_instances/j', { body: PROVISION });

    const other = '/service_instances/j/service_bindings/b';
    const answers = [
      await broker.send('PUT', B, { body: BIND }),
      await broker.send('PUT', other, { body: BIND_PUSH }),
    ];
    await broker.send('PUT', B, { body: BIND_PUSH });
    const rotation = { predecessor_binding_id: 'b', plan_id: IDS.plan_id };
    const update = { ...IDS, previous_values: { plan_id: PUSH_PLAN.id } };
    answers.push(await broker.send('PUT', C, { body: rotation }));
    answers.push(await broker.send('PUT', B, { body: BIND }));
    answers.push(await broker.send('PATCH', I, { body: update }));

    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 400, 400, 409, 422],
    );
    assert.match(answers[0]?.json.description, /plan_id is not the plan of this service instance/);
    assert.equal(broker.store.bindings.size, 1);
  });

  it('is never adopted', async () => {
    await using broker = await startBroker({ offering: OFFERINGS['two plans']!, adopt: true });

    assert.equal((await broker.send('PUT', B, { body: BIND_PUSH })).status, 404);
    assert.equal((await broker.send('PUT', B, { body: BIND })).status, 201);
  });

  it('is refused while there is no push gateway; one made before can still be deleted', async () => {
    await using broker = await provisioned();
    await broker.send('PUT', B, { body: BIND_PUSH });
    await using without = await startBroker({ store: broker.store, offering: DEFAULT_OFFERING });
    const query = `service_id=${IDS.service_id}&plan_id=${PUSH_PLAN.id}`;

    const made = await without.send('PUT', '/service_instances/j', { body: PROVISION_PUSH });
    const bound = await without.send('PUT', C, { body: BIND_PUSH });
    const shown = await without.send('GET', B);
    const rotated = await without.send('PUT', C, { body: { predecessor_binding_id: 'b' } });
    const deleted = await without.send('DELETE', `${B}?${query}`);

    assert.deepEqual(
      [made, bound, shown, rotated, deleted].map(({ status }) => status),
      [400, 400, 200, 201, 200],
    );
    assert.equal(shown.json.credentials.url, `${BASE_URL}/push`);
    assert.equal(rotated.json.credentials.url, `${BASE_URL}/push`);
  });
});

interface Names {
  readonly organization_name?: string;
  readonly space_name?: string;
  readonly app_name?: string;
}

describe('pushSnippet', () => {
  it('pushes with the token and the guid of the instance, whatever host the URL names', async function () {
    requireProgram(this, 'curl');
    const seen: { url?: string; headers?: IncomingHttpHeaders; body: string } = { body: '' };
    const server = createServer((req, res) => {
      Object.assign(seen, { url: req.url, headers: req.headers });
      req.setEncoding('utf8').on('data', (text) => {
        seen.body += text;
      });
      req.on('end', () => res.end('ok'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo; // it listens
    try {
      const snippet = pushSnippet(`http://127.0.0.1:${port}/it's$HOME\`id\`/push`, 'promgate_x');

      await promisify(execFile)('sh', ['-c', snippet], { env: { CF_INSTANCE_GUID: 'guid-1' } });

      assert.match(seen.url ?? '', /^\/it's\$HOME(?:`|%60)id(?:`|%60)\/push\/metrics$/);
      assert.equal(seen.headers?.authorization, 'Bearer promgate_x');
      assert.equal(seen.headers?.['x-push-source'], 'guid-1');
      assert.equal(seen.body, '# TYPE my_jobs_total counter\nmy_jobs_total{result="ok"} 1\n');
    } finally {
      server.close();
    }
  });
});
