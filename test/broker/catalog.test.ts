import assert from 'node:assert/strict';
import AjvModule from 'ajv-draft-04';
import { DEFAULT_OFFERING } from '../../broker/offering.ts';
import { BASE_URL, OFFERINGS, startBroker, VERSIONS } from './broker-server.ts';

const PLAN_OF_213 = ['bindable', 'description', 'free', 'id', 'metadata', 'name', 'schemas'];
const SERVICE_OF_213 = [
  ...['bindable', 'description', 'id', 'metadata', 'name', 'plan_updateable', 'plans', 'tags'],
];
/** What each version brought, of what we have. */
const SERVICE_SINCE: Readonly<Record<string, readonly string[]>> = {
  '2.14': ['bindings_retrievable', 'instances_retrievable'],
  '2.15': ['allow_context_updates'],
};
const PLAN_SINCE: Readonly<Record<string, readonly string[]>> = { '2.17': ['binding_rotatable'] };

interface Form {
  readonly parameters: Readonly<Record<'$schema', unknown>>;
}

interface PlanOfCatalog {
  readonly schemas: {
    readonly service_instance: { readonly create: Form; readonly update: Form };
    readonly service_binding: { readonly create: Form };
  };
}

function fieldsOf(version: string, first: readonly string[], since: typeof PLAN_SINCE): string[] {
  const later = Object.entries(since).filter(([minor]) => minor <= version);
  return [...first, ...later.flatMap(([, fields]) => fields)].sort();
}

describe('catalog', () => {
  for (const [version, plans, offering] of VERSIONS.flatMap((version) =>
    Object.entries(OFFERINGS).map(([plans, offering]) => [version, plans, offering] as const),
  )) {
    const to = `for ${version} with ${plans}`;

    it(`has ${to} the fields that it knows`, async () => {
      await using broker = await startBroker({ offering });
      const { json } = await broker.send('GET', '/catalog', { version });
      assert.deepEqual(Object.keys(json), ['services']);
      const [service] = json.services;
      const service213 = fieldsOf(version, SERVICE_OF_213, SERVICE_SINCE);
      assert.deepEqual(Object.keys(service).sort(), service213);
      for (const plan of service.plans) {
        assert.deepEqual(Object.keys(plan).sort(), fieldsOf(version, PLAN_OF_213, PLAN_SINCE));
      }
      assert.equal(service.plans.length, offering.pushPlan ? 2 : 1);
      assert.equal(service.plan_updateable, false);
    });

    it(`keeps ${to} to the bounds of Cloud Controller`, async () => {
      await using broker = await startBroker({ offering });
      const { json } = await broker.send('GET', '/catalog', { version });
      const [service] = json.services;
      for (const { name, description, id, bindable } of [service, ...service.plans]) {
        assert.match(name, /^[a-z0-9-]+$/);
        assert.ok(description.length > 0 && description.length <= 255);
        assert.ok(id.length > 0 && id.length <= 255);
        assert.equal(bindable, true);
      }
      assert.ok(service.tags.join('').length <= 2048);
      assert.equal(service.metadata.shareable, false);
      assert.equal(service.metadata.documentationUrl, `${BASE_URL}/doc`);
      assert.ok(JSON.stringify(service.metadata).length <= 10_000);
    });

    it(`has ${to} schemas that are valid, whole and small`, async () => {
      await using broker = await startBroker({ offering });
      const { json } = await broker.send('GET', '/catalog', { version });
      const ajv = new AjvModule.default();
      const forms = json.services[0].plans.flatMap(({ schemas }: PlanOfCatalog) => [
        ...[schemas.service_instance.create, schemas.service_instance.update],
        schemas.service_binding.create,
      ]);
      for (const { parameters } of forms) {
        const text = JSON.stringify(parameters);
        assert.equal(parameters.$schema, 'http://json-schema.org/draft-04/schema#');
        assert.ok(ajv.validateSchema(parameters));
        assert.ok(!text.includes('"$ref"'));
        assert.ok(Buffer.byteLength(text) <= 64 * 1024);
      }
    });
  }

  it("has Promfetcher's ids and names, so that its service instances live on", async () => {
    await using broker = await startBroker();
    const { json } = await broker.send('GET', '/catalog');
    const [service] = json.services;
    assert.deepEqual(
      [service.id, service.plans[0].id, service.name, service.plans[0].name],
      [
        '75bcebab-cc25-4ef6-89dc-a91b953919f1',
        'e2900be3-709b-419e-b63b-de3aabcd9e15',
        'promfetcher',
        'fetch-app',
      ],
    );
  });

  it('has the ids and names that the operator set, and works by them', async () => {
    const offering = { serviceId: 's', planId: 'p', serviceName: 'metrics', planName: 'all' };
    await using broker = await startBroker({ offering });
    const { json } = await broker.send('GET', '/catalog');
    const [{ id, name, plans }] = json.services;
    assert.deepEqual([id, name, plans[0].id, plans[0].name], ['s', 'metrics', 'p', 'all']);
    const body = { service_id: 's', plan_id: 'p', organization_guid: 'o', space_guid: 's' };
    assert.equal((await broker.send('PUT', '/service_instances/i', { body })).status, 201);
    const usual = { ...body, service_id: DEFAULT_OFFERING.serviceId };
    assert.equal((await broker.send('PUT', '/service_instances/j', { body: usual })).status, 400);
  });

  it('is answered with 304 to who has it', async () => {
    await using broker = await startBroker();
    const { headers } = await broker.send('GET', '/catalog');
    const tag = headers.get('etag') ?? '';
    assert.match(tag, /^"[^"]+"$/);
    for (const has of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      const again = await broker.send('GET', '/catalog', { headers: { 'If-None-Match': has } });
      assert.equal(again.status, 304, has);
      assert.equal(again.text, '');
      assert.equal(again.headers.get('etag'), tag);
    }
  });

  it('is answered whole to who has another one', async () => {
    await using broker = await startBroker();
    const { headers } = await broker.send('GET', '/catalog', { version: '2.13' });
    for (const has of [headers.get('etag') ?? '', '"x"', 'x']) {
      const again = await broker.send('GET', '/catalog', { headers: { 'If-None-Match': has } });
      assert.equal(again.status, 200);
      assert.ok(again.json.services);
    }
  });
});
