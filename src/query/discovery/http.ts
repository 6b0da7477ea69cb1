/**
 * Servers that a URL names, as in Prometheus' http_sd_configs.
 */
import { refusalOf } from '../target/api.ts';
import type { QueryTarget } from '../target/http.ts';
import type { Discovery } from './discovery.ts';
import { serversOf } from './server-list.ts';

const MAX_BYTES = 16 * 2 ** 20;
const TIMEOUT_MS = 30_000;

export interface HttpDiscoveryOptions {
  /** The place of the list is the path of its URL; it is closed with the discovery. */
  readonly target: QueryTarget;
  readonly url: string;
  readonly refreshMs: number;
}

export function httpDiscovery({ target, url, refreshMs }: HttpDiscoveryOptions): Discovery {
  const { pathname, searchParams } = new URL(url);
  return {
    name: `http_sd_configs ${url}`,
    refreshMs,
    find: async (signal) => {
      const bound = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const options = { signal: bound, maxBytes: MAX_BYTES };
      const answer = await target.call(pathname.slice(1), [...searchParams], options);
      if (answer.status !== 200) throw await refusalOf(target, answer);
      const pieces: Buffer[] = [];
      for await (const piece of answer.body) pieces.push(piece);
      return serversOf(JSON.parse(Buffer.concat(pieces).toString()), { __meta_url: url });
    },
    close: async () => target[Symbol.asyncDispose](),
  };
}
