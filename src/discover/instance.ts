/**
 * An app instance as the route table knows it: its endpoint and its app.
 *
 * The fields carry gorouter's names in camel case. A field that a source left out is ''.
 */
import { normalizeGuid } from '../../broker/guid.ts';
import type { AppIdentity } from './app-identity.ts';
import type { Target } from './target.ts';

/** One endpoint of a route, as gorouter's `/routes` prints it. */
export interface Endpoint {
  /** `host:port`; with `tls` this port speaks TLS. */
  readonly address: string;
  readonly tls: boolean;
  readonly protocol: string;
  /** The name that the endpoint's certificate must carry; '' without TLS. */
  readonly serverCertDomainSan: string;
  readonly privateInstanceId: string;
  readonly availabilityZone: string;
  readonly isolationSegment: string;
  readonly routeServiceUrl: string;
  readonly ttlSeconds: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Set if the CF API lists the endpoint: its address is then only a name (`target.ts`). */
  readonly target?: Target | undefined;
}

/** An instance that promgate can ask for its metrics. */
export interface Instance {
  readonly endpoint: Endpoint;
  /** The host of the route that led to the instance: a scrape sends it as the `Host` header. */
  readonly host: string;
  readonly app: AppIdentity;
  /** The index within the process, from the tag `instance_id`; '' when unknown. */
  readonly index: string;
  /** `web`, `worker`, …; `web` where an older emitter sends no type. */
  readonly processType: string;
  readonly processInstanceId: string;
  /** Further endpoints of the instance (other ports), by address; undefined when there are none. */
  readonly others?: readonly Instance[];
  /** Several instances claim the address and no certificate decides: scrapes must not ask it. */
  readonly ambiguous?: boolean;
  /** The path of the route that led to the instance, with a leading slash; undefined: none. */
  readonly routePath?: string;
  /** What the CF API says of the instance, if it is asked and knows the instance. */
  readonly target?: Target | undefined;
}

/** Reads an endpoint's tags as an instance found under `route` (`host` or `host/path`). */
export function toInstance(endpoint: Endpoint, route: string): Instance {
  const { tags, target } = endpoint;
  const slash = route.indexOf('/');
  return {
    endpoint,
    host: slash < 0 ? route : route.slice(0, slash),
    app: {
      organizationId: normalizeGuid(tags['organization_id'] ?? ''),
      spaceId: normalizeGuid(tags['space_id'] ?? ''),
      appId: normalizeGuid(tags['app_id'] ?? ''),
      organizationName: tags['organization_name'] ?? '',
      spaceName: tags['space_name'] ?? '',
      appName: tags['app_name'] ?? '',
    },
    index: tags['instance_id'] ?? '',
    processType: tags['process_type'] || 'web',
    processInstanceId: normalizeGuid(tags['process_instance_id'] ?? ''),
    ...(slash >= 0 && { routePath: route.slice(slash) }),
    ...(target && { target }),
  };
}
