/**
 * Who answers while the rest is still being loaded: `/healthz` and `/readyz` at once, any other
 * request as soon as the site is there.
 *
 * More than half of the start is spent on what stands behind the door.
 */
import type { RequestListener } from 'node:http';
import { healthListener, lifeListener, type Readiness } from './health.ts';

export interface Door {
  readonly listener: RequestListener;
  /** Resolves when the first request was answered, or waits: the event loop has had its turn. */
  readonly knocked: Promise<void>;
}

/**
 * @param site - who answers from then on. While it stays pending, requests wait: as many as there
 * may be connections, and until the server closes these
 * @param readiness - what `/readyz` says
 */
export function createDoor(site: Promise<RequestListener>, readiness: Readiness): Door {
  const knocked = Promise.withResolvers<void>();
  const answers = new Map([
    ['/healthz', lifeListener],
    ['/readyz', healthListener(readiness)],
  ]);
  let open: RequestListener | undefined;
  void site.then((listener) => {
    open = listener;
  });
  const listener: RequestListener = (request, response) => {
    if (open) return open(request, response);
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const answer = reads ? answers.get(request.url ?? '') : undefined;
    if (answer) {
      response.once('close', knocked.resolve);
      return answer(request, response);
    }
    knocked.resolve();
    void site.then((late) => {
      if (!response.destroyed) late(request, response); // else the reader is gone
    });
  };
  return { listener, knocked: knocked.promise };
}
