/**
 * The scope of a credential: everything; the pages of one app or one space; or to push the metrics of
 * one app or space, which opens no page of an app.
 *
 * Instances are filtered by guid, never by name or route: spaces may share a route, and a name in
 * the route table may be out of date.
 */
import { isSameGuid } from '../../broker/guid.ts';
import type { TokenScope } from '../../broker/known-bindings.ts';
import type { PushScope } from '../../broker/push-place.ts';
import type { Endpoint, Instance } from '../discover/instance.ts';
import type { Lookup } from '../discover/select.ts';

export type Scope = 'all' | TokenScope | PushScope;

interface Guids {
  readonly appId: string;
  readonly spaceId: string;
}

/** Whether the scope is that of a binding of the push plan. */
export function pushes(scope: Scope): scope is PushScope {
  return scope !== 'all' && 'pushes' in scope;
}

/** Whether the scope contains an app. Only operators see an app whose guids are unknown. */
export function sees(scope: Scope, { appId, spaceId }: Guids): boolean {
  if (scope === 'all') return true;
  if (pushes(scope)) return false;
  if (scope.appId === undefined) return spaceId !== '' && isSameGuid(spaceId, scope.spaceId);
  if (appId === '' || !isSameGuid(appId, scope.appId)) return false;
  return scope.spaceId === '' || isSameGuid(spaceId, scope.spaceId);
}

/** Whether the scope contains the app of an endpoint. */
export function seesEndpoint(scope: Scope, { tags }: Endpoint): boolean {
  return sees(scope, { appId: tags['app_id'] ?? '', spaceId: tags['space_id'] ?? '' });
}

/** The table without the instances outside the scope, as if these did not exist. */
export function visibleTo(scope: Scope, table: Lookup): Lookup {
  if (scope === 'all') return table;
  const visible = (found: Instance[]): Instance[] => found.filter(({ app }) => sees(scope, app));
  return {
    byApp: (appId) => visible(table.byApp(appId)),
    byName: (...name) => visible(table.byName(...name)),
    byRoute: (route) => visible(table.byRoute(route)),
  };
}
