/**
 * `GET /routes`: the part of the route table that the reader may see, in gorouter's JSON.
 */
import type { Endpoint } from '../discover/instance.ts';
import { printRoutes } from '../discover/print-routes.ts';
import type { RouteTable } from '../discover/route-table.ts';
import type { Handler } from './request.ts';
import { type Scope, seesEndpoint } from './scope.ts';
import { answerPieces } from './stream.ts';

type Routes = Pick<RouteTable, 'routes'>;

export function routes(table: Routes): Handler {
  return (ctx) => {
    const { scope } = ctx.state;
    const seen = scope === 'all' ? table : { routes: () => visibleRoutes(table, scope) };
    return answerPieces(ctx, 'application/json', printRoutes(seen));
  };
}

/** The endpoints that the reader may see, by route; a route without any is left out. */
function* visibleRoutes(
  table: Routes,
  scope: Scope,
): Generator<readonly [route: string, endpoints: readonly Endpoint[]]> {
  for (const [route, endpoints] of table.routes()) {
    const visible = endpoints.filter((endpoint) => seesEndpoint(scope, endpoint));
    if (visible.length > 0) yield [route, visible];
  }
}
