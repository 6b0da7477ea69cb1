/**
 * Lets pages of other origins ask the query API, as Prometheus does by `--web.cors.origin`.
 */
import type { Handler } from '../request.ts';

const HEADERS = {
  'Access-Control-Allow-Headers': 'Accept, Authorization, Content-Type, Origin',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
  'Access-Control-Expose-Headers': 'Date',
};

/** Whether an origin may ask; `all` if every origin may. */
export type Origins = (origin: string) => boolean | 'all';

export function allowOrigins(origins: Origins): Handler {
  return (ctx, next) => {
    const origin = ctx.get('Origin');
    if (origin === '') return next();
    const may = origins(origin);
    if (may !== 'all') ctx.vary('Origin');
    const allowed = may === 'all' ? '*' : origin;
    if (may !== false) ctx.set({ ...HEADERS, 'Access-Control-Allow-Origin': allowed });
    return next();
  };
}
