/**
 * An app instance as the route table knows it: where it listens, whose it is.
 *
 * The names of the fields are gorouter's, in camel case; what a source left out is ''.
 */

/** One endpoint of a route, as gorouter's `/routes` prints it. */
export interface Endpoint {
  /** `host:port`; with `tls` the port that speaks TLS. */
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
}

/** Whose metrics a page holds: guids and names of org, space and app. */
export interface AppIdentity {
  readonly organizationId: string;
  readonly spaceId: string;
  readonly appId: string;
  readonly organizationName: string;
  readonly spaceName: string;
  readonly appName: string;
}

/** An instance to be asked for its metrics. */
export interface Instance {
  readonly endpoint: Endpoint;
  /** The route it was found under: the `Host` header of a scrape, without a path. */
  readonly host: string;
  readonly app: AppIdentity;
  /** The index within its process, as the tag `instance_id` says it; '' when unknown. */
  readonly index: string;
  /** `web`, `worker`, …; `web` where older emitters leave it out. */
  readonly processType: string;
  readonly processInstanceId: string;
  /** Its further endpoints (an app with several ports), by address; none when left out. */
  readonly others?: readonly Instance[];
  /** Others claim its address too, and nothing tells who answers there: it is not to be asked. */
  readonly ambiguous?: boolean;
}

const UPPER_GUID = /^(?=.*[A-F])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;

/** Upper and lower case of a guid mean the same: sources and bindings write either. */
export function normalizeGuid(id: string): string {
  return UPPER_GUID.test(id) ? id.toLowerCase() : id;
}

/** Reads an endpoint's tags as an instance found under `route` (`host` or `host/path`). */
export function toInstance(endpoint: Endpoint, route: string): Instance {
  const { tags } = endpoint;
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
  };
}
