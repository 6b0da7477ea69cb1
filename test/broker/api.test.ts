/** Every row of what the broker answers, in every version that a platform may speak. */
import assert from 'node:assert/strict';
import {
  BASE_URL,
  BIND,
  type BrokerServer,
  IDS,
  IDS_QUERY,
  OFFERINGS,
  PROVISION,
  type Received,
  startBroker,
  VERSIONS,
} from './broker-server.ts';

interface Row {
  readonly title: string;
  /** What has happened before: `i` is provisioned, `b` bound. */
  readonly given?: 'nothing' | 'instance' | 'binding';
  readonly adopt?: boolean;
  readonly call: readonly [method: string, path: string, body?: object | string];
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const I = '/service_instances/i';
const B = `${I}/service_bindings/b`;
const without = (body: object, name: string) => ({ ...body, [name]: undefined });

/** What a field must not be: missing, empty, or no text. */
const notGiven = (method: string, path: string, body: object, name: string): Row[] =>
  [undefined, '', null, 7, {}, ['x'], 'x'.repeat(256)].map((value) => ({
    title: `${method} ${path} with ${name} ${JSON.stringify(value)?.slice(0, 20) ?? 'missing'}`,
    given: path === B ? 'instance' : 'nothing',
    call: [method, path, { ...body, [name]: value }],
    status: 400,
  }));

const BAD_BODIES: readonly (readonly [title: string, body: string])[] = [
  ['no JSON', 'not json'],
  ['nothing', ''],
  ['a list', '[]'],
  ['null', 'null'],
  ['a text', '"x"'],
  ['broken JSON', '{"service_id":'],
  ['a lone surrogate', '{"service_id":"\\ud800"}'],
  ['U+0000', '{"context":{"space_guid":"\\u0000"}}'],
];

const ROWS: readonly Row[] = [
  // Provision
  { title: 'provisions', call: ['PUT', I, PROVISION], status: 201, body: {} },
  {
    title: 'ignores fields that nobody knows, and accepts_incomplete',
    call: ['PUT', `${I}?accepts_incomplete=true`, { ...PROVISION, x: { y: 1 } }],
    status: 201,
    body: {},
  },
  {
    title: 'provisions the same again',
    given: 'instance',
    call: ['PUT', I, { parameters: {}, ...PROVISION }],
    status: 200,
    body: {},
  },
  ...['organization_guid', 'space_guid', 'service_id', 'plan_id'].map(
    (name): Row => ({
      title: `refuses to provision another ${name} under the same id`,
      given: 'instance',
      call: ['PUT', I, { ...PROVISION, [name]: 'other' }],
      status: 409,
    }),
  ),
  {
    title: 'refuses to provision other parameters under the same id',
    given: 'instance',
    call: ['PUT', I, { ...PROVISION, parameters: { a: 1 } }],
    status: 409,
  },
  ...['service_id', 'plan_id', 'organization_guid', 'space_guid'].flatMap((name) =>
    notGiven('PUT', I, PROVISION, name),
  ),
  {
    title: 'refuses to provision an unknown service',
    call: ['PUT', I, { ...PROVISION, service_id: 'x' }],
    status: 400,
  },
  {
    title: 'refuses to provision a plan that is not of the service',
    call: ['PUT', I, { ...PROVISION, plan_id: IDS.service_id }],
    status: 400,
  },
  {
    title: 'refuses to provision with parameters outside of the schema',
    call: ['PUT', I, { ...PROVISION, parameters: { endpoint: '/x' } }],
    status: 400,
  },
  {
    title: 'refuses to provision with parameters that are no object',
    call: ['PUT', I, { ...PROVISION, parameters: [] }],
    status: 400,
  },
  {
    title: 'refuses to provision with maintenance information of another catalog',
    call: ['PUT', I, { ...PROVISION, maintenance_info: { version: '9.9.9' } }],
    status: 422,
    body: {
      error: 'MaintenanceInfoConflict',
      description: 'the catalog has no maintenance_info: fetch the catalog again',
    },
  },
  ...BAD_BODIES.map(
    ([what, body]): Row => ({
      title: `refuses to provision with ${what}`,
      call: ['PUT', I, body],
      status: 400,
    }),
  ),

  ...['organization_guid', 'space_guid', 'service_id', 'plan_id'].map(
    (name): Row => ({
      title: `refuses to provision without ${name} what exists`,
      given: 'instance',
      call: ['PUT', I, { ...PROVISION, parameters: { a: 1 }, [name]: '' }],
      status: 400,
    }),
  ),

  // Update
  {
    title: 'updates nothing',
    given: 'instance',
    call: ['PATCH', I, without(IDS, 'plan_id')],
    status: 200,
    body: {},
  },
  {
    title: 'updates to the same plan and parameters',
    given: 'instance',
    call: ['PATCH', I, { ...IDS, parameters: {}, previous_values: IDS }],
    status: 200,
    body: {},
  },
  {
    title: 'updates the context alone',
    given: 'instance',
    call: ['PATCH', I, { service_id: IDS.service_id, context: { space_name: 'new' } }],
    status: 200,
    body: {},
  },
  ...notGiven('PATCH', I, IDS, 'service_id'),
  {
    title: 'refuses to update an unknown service',
    given: 'instance',
    call: ['PATCH', I, { ...IDS, service_id: 'x' }],
    status: 400,
  },
  {
    title: 'refuses to update parameters outside of the schema',
    given: 'instance',
    call: ['PATCH', I, { ...IDS, parameters: { a: 1 } }],
    status: 400,
  },
  {
    title: 'refuses to update an unknown instance',
    call: ['PATCH', I, IDS],
    status: 404,
  },
  {
    title: 'refuses another plan',
    given: 'instance',
    call: ['PATCH', I, { ...IDS, plan_id: 'other' }],
    status: 422,
    body: {
      instance_usable: true,
      update_repeatable: false,
      description: 'the plan of a service instance cannot be changed',
    },
  },
  {
    title: 'refuses to update with maintenance information of another catalog',
    given: 'instance',
    call: ['PATCH', I, { ...IDS, maintenance_info: { version: '1.0.0' } }],
    status: 422,
    body: {
      error: 'MaintenanceInfoConflict',
      description: 'the catalog has no maintenance_info: fetch the catalog again',
    },
  },
  ...BAD_BODIES.map(
    ([what, body]): Row => ({
      title: `refuses to update with ${what}`,
      given: 'instance',
      call: ['PATCH', I, body],
      status: 400,
    }),
  ),

  // Fetch an instance, and its last operation
  {
    title: 'fetches an instance',
    given: 'instance',
    call: ['GET', I],
    status: 200,
    body: { ...IDS, parameters: {} },
  },
  { title: 'fetches no unknown instance', call: ['GET', I], status: 404 },
  {
    title: 'tells the last operation of an instance',
    given: 'instance',
    call: ['GET', `${I}/last_operation?operation=x`],
    status: 200,
    body: { state: 'succeeded' },
  },
  {
    title: 'tells no last operation of an unknown instance',
    call: ['GET', `${I}/last_operation`],
    status: 404,
  },

  // Deprovision
  {
    title: 'deprovisions',
    given: 'instance',
    call: ['DELETE', `${I}?${IDS_QUERY}`],
    status: 200,
    body: {},
  },
  {
    title: 'deprovisions with what is bound',
    given: 'binding',
    call: ['DELETE', `${I}?accepts_incomplete=false&${IDS_QUERY}`],
    status: 200,
    body: {},
  },
  {
    title: 'has nothing to deprovision',
    call: ['DELETE', `${I}?${IDS_QUERY}`],
    status: 410,
    body: {},
  },
  ...['', '?service_id=x', '?plan_id=x', '?service_id=&plan_id=x'].flatMap((query): Row[] => [
    {
      title: `refuses to deprovision with the query ${query}`,
      given: 'instance',
      call: ['DELETE', I + query],
      status: 400,
    },
    {
      title: `refuses to unbind with the query ${query}`,
      given: 'binding',
      call: ['DELETE', B + query],
      status: 400,
    },
  ]),

  // Bind
  ...notGiven('PUT', B, BIND, 'service_id'),
  ...notGiven('PUT', B, BIND, 'plan_id'),
  ...(['service_id', 'plan_id'] as const).map(
    (name): Row => ({
      title: `refuses to bind an unknown ${name}`,
      given: 'instance',
      call: ['PUT', B, { ...BIND, [name]: 'x' }],
      status: 400,
    }),
  ),
  {
    title: 'refuses to bind with parameters outside of the schema',
    given: 'instance',
    call: ['PUT', B, { ...BIND, parameters: { 'can-not': 'be-good' } }],
    status: 400,
    body: {
      description:
        'parameters must not have "can-not": allowed are endpoint, endpoints, headers, timeout, cache, allow, deny, labels, process, port',
    },
  },
  {
    title: "refuses a timeout beyond the operator's",
    given: 'instance',
    call: ['PUT', B, { ...BIND, parameters: { timeout: '61s' } }],
    status: 400,
    body: {
      description: "parameters.timeout must be at most 60s, the operator's limit, not 61s",
    },
  },
  {
    title: 'refuses to bind what is no app',
    given: 'instance',
    call: ['PUT', B, { ...IDS, bind_resource: { app_guid: 7 } }],
    status: 400,
  },
  {
    title: 'refuses a bind_resource that is no object',
    given: 'instance',
    call: ['PUT', B, { ...IDS, bind_resource: 'app-1' }],
    status: 400,
  },
  { title: 'refuses to bind an unknown instance', call: ['PUT', B, BIND], status: 404 },
  ...BAD_BODIES.map(
    ([what, body]): Row => ({
      title: `refuses to bind with ${what}`,
      given: 'instance',
      call: ['PUT', B, body],
      status: 400,
    }),
  ),
  ...[
    { parameters: { endpoint: '/other' } },
    { parameters: { unknown: 1 } },
    { bind_resource: { app_guid: 'app-2', space_guid: 'space-1' } },
    { bind_resource: { app_guid: 'app-1', space_guid: 'space-2' } },
    { bind_resource: undefined },
    { plan_id: 'other' },
    { service_id: 'other' },
  ].map(
    (other): Row => ({
      title: `refuses to bind ${JSON.stringify(other)} under the same id`,
      given: 'binding',
      call: ['PUT', B, { ...BIND, ...other }],
      status: 409,
    }),
  ),
  {
    title: 'refuses a predecessor in an unknown instance',
    call: ['PUT', B, { predecessor_binding_id: 'nobody', parameters: { endpoint: '/x' } }],
    status: 404,
  },
  {
    title: 'refuses an unknown predecessor',
    given: 'instance',
    call: ['PUT', B, { predecessor_binding_id: 'nobody' }],
    status: 400,
  },

  // Fetch a binding, and its last operation
  { title: 'fetches no unknown binding', given: 'instance', call: ['GET', B], status: 404 },
  {
    title: 'fetches no binding of another instance',
    given: 'binding',
    call: ['GET', '/service_instances/j/service_bindings/b'],
    status: 404,
  },
  {
    title: 'tells the last operation of a binding',
    given: 'binding',
    call: ['GET', `${B}/last_operation`],
    status: 200,
    body: { state: 'succeeded' },
  },
  {
    title: 'tells no last operation of an unknown binding',
    given: 'instance',
    call: ['GET', `${B}/last_operation`],
    status: 404,
  },

  // Unbind
  {
    title: 'unbinds',
    given: 'binding',
    call: ['DELETE', `${B}?${IDS_QUERY}`],
    status: 200,
    body: {},
  },
  {
    title: 'has nothing to unbind',
    given: 'instance',
    call: ['DELETE', `${B}?${IDS_QUERY}`],
    status: 410,
    body: {},
  },
  {
    title: 'unbinds nothing of another instance',
    given: 'binding',
    call: ['DELETE', `/service_instances/j/service_bindings/b?${IDS_QUERY}`],
    status: 410,
    body: {},
  },

  // What is not there at all
  ...['', '/', '/x', '/catalog/', '/service_instances', '/service_instances/', `${B}/x`].map(
    (path): Row => ({ title: `has nothing at ${path}`, call: ['GET', path], status: 404 }),
  ),
  ...(
    [
      ['POST', '/catalog', 'GET, HEAD'],
      ['POST', I, 'PUT, PATCH, DELETE, GET, HEAD'],
      ['PATCH', B, 'PUT, DELETE, GET, HEAD'],
      ['DELETE', `${I}/last_operation`, 'GET, HEAD'],
    ] as const
  ).map(
    ([method, path, allow]): Row => ({
      title: `refuses ${method} ${path}`,
      call: [method, path],
      status: 405,
      headers: { allow },
    }),
  ),
  ...['%', '%ff', '%00', 'x'.repeat(256)].map(
    (id): Row => ({
      title: `refuses the id ${id.slice(0, 9)}`,
      call: ['PUT', `/service_instances/${id}`, PROVISION],
      status: 400,
    }),
  ),
];

for (const [plans, offering] of Object.entries(OFFERINGS)) {
  describe(`broker with ${plans}`, () => {
    // Shared: what a broker makes of its schemas when it is created takes longer than a row.
    let standard: BrokerServer;
    let adopting: BrokerServer;

    before(async () => {
      standard = await startBroker({ adopt: false, offering });
      adopting = await startBroker({ adopt: true, offering });
    });
    beforeEach(() => {
      standard.forget();
      adopting.forget();
    });
    after(async () => {
      await standard?.[Symbol.asyncDispose]();
      await adopting?.[Symbol.asyncDispose]();
    });

    for (const version of VERSIONS) {
      describe(`to a platform of ${version}`, () => {
        for (const row of ROWS) {
          it(`${row.title}: ${row.status}`, async () => {
            const broker = row.adopt ? adopting : standard;
            await prepare(broker, row.given ?? 'nothing');
            const before = snapshot(broker);
            const [method, path, body] = row.call;

            const answer = await broker.send(method, path, {
              version,
              ...(body !== undefined && { body }),
            });

            assert.equal(answer.status, row.status, answer.text);
            assertForm(answer);
            if (row.body) assert.deepEqual(answer.json, row.body);
            for (const [name, value] of Object.entries(row.headers ?? {})) {
              assert.equal(answer.headers.get(name), value);
            }
            if (answer.status >= 400) assert.equal(snapshot(broker), before);
          });
        }

        it('binds an app, and gives the same credentials again', async () => {
          const broker = standard;
          await prepare(broker, 'instance');
          const parameters = {
            endpoint: '/my',
            labels: { a: '1', b: '2' },
            headers: { 'X-A': 'x' },
          };

          const first = await broker.send('PUT', B, { version, body: { ...BIND, parameters } });
          const reordered = {
            headers: { 'X-A': 'x' },
            labels: { b: '2', a: '1' },
            endpoint: '/my',
          };
          const again = await broker.send('PUT', B, {
            version,
            body: { parameters: reordered, app_guid: 'deprecated', ...BIND },
          });
          const fetched = await broker.send('GET', B, { version });

          assert.deepEqual([first.status, again.status, fetched.status], [201, 200, 200]);
          const { token, scrape_config, ...rest } = first.json.credentials;
          assert.match(token, /^promgate_[A-Za-z0-9_-]{43}$/);
          assert.ok(scrape_config.includes(token));
          assert.deepEqual(rest, { url: `${BASE_URL}/v1/apps/app-1/metrics`, endpoint: '/my' });
          assert.deepEqual(Object.keys(first.json), ['credentials']);
          assert.deepEqual(again.json, first.json);
          assert.deepEqual(fetched.json, {
            ...first.json,
            parameters: { endpoint: '/my', labels: { a: '1', b: '2' } },
          });
          assert.equal(broker.changes(), 2);
        });

        it('makes a service key of a binding without an app', async () => {
          const broker = standard;
          await prepare(broker, 'instance');

          const { status, json } = await broker.send('PUT', B, {
            version,
            body: {
              ...IDS,
              bind_resource: { credential_client_id: 'x' },
              context: { space_guid: 'space-1' },
            },
          });

          assert.equal(status, 201);
          assert.equal(json.credentials.url, `${BASE_URL}/sd/apps`);
          assert.equal(json.credentials.endpoint, '/metrics');
          const stored = broker.store.bindings.get('b');
          assert.deepEqual([stored?.appId, stored?.spaceId], [undefined, 'space-1']);
        });

        it('takes the deprecated app_guid where bind_resource has none', async () => {
          const broker = standard;
          await prepare(broker, 'instance');
          const { status } = await broker.send('PUT', B, {
            version,
            body: { ...IDS, app_guid: 'app-9' },
          });
          assert.equal(status, 201);
          const stored = broker.store.bindings.get('b');
          assert.deepEqual([stored?.appId, stored?.spaceId], ['app-9', 'space-1']);
        });

        it('takes an app guid in upper case for the same app', async () => {
          const broker = standard;
          await prepare(broker, 'instance');
          const guid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
          const bind = (id: string) => ({
            version,
            body: { ...BIND, bind_resource: { ...BIND.bind_resource, app_guid: id } },
          });

          const first = await broker.send('PUT', B, bind(guid.toUpperCase()));
          const again = await broker.send('PUT', B, bind(guid));
          const next = `${I}/service_bindings/c`;
          const rotation = {
            version,
            body: { ...bind(guid.toUpperCase()).body, predecessor_binding_id: 'b' },
          };
          const rotated = await broker.send('PUT', next, rotation);

          assert.deepEqual([first.status, again.status, rotated.status], [201, 200, 201]);
          assert.match(first.json.credentials.url, new RegExp(`/v1/apps/${guid}/metrics$`));
          assert.equal(broker.store.bindings.get('b')?.appId, guid);
        });

        it('takes the guid of a space in upper case for the same space', async () => {
          const broker = standard;
          const guid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
          const provision = (space: string) => ({
            version,
            body: { ...PROVISION, space_guid: space },
          });
          const bind = (space: string) => ({
            version,
            body: { ...BIND, bind_resource: { ...BIND.bind_resource, space_guid: space } },
          });

          const statuses: number[] = [];
          for (const space of [guid.toUpperCase(), guid]) {
            statuses.push((await broker.send('PUT', I, provision(space))).status);
          }
          for (const space of [guid, guid.toUpperCase()]) {
            statuses.push((await broker.send('PUT', B, bind(space))).status);
          }

          assert.deepEqual(statuses, [201, 200, 201, 200]);
        });

        it('answers a rotation that is repeated after its predecessor has gone', async () => {
          const broker = standard;
          await prepare(broker, 'instance');
          const parameters = { endpoint: '/my', headers: { 'X-A': 'x' } };
          await broker.send('PUT', B, { version, body: { ...BIND, parameters } });
          const path = `${I}/service_bindings/c`;
          const body = { ...BIND, predecessor_binding_id: 'b' };
          const rotated = await broker.send('PUT', path, { version, body });
          await broker.send('DELETE', `${B}?${IDS_QUERY}`, { version });

          const again = await broker.send('PUT', path, { version, body });
          const same = await broker.send('PUT', path, { version, body: { ...body, parameters } });
          const others = [
            { ...body, parameters: { endpoint: '/other' } },
            { ...body, bind_resource: { ...BIND.bind_resource, app_guid: 'app-2' } },
          ];
          const refused = others.map((other) => broker.send('PUT', path, { version, body: other }));
          const unknown = await broker.send('PUT', `${I}/service_bindings/d`, { version, body });

          assert.deepEqual([rotated.status, again.status, same.status], [201, 200, 200]);
          assert.deepEqual(again.json, rotated.json);
          assert.deepEqual(
            (await Promise.all(refused)).map(({ status }) => status),
            [409, 409],
          );
          assert.equal(unknown.status, 400);
        });

        it('refuses a rotation with parameters of any depth, and a route', async () => {
          const broker = standard;
          await prepare(broker, 'binding');
          const deep = '['.repeat(1e6) + ']'.repeat(1e6);
          const path = `${I}/service_bindings/c`;
          for (const body of [
            `{"predecessor_binding_id":"b","parameters":{"labels":${deep}}}`,
            JSON.stringify({ ...BIND, bind_resource: { route: 'shop.example.com' } }),
            JSON.stringify({ ...BIND, bind_resource: { ...BIND.bind_resource, route: {} } }),
            JSON.stringify({ predecessor_binding_id: 'b', bind_resource: { route: 'a' } }),
          ]) {
            const { status, json } = await broker.send('PUT', path, { version, body });
            assert.equal(status, 400);
            assert.match(json.description, /parameters|route/);
          }
          const none = { ...BIND, bind_resource: { ...BIND.bind_resource, route: null } };
          assert.equal((await broker.send('PUT', path, { version, body: none })).status, 201);
        });

        it('rotates a binding: the successor says the same, and both are valid', async () => {
          const broker = standard;
          await prepare(broker, 'instance');
          const parameters = { endpoint: '/my', headers: { 'X-A': 'x' } };
          const first = await broker.send('PUT', B, { version, body: { ...BIND, parameters } });

          const path = `${I}/service_bindings/c`;
          const rotation = { version, body: { predecessor_binding_id: 'b' } };
          const second = await broker.send('PUT', path, rotation);
          const again = await broker.send('PUT', path, {
            version,
            body: { ...IDS, ...rotation.body },
          });

          assert.deepEqual([second.status, again.status], [201, 200]);
          assert.deepEqual(again.json, second.json);
          assert.notEqual(second.json.credentials.token, first.json.credentials.token);
          const [b, c] = [...broker.store.bindings.values()];
          for (const name of ['appId', 'spaceId', 'parameters', 'planId', 'serviceId'] as const) {
            assert.equal(c?.[name], b?.[name], name);
          }
          assert.ok(c?.sealedHeaders && c.sealedHeaders !== b?.sealedHeaders);
        });
      });
    }
  });
}

async function prepare({ send }: BrokerServer, given: 'nothing' | 'instance' | 'binding') {
  if (given === 'nothing') return;
  assert.equal((await send('PUT', I, { body: PROVISION })).status, 201);
  if (given === 'instance') return;
  assert.equal((await send('PUT', B, { body: BIND })).status, 201);
}

function snapshot({ store, changes }: BrokerServer): string {
  return JSON.stringify([[...store.instances], [...store.bindings], changes()]);
}

/** JSON always; a refusal says why. */
function assertForm({ status, headers, json }: Received): void {
  assert.equal(headers.get('content-type'), 'application/json');
  assert.equal(typeof json, 'object');
  if (status < 400 || status === 410) return;
  assert.ok(typeof json.description === 'string' && json.description !== '');
}
