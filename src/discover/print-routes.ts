/**
 * A route table as gorouter's `/routes` prints it.
 */
import { endpointJson } from './endpoint.ts';
import type { RouteTable } from './route-table.ts';

/** Yields JSON in pieces of about one route each. */
export function* printRoutes(table: Pick<RouteTable, 'routes'>): Generator<string> {
  let separator = '{';
  for (const [route, endpoints] of table.routes()) {
    yield `${separator}${JSON.stringify(route)}:${JSON.stringify(endpoints.map(endpointJson))}`;
    separator = ',';
  }
  yield separator === '{' ? '{}' : '}';
}
