/**
 * `GET /routes`: the route table, in gorouter's JSON.
 */
import { printRoutes, type RouteTable } from '../discover/route-table.ts';
import type { Handler } from './request.ts';
import { answerPieces } from './stream.ts';

export function routes(table: Pick<RouteTable, 'routes'>): Handler {
  return (ctx) => answerPieces(ctx, 'application/json', printRoutes(table));
}
