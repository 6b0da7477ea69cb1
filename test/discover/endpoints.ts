/** Endpoints for tests of the table, from the simulated foundation. */
import assert from 'node:assert/strict';
import { readEndpoint } from '../../src/discover/endpoint.ts';
import type { Endpoint } from '../../src/discover/instance.ts';
import type { TableLayer } from '../../src/discover/layer.ts';
import { RouteTable, type RouteTableOptions } from '../../src/discover/route-table.ts';
import { endpointsOf, routesJson, type SimulatedApp } from '../support/foundation.ts';

/** An app of org `sys`, space `tools`, with instances at these addresses. */
export function app(name: string, addresses: readonly string[], more?: Partial<SimulatedApp>) {
  return { organization: 'sys', space: 'tools', name, addresses, ...more };
}

/** The endpoints of an app as the table holds them, in the order of their index. */
export function endpoints(simulated: SimulatedApp): Endpoint[] {
  return endpointsOf(simulated).map((json) => {
    const endpoint = readEndpoint(json);
    assert.ok(typeof endpoint === 'object', `refused: ${endpoint}`);
    return endpoint;
  });
}

/** Lists apps under their routes. */
export function putApps(layer: TableLayer, apps: readonly SimulatedApp[]): void {
  for (const [route, list] of Object.entries(routesJson(apps))) {
    for (const json of list) {
      const endpoint = readEndpoint(json);
      assert.ok(typeof endpoint === 'object', `refused: ${endpoint}`);
      assert.equal(layer.put(route, endpoint), undefined);
    }
  }
  layer.settle();
}

/** A table with these apps in one layer. */
export function tableOf(apps: readonly SimulatedApp[], options?: RouteTableOptions): RouteTable {
  const table = new RouteTable(options);
  putApps(table.layer(), apps);
  return table;
}

/** `address` of each, as a test compares them. */
export function addressesOf(found: readonly { readonly endpoint: Endpoint }[]): string[] {
  return found.map(({ endpoint }) => endpoint.address);
}

/** Route to sorted addresses: what is listed, whatever else is known of it. */
export function listing(table: Pick<RouteTable, 'routes'>): Record<string, string[]> {
  return Object.fromEntries(
    [...table.routes()]
      .map(([route, list]) => [route, list.map(({ address }) => address).sort()] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
