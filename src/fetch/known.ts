/**
 * What promgate knows of an instance that bears on the ways to it: from the route table, and from what
 * the CF API says.
 */
import type { Instance } from '../discover/instance.ts';
import { isPlaceless, type Target } from '../discover/target.ts';
import type { Known, KnownPort } from './way.ts';

/** @param target - the latest word of the CF API, if it knows the instance */
export function knownOf(instance: Instance, target: Target | undefined): Known {
  const { endpoint, app, index, host, routePath = '' } = instance;
  const listed = isPlaceless(endpoint) ? undefined : { tls: endpoint.tls };
  const known = { listed, appId: app.appId };
  if (target) {
    const { processId, index: place, rolling, routes } = target;
    const isServed = (one: Target['routes'][number]): boolean =>
      endpoint.routeServiceUrl !== '' && one.host === host && one.path === routePath;
    const http = routes.filter((one) => one.protocol === 'http' && !isServed(one));
    return { ...known, ports: portsOf(target), processId, index: place, rolling, routes: http };
  }
  const processId = endpoint.tags['process_id'] ?? '';
  const place = /^\d{1,9}$/.test(index) ? Number(index) : undefined;
  const route = { host, path: routePath, internal: false, identityAware: false };
  const routes = endpoint.routeServiceUrl ? [] : [{ ...route, appPort: undefined }];
  // Without the CF API nobody says whether another process of the app has the same indexes.
  return { ...known, ports: [], processId, index: place, rolling: true, routes };
}

/** The ports of the cell's TLS proxy; without a name to verify, a port leads to nobody in particular. */
function portsOf({ ports = [], cell, instanceId }: Target): KnownPort[] {
  if (cell === '' || instanceId === '') return [];
  const host = cell.includes(':') ? `[${cell}]` : cell;
  return ports.flatMap(({ appPort, externalTls }) =>
    externalTls === undefined
      ? []
      : [{ appPort, address: `${host}:${externalTls}`, serverName: instanceId }],
  );
}
