/**
 * The short way to hits: a request that is equal to an earlier one, field for field, gets what that one
 * got, without being read again, as long as the cache would give it (`HttpCache.hitOf`).
 *
 * Reading a request costs about as much as Node's own work for it; most readers of metrics send the
 * same request again and again.
 */
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { HttpCache } from '../refresh/http-cache.ts';
import type { StoredResponse, Ticket } from '../refresh/http-store.ts';

/** Bound on the keys, in characters. */
const MAX_LENGTH = 8_388_608;
/** Requests with longer heads are not worth their memory. */
const MAX_KEY_LENGTH = 4_096;

const NOT_KEPT = /^cache-control$|auth|cookie|token|secret|key|password|credential|session/i;

export class ProxyLane {
  readonly #cache: Pick<HttpCache, 'hitOf'>;
  readonly #tickets = new LRUCache<string, Ticket>({
    maxSize: MAX_LENGTH,
    maxEntrySize: MAX_KEY_LENGTH,
    sizeCalculation: (_, key) => key.length,
  });

  constructor(cache: Pick<HttpCache, 'hitOf'>) {
    this.#cache = cache;
  }

  /**
   * Notes that a request got a plain hit. Does nothing if it states directives, whose meaning changes
   * with time, or may hold a credential, which the key would keep for longer than anybody needs it.
   */
  add(request: IncomingMessage, ticket: Ticket): void {
    const names = request.rawHeaders.filter((_, i) => i % 2 === 0);
    if (names.some((name) => NOT_KEPT.test(name))) return;
    this.#tickets.set(keyOf(request), ticket);
  }

  /** @returns undefined if the request must go the long way */
  find(request: IncomingMessage): StoredResponse | undefined {
    if (request.method !== 'GET' || this.#tickets.size === 0) return undefined;
    const key = keyOf(request);
    const ticket = this.#tickets.get(key);
    if (ticket === undefined) return undefined;
    const hit = this.#cache.hitOf(ticket);
    if (hit === undefined && ticket.response === undefined) this.#tickets.delete(key);
    return hit;
  }
}

/** No target or field can hold a NUL. The version is in it, since answers to HTTP/1.0 differ. */
function keyOf({ httpVersion, url, rawHeaders }: IncomingMessage): string {
  return `${httpVersion}\0${url}\0${rawHeaders.join('\0')}`;
}
