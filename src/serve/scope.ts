/**
 * What a credential may see: everything, one app, or one space.
 *
 * Instances are filtered by their guids, never by name: a route may be shared between spaces, and a
 * name may be an old one.
 */
import { isSameGuid } from '../../broker/guid.ts';
import type { TokenScope } from '../../broker/known-bindings.ts';
import type { Endpoint, Instance } from '../discover/instance.ts';
import type { Lookup } from '../discover/select.ts';

export type Scope = 'all' | TokenScope;

interface Guids {
  readonly appId: string;
  readonly spaceId: string;
}

/** An instance without guids is seen by operators only. */
export function sees(scope: Scope, { appId, spaceId }: Guids): boolean {
  if (scope === 'all') return true;
  if (scope.appId === undefined) return spaceId !== '' && isSameGuid(spaceId, scope.spaceId);
  if (appId === '' || !isSameGuid(appId, scope.appId)) return false;
  return scope.spaceId === '' || isSameGuid(spaceId, scope.spaceId);
}

export function seesEndpoint(scope: Scope, { tags }: Endpoint): boolean {
  return sees(scope, { appId: tags['app_id'] ?? '', spaceId: tags['space_id'] ?? '' });
}

/** The table as the scope shows it: what lies outside is as if it did not exist. */
export function visibleTo(scope: Scope, table: Lookup): Lookup {
  if (scope === 'all') return table;
  const visible = (found: Instance[]): Instance[] => found.filter(({ app }) => sees(scope, app));
  return {
    byApp: (appId) => visible(table.byApp(appId)),
    byName: (...name) => visible(table.byName(...name)),
    byRoute: (route) => visible(table.byRoute(route)),
  };
}
