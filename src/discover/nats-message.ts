/**
 * The messages `router.register` and `router.unregister`.
 *
 * @see gorouter mbus/subscriber.go, RegistryMessage
 */

import { isObject, type Json } from '../../broker/json.ts';
import { joinAddress } from './address.ts';
import { checkEndpoint } from './endpoint.ts';
import type { Endpoint } from './instance.ts';
import type { RefusedPiece } from './refusal.ts';
import { routeKey } from './route.ts';

/** An endpoint, and the routes that it begins to serve or no longer serves. */
export interface NatsMessage {
  readonly endpoint: Endpoint;
  /** Keys of the route table, without duplicates. */
  readonly routes: readonly string[];
  /** How many of the message's uris are no routes. */
  readonly refusedRoutes: number;
  readonly sizeBytes: number;
}

/** A quarter of the 1 MiB that NATS allows by default. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_URIS = 4096;

/** Reads a message, or says why it is refused. Never throws, whatever the message holds. */
export function readMessage(
  data: Uint8Array,
  maxThresholdSeconds: number,
): NatsMessage | RefusedPiece {
  if (data.length > MAX_MESSAGE_BYTES) return 'too-long';
  const json = parse(data);
  if (json === undefined) return 'json';
  if (!isObject(json) || !Array.isArray(json['uris'])) return 'shape';
  const uris = json['uris'] as readonly unknown[];
  if (uris.length > MAX_URIS) return 'too-many';
  const endpoint = readEndpoint(json, maxThresholdSeconds);
  if (typeof endpoint === 'string') return endpoint;
  const keys = uris.map((uri) => (typeof uri === 'string' ? routeKey(uri) : undefined));
  const routes = keys.filter((key) => key !== undefined);
  const refusedRoutes = keys.length - routes.length;
  return { endpoint, routes: [...new Set(routes)], refusedRoutes, sizeBytes: data.length };
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined; // the caller refuses the message as 'json'
  }
}

function readEndpoint(json: Json, maxThresholdSeconds: number): Endpoint | RefusedPiece {
  const { host, port, tls_port: tlsPort } = json;
  if (typeof host !== 'string' || !isPort(port) || !isPort(tlsPort)) return 'address';
  const routeServiceUrl = json['route_service_url'] ?? '';
  if (typeof routeServiceUrl !== 'string') return 'shape';
  if (routeServiceUrl !== '' && !routeServiceUrl.startsWith('https')) return 'shape';
  return checkEndpoint({
    address: joinAddress(host, tlsPort || port || 0),
    tls: Boolean(tlsPort),
    protocol: json['protocol'] || 'http1',
    serverCertDomainSan: json['server_cert_domain_san'],
    privateInstanceId: json['private_instance_id'],
    availabilityZone: json['availability_zone'],
    isolationSegment: json['isolation_segment'],
    routeServiceUrl,
    ttlSeconds: thresholdSeconds(json['stale_threshold_in_seconds'], maxThresholdSeconds),
    tags: withFallbacks(json),
  });
}

function isPort(value: unknown): value is number | null | undefined {
  return value === undefined || value === null || typeof value === 'number';
}

function thresholdSeconds(value: unknown, maxSeconds: number): number {
  return typeof value === 'number' && value > 0 ? Math.min(value, maxSeconds) : maxSeconds;
}

/** The tags, with the app and the index that older emitters send only beside the tags. */
function withFallbacks(json: Json): unknown {
  const { tags, app, private_instance_index: index } = json;
  if (tags !== undefined && tags !== null && !isObject(tags)) return tags;
  const { app_id: appId, instance_id: instanceId } = tags ?? {};
  if ((appId || !app) && (instanceId || !index)) return tags;
  return {
    ...tags,
    ...(appId || !app ? {} : { app_id: app }),
    ...(instanceId || !index ? {} : { instance_id: index }),
  };
}
