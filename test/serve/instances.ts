/** App instances as the route table gives them, for tests of what is printed of it. */
import type { Endpoint, Instance } from '../../src/discover/instance.ts';
import { toInstance } from '../../src/discover/instance.ts';

export function endpoint(address: string, tags: Readonly<Record<string, string>> = {}): Endpoint {
  return {
    address,
    tls: false,
    protocol: 'http1',
    serverCertDomainSan: '',
    privateInstanceId: '',
    availabilityZone: 'z1',
    isolationSegment: '',
    routeServiceUrl: '',
    ttlSeconds: 120,
    tags,
  };
}

/** The guid of the app of this name, of up to six letters. */
export function guidOf(name: string): string {
  return `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(0, 12)}`;
}

/** An instance of `acme/dev/<name>`. */
export function instance(
  name: string,
  index: string,
  address: string,
  tags: Readonly<Record<string, string>> = {},
): Instance {
  const own = {
    organization_id: 'o-1',
    organization_name: 'acme',
    space_id: 's-1',
    space_name: 'dev',
    app_id: guidOf(name),
    app_name: name,
    instance_id: index,
    process_instance_id: `${name}-instance-${index}`,
    process_type: 'web',
  };
  return toInstance(endpoint(address, { ...own, ...tags }), `${name}.apps.example.com/path`);
}
