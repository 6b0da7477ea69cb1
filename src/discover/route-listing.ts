/**
 * A whole table as gorouter's `/routes` prints it: JSON, route to endpoints.
 *
 * What is wrong in one route or endpoint is refused and costs the others nothing.
 */
import { isObject, readEndpoint } from './endpoint.ts';
import type { Endpoint } from './instance.ts';
import type { OnRefused } from './refusal.ts';
import { routeKey } from './route.ts';
import { SourceError } from './source-error.ts';

export interface RouteEndpoints {
  readonly route: string;
  readonly endpoints: readonly Endpoint[];
}

/**
 * Parses a listing at once, and reads its routes as they are asked for.
 *
 * Bytes that are no UTF-8 become U+FFFD, so that they spoil only the name they stand in.
 *
 * @param blocks - the bytes in order, split anywhere
 * @throws {SourceError} 'json' or 'shape' when there is no table at all
 */
export function readListing(
  blocks: readonly Uint8Array[],
  onRefused: OnRefused,
): Iterable<RouteEndpoints> {
  const json = parse(blocks);
  if (!isObject(json)) throw new SourceError('shape', 'expected a JSON object of routes');
  return readRoutes(groupByKey(json, onRefused), onRefused);
}

/** Passes routes on, and notes the guids of their apps. */
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
    throw new SourceError('json', `not JSON, ${text.length} characters`, { cause });
  }
}

/** Routes that differ only in case, a query or a final `/` are one. */
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
  if (list === null) return []; // how Go prints a list that never had an element
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
