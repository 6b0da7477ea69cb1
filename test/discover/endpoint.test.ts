import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endpointJson, readEndpoint, sameEndpoint } from '../../src/discover/endpoint.ts';
import type { Endpoint } from '../../src/discover/instance.ts';
import { endpointsOf } from '../support/foundation.ts';

/** One endpoint as gorouter prints it. */
const [good] = endpointsOf({
  organization: 'sys',
  space: 'tools',
  name: 'shop',
  addresses: ['10.0.0.1:61001'],
  tls: true,
  tags: { __proto__x: 'kept' },
});
assert.ok(good);

describe('readEndpoint', () => {
  it('reads what gorouter prints, and endpointJson prints the same again', () => {
    const printed = {
      ...good,
      isolation_segment: 'iso',
      route_service_url: 'https://rs.example.com',
    };

    const endpoint = readEndpoint(printed);

    assert.ok(typeof endpoint === 'object');
    assert.deepEqual(JSON.parse(JSON.stringify(endpointJson(endpoint))), printed);
  });

  it('leaves out of the print what gorouter leaves out when it is empty', () => {
    const endpoint = readEndpoint({ address: 'host:80' });

    assert.ok(typeof endpoint === 'object');
    assert.equal(
      JSON.stringify(endpointJson(endpoint)),
      '{"address":"host:80","availability_zone":"","protocol":"","tls":false,"ttl":0,"tags":{}}',
    );
  });

  const refused: readonly [json: string, reason: string][] = [
    ['null', 'shape'],
    ['[]', 'shape'],
    ['"10.0.0.1:80"', 'shape'],
    ['{}', 'address'],
    ['{"address":null}', 'address'],
    ['{"address":80}', 'address'],
    ['{"address":"10.0.0.1"}', 'address'],
    ['{"address":"10.0.0.1:80","tls":"true"}', 'shape'],
    ['{"address":"10.0.0.1:80","tls":1}', 'shape'],
    ['{"address":"10.0.0.1:80","protocol":2}', 'shape'],
    ['{"address":"10.0.0.1:80","tags":5}', 'shape'],
    ['{"address":"10.0.0.1:80","tags":["app_id"]}', 'shape'],
    ['{"address":"10.0.0.1:80","server_cert_domain_san":"a\\u0000b"}', 'shape'],
    ['{"address":"10.0.0.1:80","private_instance_id":{}}', 'shape'],
    [`{"address":"10.0.0.1:80","protocol":"${'x'.repeat(70_000)}"}`, 'too-long'],
    [`{"address":"10.0.0.1:80","tags":{"${'x'.repeat(70_000)}":""}}`, 'too-long'],
    [
      `{"address":"10.0.0.1:80","tags":{${Array.from({ length: 600 }, (_, i) => `"${i}":""`)}}}`,
      'too-many',
    ],
  ];
  for (const [json, reason] of refused) {
    it(`refuses ${json.slice(0, 60)} for its ${reason}`, () =>
      assert.equal(readEndpoint(JSON.parse(json)), reason));
  }

  const tags: readonly [json: string, expected: string][] = [
    ['null', '{}'],
    ['{"app_id":"x"}', '{"app_id":"x"}'],
    ['{"instance_id":0,"ok":true,"app_id":null,"x":{},"y":[]}', '{"instance_id":"0","ok":"true"}'],
    ['{"constructor":"c","toString":"t"}', '{"constructor":"c","toString":"t"}'],
  ];
  for (const [json, expected] of tags) {
    it(`reads tags ${json}`, () => {
      const endpoint = readEndpoint(JSON.parse(`{"address":"host:80","tags":${json}}`));
      assert.ok(typeof endpoint === 'object');
      assert.equal(JSON.stringify(endpoint.tags), expected);
    });
  }

  it('keeps a tag called __proto__ a tag', () => {
    for (const other of ['"x"', '1']) {
      const json = `{"address":"host:80","tags":{"__proto__":"evil","n":${other}}}`;
      const endpoint = readEndpoint(JSON.parse(json));
      assert.ok(typeof endpoint === 'object');
      assert.deepEqual(Object.keys(endpoint.tags), ['__proto__', 'n']);
      assert.equal(Object.getPrototypeOf(endpoint.tags), Object.prototype);
    }
    assert.equal(Object.hasOwn(Object.prototype, 'evil'), false);
  });

  it('takes any JSON without a fault, and what it gives is an endpoint', () => {
    const fields = Object.keys(good).concat('isolation_segment', 'route_service_url');
    const hostile = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue());
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostile), fc.boolean(), (json, isGood) => {
        const merged = isGood && typeof json === 'object' ? { ...good, ...json } : json;
        const endpoint = readEndpoint(merged);
        if (typeof endpoint === 'object') assertEndpoint(endpoint);
      }),
    );
  });
});

describe('sameEndpoint', () => {
  it('sees every field', () => {
    const endpoint = readEndpoint(good);
    assert.ok(typeof endpoint === 'object');
    assert.ok(sameEndpoint(endpoint, structuredClone(endpoint)));
    for (const [key, value] of Object.entries(endpoint)) {
      const other = typeof value === 'string' ? `${value}x` : { more: 'x' };
      assert.ok(!sameEndpoint(endpoint, { ...endpoint, [key]: other }), key);
    }
    const { app_id: _, ...fewer } = endpoint.tags;
    assert.ok(!sameEndpoint(endpoint, { ...endpoint, tags: fewer }));
    assert.ok(!sameEndpoint(endpoint, { ...endpoint, tags: { ...fewer, toString: 'x' } }));
  });
});

function assertEndpoint(endpoint: Endpoint): void {
  const { address, tls, ttlSeconds, tags, ...texts } = endpoint;
  assert.match(address, /^[^\s/@]+:\d+$/);
  assert.equal(typeof tls, 'boolean');
  assert.ok(ttlSeconds >= 0 && Number.isFinite(ttlSeconds));
  for (const text of [...Object.values(texts), ...Object.values(tags)]) {
    assert.equal(typeof text, 'string');
  }
}
