/**
 * Endpoints as JSON: read from the sources, printed as gorouter prints them.
 *
 * promgate trusts the values that a source states, but not their form: this file checks every
 * field.
 * @see gorouter route/pool.go, Endpoint.MarshalJSON
 */
import { isObject, type Json } from '../../broker/json.ts';
import { parseAddress } from './address.ts';
import type { Endpoint } from './instance.ts';
import type { RefusedPiece } from './refusal.ts';

/** Bound on all strings of one endpoint together; the tags hold labels that an app chooses. */
const MAX_CHARACTERS = 64 * 1024;
const MAX_TAGS = 512;

/** Reads one endpoint of gorouter's `/routes`, or says why it is refused. */
export function readEndpoint(json: unknown): Endpoint | RefusedPiece {
  if (!isObject(json)) return 'shape';
  const { address, tls } = json;
  if (typeof address !== 'string') return 'address';
  if (tls !== undefined && tls !== null && typeof tls !== 'boolean') return 'shape';
  return checkEndpoint({
    address: parseAddress(address),
    tls: tls === true,
    protocol: json['protocol'],
    serverCertDomainSan: json['server_cert_domain_san'],
    privateInstanceId: json['private_instance_id'],
    availabilityZone: json['availability_zone'],
    isolationSegment: json['isolation_segment'],
    routeServiceUrl: json['route_service_url'],
    ttlSeconds: json['ttl'],
    tags: json['tags'],
  });
}

/** An endpoint whose fields nobody has checked yet, except `address` and `tls`. */
export type UncheckedEndpoint = { readonly [Key in Exclude<keyof Endpoint, 'target'>]: unknown } & {
  readonly address: string | undefined;
  readonly tls: boolean;
};

/** Fills in missing fields, and refuses an endpoint with a field of a wrong type. */
export function checkEndpoint(raw: UncheckedEndpoint): Endpoint | RefusedPiece {
  if (raw.address === undefined) return 'address';
  const tags = readTags(raw.tags);
  if (typeof tags === 'string') return tags;
  const serverCertDomainSan = text(raw.serverCertDomainSan);
  const protocol = text(raw.protocol);
  const privateInstanceId = text(raw.privateInstanceId);
  const availabilityZone = text(raw.availabilityZone);
  const isolationSegment = text(raw.isolationSegment);
  const routeServiceUrl = text(raw.routeServiceUrl);
  if (
    serverCertDomainSan === undefined ||
    protocol === undefined ||
    privateInstanceId === undefined ||
    availabilityZone === undefined ||
    isolationSegment === undefined ||
    routeServiceUrl === undefined
  ) {
    return 'shape';
  }
  if (!/^[!-~]*$/.test(serverCertDomainSan)) return 'shape'; // a TLS handshake sends it
  const endpoint: Endpoint = {
    address: raw.address,
    tls: raw.tls,
    protocol,
    serverCertDomainSan,
    privateInstanceId,
    availabilityZone,
    isolationSegment,
    routeServiceUrl,
    ttlSeconds: seconds(raw.ttlSeconds),
    tags,
  };
  return characters(endpoint) > MAX_CHARACTERS ? 'too-long' : endpoint;
}

/** '' for a missing value; undefined for a value that is no string. */
function text(value: unknown): string | undefined {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : undefined;
}

function seconds(value: unknown): number {
  return typeof value === 'number' && value > 0 && value <= Number.MAX_SAFE_INTEGER ? value : 0;
}

/**
 * Keeps tags that are strings, prints numbers and booleans as text, and drops all other tags.
 * Returns `json` itself, without a copy, when all its tags are strings, which is nearly always.
 */
function readTags(json: unknown): Endpoint['tags'] | RefusedPiece {
  if (json === undefined || json === null) return {};
  if (!isObject(json)) return 'shape';
  const entries = Object.entries(json);
  if (entries.length > MAX_TAGS) return 'too-many';
  if (allStrings(json, entries)) return json;
  // Object.fromEntries never assigns, so a tag named __proto__ stays a plain key.
  return Object.fromEntries(
    entries.flatMap(([key, value]) => {
      if (typeof value === 'string') return [[key, value]];
      return typeof value === 'number' || typeof value === 'boolean' ? [[key, `${value}`]] : [];
    }),
  );
}

function allStrings(
  _json: Json,
  entries: readonly (readonly [string, unknown])[],
): _json is Readonly<Record<string, string>> {
  return entries.every(([, value]) => typeof value === 'string');
}

function characters(endpoint: Endpoint): number {
  let sum =
    endpoint.protocol.length +
    endpoint.serverCertDomainSan.length +
    endpoint.privateInstanceId.length +
    endpoint.availabilityZone.length +
    endpoint.isolationSegment.length +
    endpoint.routeServiceUrl.length;
  for (const [key, value] of Object.entries(endpoint.tags)) sum += key.length + value.length;
  return sum;
}

/** Whether two endpoints are equal in every field, so that the table can keep the older one. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a === b || (sameIdentity(a, b) && sameRest(a, b) && sameTags(a.tags, b.tags));
}

/** Whether a connection to `a` can serve as a connection to `b`. */
export function sameIdentity(a: Endpoint, b: Endpoint): boolean {
  return (
    a.address === b.address &&
    a.tls === b.tls &&
    a.protocol === b.protocol &&
    a.serverCertDomainSan === b.serverCertDomainSan
  );
}

function sameRest(a: Endpoint, b: Endpoint): boolean {
  return (
    a.privateInstanceId === b.privateInstanceId &&
    a.availabilityZone === b.availabilityZone &&
    a.isolationSegment === b.isolationSegment &&
    a.routeServiceUrl === b.routeServiceUrl &&
    a.ttlSeconds === b.ttlSeconds &&
    a.target === b.target
  );
}

function sameTags(a: Endpoint['tags'], b: Endpoint['tags']): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

/** An endpoint with gorouter's field names, without the empty fields that gorouter leaves out. */
export function endpointJson(endpoint: Endpoint): Json {
  return {
    address: endpoint.address,
    availability_zone: endpoint.availabilityZone,
    protocol: endpoint.protocol,
    tls: endpoint.tls,
    ttl: endpoint.ttlSeconds,
    ...optional('route_service_url', endpoint.routeServiceUrl),
    tags: endpoint.tags,
    ...optional('isolation_segment', endpoint.isolationSegment),
    ...optional('private_instance_id', endpoint.privateInstanceId),
    ...optional('server_cert_domain_san', endpoint.serverCertDomainSan),
  };
}

function optional(key: string, value: string): Json {
  return value === '' ? {} : { [key]: value };
}
