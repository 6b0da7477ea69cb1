/**
 * Who answers while the rest is still being loaded: `/healthz` and `/readyz` at once, any other
 * request as soon as the site is there.
 *
 * koa and what it needs take 35 ms to load, a quarter of the start.
 */
import type { RequestListener } from 'node:http';
import { healthListener, type Readiness } from './health.ts';

/**
 * @param site - resolves to who answers from then on; a rejection ends the start
 * @param readiness - what `/readyz` says
 */
export function door(site: Promise<RequestListener>, readiness: Readiness): RequestListener {
  const ready = healthListener(readiness);
  let open: RequestListener | undefined;
  site.then(
    (listener) => {
      open = listener;
    },
    () => undefined, // whoever awaits the site is told
  );
  return (request, response) => {
    if (open) open(request, response);
    else if (request.url === '/readyz') ready(request, response);
    else if (request.url === '/healthz') response.end('ok\n');
    else site.then((listener) => listener(request, response)).catch(() => response.destroy());
  };
}
