/**
 * Prometheus servers that are apps on Cloud Foundry: the route table names their instances.
 */
import type { RouteTable } from '../discover/route-table.ts';
import { selectInstances } from '../discover/select.ts';
import { parseSelector } from '../discover/selector.ts';
import type { DiscoveredServer } from '../query/groups/settings.ts';

/**
 * @param tableKnown - whether the route table counts as complete
 * @returns finds the instances of an app: a guid, `<org>/<space>/<app>` or a route
 */
export function appServers(
  table: RouteTable,
  tableKnown: () => boolean,
): (app: string) => readonly DiscoveredServer[] {
  return (app) => {
    if (!tableKnown()) throw new Error('no route source has answered yet');
    const found = selectInstances(table, parseSelector({ path: encodeURI(app) }));
    return found
      .filter(({ ambiguous }) => ambiguous !== true)
      .map(({ endpoint, app: of, index }) => ({
        address: endpoint.address,
        labels: {
          __scheme__: endpoint.tls ? 'https' : 'http',
          __meta_cf_app_id: of.appId,
          __meta_cf_app_name: of.appName,
          __meta_cf_space_id: of.spaceId,
          __meta_cf_space_name: of.spaceName,
          __meta_cf_organization_name: of.organizationName,
          __meta_cf_instance_index: index,
        },
      }));
  };
}
