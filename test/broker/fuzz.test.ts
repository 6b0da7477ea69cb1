/** Whatever is sent: the answer is JSON, no mistake of ours, and what is refused changes nothing. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SLOW_MS } from '../support/limits.ts';
import {
  ADMIN,
  BIND,
  type BrokerServer,
  DEVELOPER,
  IDS,
  IDS_QUERY,
  PROVISION,
  startBroker,
  VERSIONS,
} from './broker-server.ts';

const RUNS = { numRuns: 750 };

const id = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('i', 'j', 'a%2Fb') },
  { weight: 1, arbitrary: fc.constantFrom('%00', '%', '__proto__', '%F0%9F%98%80') },
);

const text = fc.oneof(
  fc.constantFrom(...Object.values(IDS), 'org-1', 'space-1', 'space-9', 'app-1', 'b', ''),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

const rarely = <T, U>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 20, arbitrary: usual }, { weight: 1, arbitrary: other });

const given = <T>(usual: fc.Arbitrary<T>) => rarely(usual, fc.jsonValue({ maxDepth: 2 }));

const body = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .record(
        {
          service_id: rarely(fc.constant(IDS.service_id), text),
          plan_id: rarely(fc.constant(IDS.plan_id), text),
          organization_guid: given(text),
          space_guid: given(text),
          app_guid: given(text),
          bind_resource: given(
            fc.record({ app_guid: text, space_guid: text }, { requiredKeys: [] }),
          ),
          context: given(fc.record({ organization_guid: text, space_guid: text })),
          previous_values: given(fc.record({ plan_id: text, space_id: given(text) })),
          parameters: given(
            fc.record(
              {
                endpoint: fc.constantFrom('/a', '/b', 'c'),
                headers: fc.dictionary(fc.string(), fc.string()),
                timeout: fc.constantFrom('1s', '2m'),
                labels: fc.dictionary(fc.string(), fc.string()),
              },
              { requiredKeys: [] },
            ),
          ),
          maintenance_info: given(fc.constantFrom(null, {}, { version: '1.0.0' })),
          predecessor_binding_id: given(fc.constantFrom('', 'i', 'j', 'nobody')),
        },
        { requiredKeys: ['service_id', 'plan_id', 'space_guid'], noNullPrototype: true },
      )
      .map((value) => JSON.stringify(value)),
  },
  { weight: 3, arbitrary: fc.constantFrom(PROVISION, BIND).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);

const path = fc.oneof(
  { weight: 5, arbitrary: id.map((i) => `/service_instances/${i}`) },
  {
    weight: 5,
    arbitrary: fc.tuple(id, id).map(([i, b]) => `/service_instances/${i}/service_bindings/${b}`),
  },
  { weight: 1, arbitrary: fc.webPath() },
);

const query = fc.oneof(
  fc.constant(`?${IDS_QUERY}`),
  fc.webQueryParameters().map((text) => `?${text}`),
  fc.constant(''),
);

const request = fc.record({
  method: rarely(
    fc.constantFrom('GET', 'PUT', 'PUT', 'PUT', 'PATCH', 'DELETE'),
    fc.constantFrom('POST', 'OPTIONS'),
  ),
  path,
  tail: rarely(fc.constant(''), fc.constantFrom('/last_operation', '/', '/x')),
  query,
  body,
  version: rarely(fc.constantFrom(...VERSIONS), fc.stringMatching(/^[\x21-\x7e]{0,5}$/)),
  credential: rarely(fc.constantFrom(ADMIN, ADMIN, DEVELOPER), fc.constant('x:y')),
});

describe('broker, whatever is sent', function () {
  this.timeout(SLOW_MS);

  for (const adopt of [false, true]) {
    it(`answers in JSON, ${adopt ? 'adopting' : 'not adopting'}`, async () => {
      await using broker = await startBroker({ adopt });
      const seen = new Map<number, number>();
      await fc.assert(
        fc.asyncProperty(request, async ({ method, path, tail, query, ...sending }) => {
          const before = snapshot(broker);
          const hasBody = method !== 'GET' && method !== 'OPTIONS';
          const answer = await broker.send(method, path + tail + query, {
            version: sending.version,
            credential: sending.credential,
            ...(hasBody && { body: sending.body }),
          });
          seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
          assert.ok(answer.status < 500, answer.text);
          assert.equal(answer.headers.get('content-type'), 'application/json');
          assert.ok(typeof answer.json === 'object' && answer.json !== null);
          if (answer.status >= 400) assert.equal(snapshot(broker), before);
          if (answer.status >= 400 && answer.status !== 410) assert.ok(answer.json.description);
          assertKept(broker);
        }),
        RUNS,
      );
      for (const status of [200, 201, 400, 401, 404, 405, 409, 410, 412]) {
        assert.ok(seen.has(status), `${status} never occurred: the requests are too wild`);
      }
    });
  }
});

/** What must hold of all that is stored. */
function assertKept({ store }: BrokerServer): void {
  for (const { id, instanceId, tokenHash, parameters } of store.bindings.values()) {
    assert.ok(store.instances.has(instanceId), id);
    assert.match(tokenHash, /^[0-9a-f]{64}$/);
    assert.ok(!('headers' in JSON.parse(parameters)));
  }
}

function snapshot({ store, changes }: BrokerServer): string {
  return JSON.stringify([[...store.instances], [...store.bindings], changes()]);
}
