/**
 * Reads a listing in the form of gorouter's `/routes`: a JSON object from routes to endpoints.
 *
 * The reader refuses a faulty route or endpoint, and keeps all others.
 */
import { isObject } from '../../broker/json.ts';
import { readEndpoint } from './endpoint.ts';
import type { Endpoint } from './instance.ts';
import type { OnRefused } from './refusal.ts';
import { routeKey } from './route.ts';
import { SourceError } from './source-error.ts';

export interface RouteEndpoints {
  readonly route: string;
  readonly endpoints: readonly Endpoint[];
}

/**
 * Parses the JSON at once, and checks each route when it is iterated.
 *
 * Bytes that are no UTF-8 become U+FFFD, so that they damage only the name that holds them.
 *
 * @param blocks - the bytes in order, split anywhere
 * @throws {SourceError} 'json' or 'shape' when the bytes are no JSON object
 */
export function readListing(
  blocks: readonly Uint8Array[],
  onRefused: OnRefused,
): Iterable<RouteEndpoints> {
  const json = parse(blocks);
  if (!isObject(json)) throw new SourceError('shape', 'the listing is no JSON object of routes');
  return readRoutes(groupByKey(json, onRefused), onRefused);
}

/** Yields the same routes, and adds the guids of their apps to `appIds`. */
export function* notingApps(
  routes: Iterable<RouteEndpoints>,
  appIds: Set<string>,
): Generator<RouteEndpoints> {
  for (const one of routes) {
    for (const { tags } of one.endpoints) if (tags['app_id']) appIds.add(tags['app_id']);
    yield one;
  }
}

function* readRoutes(
  groups: ReadonlyMap<string, readonly unknown[]>,
  onRefused: OnRefused,
): Generator<RouteEndpoints> {
  for (const [route, lists] of groups) {
    yield { route, endpoints: lists.flatMap((list) => readEndpoints(list, onRefused)) };
  }
}

function parse(blocks: readonly Uint8Array[]): unknown {
  const decoder = new TextDecoder();
  let text = '';
  for (const block of blocks) text += decoder.decode(block, { stream: true });
  text += decoder.decode();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SourceError('json', `the listing (${text.length} characters) is not JSON`, { cause });
  }
}

/** Joins the endpoint lists of routes with the same key; `route.ts` says when keys are equal. */
function groupByKey(
  json: Readonly<Record<string, unknown>>,
  onRefused: OnRefused,
): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const [uri, list] of Object.entries(json)) {
    const route = routeKey(uri);
    if (route === undefined) {
      onRefused('route', 1);
      continue;
    }
    const lists = groups.get(route);
    if (lists) lists.push(list);
    else groups.set(route, [list]);
  }
  return groups;
}

function readEndpoints(list: unknown, onRefused: OnRefused): Endpoint[] {
  if (list === null) return []; // Go prints an empty list as null
  if (!Array.isArray(list)) {
    onRefused('shape', 1);
    return [];
  }
  const endpoints: Endpoint[] = [];
  for (const json of list as readonly unknown[]) {
    const endpoint = readEndpoint(json);
    if (typeof endpoint === 'string') onRefused(endpoint, 1);
    else endpoints.push(endpoint);
  }
  return endpoints;
}
