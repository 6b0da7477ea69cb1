import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type NatsMessage, readMessage } from '../../src/discover/nats-message.ts';

/** A message as Diego's route-emitter writes it. */
const whole = {
  host: '10.0.0.1',
  port: 61000,
  tls_port: 61001,
  protocol: 'http2',
  uris: ['Shop.example.com', 'shop.example.com/Path/?x'],
  tags: { app_id: 'a-guid', instance_id: '3', process_type: 'web' },
  app: 'a-guid',
  availability_zone: 'z1',
  stale_threshold_in_seconds: 90,
  private_instance_id: 'i-guid',
  private_instance_index: '3',
  server_cert_domain_san: 'i-guid',
  isolation_segment: 'iso',
  endpoint_updated_at_ns: 1_700_000_000_000_000_000,
};

function read(json: unknown): NatsMessage | string {
  return readMessage(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)), 120);
}

function endpointOf(json: unknown) {
  const message = read(json);
  assert.ok(typeof message === 'object', `refused: ${message}`);
  return message.endpoint;
}

describe('readMessage', () => {
  it('reads every field', () => {
    const message = read(whole);

    assert.deepEqual(message, {
      endpoint: {
        address: '10.0.0.1:61001',
        tls: true,
        protocol: 'http2',
        serverCertDomainSan: 'i-guid',
        privateInstanceId: 'i-guid',
        availabilityZone: 'z1',
        isolationSegment: 'iso',
        routeServiceUrl: '',
        ttlSeconds: 90,
        tags: { app_id: 'a-guid', instance_id: '3', process_type: 'web' },
      },
      routes: ['shop.example.com', 'shop.example.com/path'],
      refusedRoutes: 0,
      sizeBytes: JSON.stringify(whole).length,
    });
  });

  it('takes the TLS port when there is one, else the plain port without TLS', () => {
    for (const tlsPort of [0, null, undefined]) {
      const { address, tls } = endpointOf({ ...whole, tls_port: tlsPort });
      assert.deepEqual([address, tls], ['10.0.0.1:61000', false]);
    }
    const { address } = endpointOf({ ...whole, port: undefined });
    assert.equal(address, '10.0.0.1:61001');
  });

  it('puts an IPv6 host in brackets', () => {
    assert.equal(endpointOf({ ...whole, host: 'FD00::1' }).address, '[fd00::1]:61001');
  });

  it('believes an endpoint for its threshold, but never longer than gorouter does', () => {
    for (const [threshold, seconds] of [
      [30, 30],
      [120, 120],
      [500, 120],
      [0, 120],
      [-5, 120],
      [undefined, 120],
      ['30', 120],
    ] as const) {
      const { ttlSeconds } = endpointOf({ ...whole, stale_threshold_in_seconds: threshold });
      assert.equal(ttlSeconds, seconds, String(threshold));
    }
  });

  it('takes guid and index from beside the tags where the tags lack them', () => {
    const expected = { app_id: 'a-guid', instance_id: '3' };
    assert.deepEqual(endpointOf({ ...whole, tags: undefined }).tags, expected);
    assert.deepEqual(endpointOf({ ...whole, tags: { app_id: '' } }).tags, expected);
    const other = { app_id: 'b', instance_id: '4' };
    assert.deepEqual(endpointOf({ ...whole, tags: other }).tags, other);
    assert.deepEqual(
      endpointOf({ ...whole, tags: null, app: '', private_instance_index: '' }).tags,
      {},
    );
  });

  it('says http1 when no protocol is named', () => {
    assert.equal(endpointOf({ ...whole, protocol: '' }).protocol, 'http1');
  });

  it('takes the routes that are routes, each once', () => {
    const message = read({
      ...whole,
      uris: ['a b', 5, null, '', 'r.example.com', 'R.example.com/'],
    });

    assert.ok(typeof message === 'object');
    assert.deepEqual(message.routes, ['r.example.com']);
    assert.equal(message.refusedRoutes, 4);
  });

  const refused: readonly [json: unknown, reason: string][] = [
    ['', 'json'],
    ['{', 'json'],
    ['\u0000\u00ff', 'json'],
    ['null', 'shape'],
    ['[]', 'shape'],
    ['{}', 'shape'],
    [{ ...whole, uris: null }, 'shape'],
    [{ ...whole, uris: 'r.example.com' }, 'shape'],
    [{ ...whole, host: '' }, 'address'],
    [{ ...whole, host: 5 }, 'address'],
    [{ ...whole, host: '10.0.0.1:80' }, 'address'],
    [{ ...whole, host: 'a/b' }, 'address'],
    [{ ...whole, port: 0, tls_port: 0 }, 'address'],
    [{ ...whole, tls_port: '61001' }, 'address'],
    [{ ...whole, tls_port: 70_000 }, 'address'],
    [{ ...whole, tls_port: 61.5 }, 'address'],
    [{ ...whole, tls_port: -1 }, 'address'],
    [{ ...whole, tags: 5 }, 'shape'],
    [{ ...whole, tags: ['x'] }, 'shape'],
    [{ ...whole, protocol: {} }, 'shape'],
    [{ ...whole, route_service_url: 'http://rs.example.com' }, 'shape'],
    [{ ...whole, route_service_url: 5 }, 'shape'],
    [{ ...whole, route_service_url: { toString: null, valueOf: null } }, 'shape'],
    [{ ...whole, uris: Array.from({ length: 5000 }, () => 'r') }, 'too-many'],
    [{ ...whole, protocol: 'x'.repeat(100_000) }, 'too-long'],
    [`{"x":"${'x'.repeat(300_000)}"}`, 'too-long'],
  ];
  for (const [json, reason] of refused) {
    const text = typeof json === 'string' ? json : JSON.stringify(json);
    it(`refuses ${text.slice(0, 70)} for its ${reason}`, () => assert.equal(read(json), reason));
  }

  it('is harmed by no message', () => {
    const textless = { toString: null, valueOf: null }; // String(textless) throws
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('10.0.0.1', 80, 61001, textless));
    const key = fc.constantFrom(...Object.keys(whole), 'route_service_url', '__proto__');
    const message = fc.dictionary(key, value);
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), message), fc.boolean(), (json, isGood) => {
        const isMergeable = isGood && typeof json === 'object' && json !== null;
        const result = read(isMergeable ? { ...whole, ...json } : (json ?? 'null'));
        if (typeof result !== 'object') return;
        assert.match(result.endpoint.address, /^[^\s/@]+:\d+$/);
        assert.ok(result.endpoint.ttlSeconds > 0 && result.endpoint.ttlSeconds <= 120);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        assert.equal(typeof readMessage(bytes, 120), 'string');
      }),
    );
  });
});
