/**
 * What promgate takes of each resource of the CF API: checked, bounded, and without the rest.
 *
 * The API is trusted as to who owns what. Names, annotations and URLs come from developers of any
 * space, so their form is checked here.
 */
import { isObject, type Json } from '../../../broker/json.ts';
import { routeKey } from '../route.ts';
import type { DeclaredEndpoint, TargetRoute, TargetState } from '../target.ts';
import { type Annotations, readAnnotations } from './annotations.ts';
import { readDrainUrl } from './registrar.ts';

export interface OrganizationRecord {
  readonly guid: string;
  readonly name: string;
}

export interface SpaceRecord {
  readonly guid: string;
  readonly name: string;
  readonly organizationId: string;
}

export interface AppRecord {
  readonly guid: string;
  readonly name: string;
  readonly spaceId: string;
  readonly started: boolean;
  readonly annotations: Annotations;
  readonly updatedAt: string;
}

/** Index, state, and `since` as the API gave it, which changes when the state does. */
type InstanceRecord = readonly [index: number, state: TargetState, since: number];

export interface ProcessRecord {
  readonly guid: string;
  readonly appId: string;
  readonly type: string;
  /** How many instances are wanted, also of a stopped app. */
  readonly instances: number;
  /** Undefined if the API does not embed them. */
  readonly states: readonly InstanceRecord[] | undefined;
  readonly updatedAt: string;
}

export interface DomainRecord {
  readonly guid: string;
  readonly internal: boolean;
  readonly identityAware: boolean;
}

interface DestinationRecord {
  readonly appId: string;
  readonly processType: string;
  readonly port: number;
  readonly protocol: TargetRoute['appProtocol'];
}

export interface RouteRecord {
  readonly guid: string;
  readonly url: string;
  readonly port: number | undefined;
  readonly protocol: TargetRoute['protocol'];
  readonly domainId: string;
  readonly destinations: readonly DestinationRecord[];
}

export interface ServiceRecord {
  readonly guid: string;
  readonly endpoint: DeclaredEndpoint;
}

export interface BindingRecord {
  readonly guid: string;
  readonly appId: string;
  readonly serviceId: string;
}

const MAX_NAME = 1024;
const MAX_INSTANCES = 10_000;
const MAX_DESTINATIONS = 1000;
/** A guid becomes a label of a host name (`target.ts`). */
const GUID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TYPE = /^[!-~]{1,255}$/;
const STATES: ReadonlySet<unknown> = new Set([
  ...['RUNNING', 'STARTING', 'STOPPING', 'CRASHED', 'DOWN'],
]);

/** Reads a resource of one list. @returns undefined if it is not of the expected form */
export type ReadRecord = (json: Json) => object | undefined;

export function readOrganization(json: Json): OrganizationRecord | undefined {
  const [guid, name] = [guidOf(json['guid']), nameOf(json['name'])];
  return guid === undefined || name === undefined ? undefined : { guid, name };
}

export function readSpace(json: Json): SpaceRecord | undefined {
  const [guid, name] = [guidOf(json['guid']), nameOf(json['name'])];
  const organizationId = relationOf(json, 'organization') ?? '';
  return guid === undefined || name === undefined ? undefined : { guid, name, organizationId };
}

export function readApp(json: Json): AppRecord | undefined {
  const { state, metadata } = json;
  const [guid, name] = [guidOf(json['guid']), nameOf(json['name'])];
  const spaceId = relationOf(json, 'space');
  if (guid === undefined || name === undefined || spaceId === undefined) return undefined;
  const annotations = readAnnotations(isObject(metadata) ? metadata['annotations'] : undefined);
  return {
    guid,
    name,
    spaceId,
    started: state === 'STARTED',
    annotations,
    updatedAt: dateOf(json),
  };
}

export function readProcess(json: Json): ProcessRecord | undefined {
  const { type, instances, process_instances: embedded } = json;
  const [guid, appId] = [guidOf(json['guid']), relationOf(json, 'app')];
  if (guid === undefined || appId === undefined) return undefined;
  if (typeof type !== 'string' || !TYPE.test(type)) return undefined;
  const count = countOf(instances, MAX_INSTANCES);
  if (count === undefined) return undefined;
  const states = Array.isArray(embedded)
    ? (embedded as readonly unknown[]).slice(0, MAX_INSTANCES).flatMap(readInstance)
    : undefined;
  return { guid, appId, type, instances: count, states, updatedAt: dateOf(json) };
}

function readInstance(json: unknown): InstanceRecord[] {
  if (!isObject(json)) return [];
  const index = countOf(json['index'], MAX_INSTANCES);
  if (index === undefined) return [];
  const since = typeof json['since'] === 'number' ? json['since'] : 0;
  return [[index, stateOf(json['state']), since]];
}

export function stateOf(value: unknown): TargetState {
  return STATES.has(value) ? (value as TargetState) : 'UNKNOWN';
}

export function readDomain(json: Json): DomainRecord | undefined {
  const guid = guidOf(json['guid']);
  if (guid === undefined) return undefined;
  const [internal, identityAware] = ['internal', 'enforce_route_policies'].map(
    (key) => json[key] === true,
  );
  return { guid, internal: internal === true, identityAware: identityAware === true };
}

export function readRoute(json: Json): RouteRecord | undefined {
  const { url, port, protocol, destinations } = json;
  const guid = guidOf(json['guid']);
  const key = typeof url === 'string' ? routeKey(url) : undefined;
  if (guid === undefined || key === undefined || !Array.isArray(destinations)) return undefined;
  return {
    ...{ guid, url: key, port: portOf(port) },
    protocol: protocol === 'tcp' ? 'tcp' : 'http',
    domainId: relationOf(json, 'domain') ?? '',
    destinations: (destinations as readonly unknown[])
      .slice(0, MAX_DESTINATIONS)
      .flatMap(readDestination),
  };
}

function readDestination(json: unknown): DestinationRecord[] {
  const app: unknown = isObject(json) ? json['app'] : undefined;
  if (!isObject(json) || !isObject(app)) return [];
  const appId = guidOf(app['guid']);
  if (appId === undefined) return [];
  const process = isObject(app['process']) ? app['process']['type'] : undefined;
  const processType = typeof process === 'string' && TYPE.test(process) ? process : 'web';
  const { protocol } = json;
  return [
    {
      ...{ appId, processType, port: portOf(json['port']) ?? 8080 },
      protocol: protocol === 'http2' || protocol === 'tcp' ? protocol : 'http1',
    },
  ];
}

/** @returns undefined for a service that is no registration of the metric registrar */
export function readService(json: Json): ServiceRecord | undefined {
  const guid = guidOf(json['guid']);
  const drain = json['syslog_drain_url'];
  if (guid === undefined || typeof drain !== 'string') return undefined;
  const endpoint = readDrainUrl(drain);
  return endpoint && { guid, endpoint };
}

export function readBinding(json: Json): BindingRecord | undefined {
  const guid = guidOf(json['guid']);
  const [appId, serviceId] = [relationOf(json, 'app'), relationOf(json, 'service_instance')];
  if (guid === undefined || appId === undefined || serviceId === undefined) return undefined;
  return { guid, appId, serviceId };
}

export function guidOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 63) return undefined;
  const guid = value.toLowerCase();
  return GUID.test(guid) ? guid : undefined;
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined;
}

function relationOf({ relationships }: Json, name: string): string | undefined {
  const relation = isObject(relationships) ? relationships[name] : undefined;
  const data = isObject(relation) ? relation['data'] : undefined;
  return isObject(data) ? guidOf(data['guid']) : undefined;
}

function countOf(value: unknown, max: number): number | undefined {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0;
  return isCount && value <= max ? value : undefined;
}

/** @returns undefined for 0 and null, which mean no port */
export function portOf(value: unknown): number | undefined {
  const port = countOf(value, 65_535);
  return port === 0 ? undefined : port;
}

/** When the resource last changed, as the API writes it; '' if it does not say so. */
function dateOf({ updated_at: at }: Json): string {
  return typeof at === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(at) ? at : '';
}
