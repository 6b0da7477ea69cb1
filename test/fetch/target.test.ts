import assert from 'node:assert/strict';
import { type Endpoint, toInstance } from '../../src/discover/instance.ts';
import { instanceTarget } from '../../src/fetch/target.ts';

const endpoint: Endpoint = {
  address: '10.0.16.4:61001',
  tls: true,
  protocol: 'http1',
  serverCertDomainSan: 'b7e0',
  privateInstanceId: 'b7e0',
  availabilityZone: 'z1',
  isolationSegment: '',
  routeServiceUrl: '',
  ttlSeconds: 120,
  tags: { space_id: 'space-guid', app_id: 'app-guid' },
};

describe('instanceTarget', () => {
  it('asks the address for the path, as the route, with the identity of the instance', () => {
    const instance = toInstance(endpoint, 'shop.example.com/path');

    assert.deepEqual(instanceTarget(instance, '/metrics?a=b'), {
      instance,
      exporter: undefined,
      address: '10.0.16.4:61001',
      tls: true,
      serverName: 'b7e0',
      trust: 'instances',
      http2: false,
      host: 'shop.example.com',
      path: '/metrics?a=b',
      headers: [],
      timeoutMs: undefined,
      oneOfSeveral: false,
      space: 'space-guid',
      app: 'app-guid',
    });
  });

  it('speaks HTTP/2 where the endpoint does', () => {
    const instance = toInstance({ ...endpoint, protocol: 'http2' }, 'shop.example.com');

    assert.equal(instanceTarget(instance, '/metrics').http2, true);
  });

  it('shares out by names and route where the guids are missing', () => {
    const tags = { organization_name: 'org', space_name: 'dev' };
    const { space, app } = instanceTarget(toInstance({ ...endpoint, tags }, 'a.example'), '/');

    assert.deepEqual({ space, app }, { space: 'org/dev', app: 'a.example' });
  });
});
