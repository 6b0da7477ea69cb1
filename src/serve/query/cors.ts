/**
 * Lets pages of other origins ask the query API, as Prometheus does by `--web.cors.origin`.
 */
import type { Handler } from '../request.ts';

const HEADERS = {
  'Access-Control-Allow-Headers': 'Accept, Authorization, Content-Type, Origin',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
  'Access-Control-Expose-Headers': 'Date',
};

/** @param origins - which origins may ask, as a test of the header `Origin` */
export function allowOrigins(origins: 'all' | ((origin: string) => boolean)): Handler {
  return (ctx, next) => {
    const origin = ctx.get('Origin');
    if (origin === '') return next();
    if (origins === 'all') ctx.set({ ...HEADERS, 'Access-Control-Allow-Origin': '*' });
    else {
      ctx.vary('Origin');
      if (origins(origin)) ctx.set({ ...HEADERS, 'Access-Control-Allow-Origin': origin });
    }
    return next();
  };
}
