/**
 * The short way to answers that must be made anew: a request that is equal to an earlier one goes to
 * its handler at once, before koa, the router, the check of its credential and its reading.
 *
 * That is safe for the reason that `lane.ts` gives. A request whose handler throws goes the long way
 * after all, and the long way answers the error.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { Turns } from '../clock.ts';
import { type Exchange, newState } from './request.ts';
import { requestKey } from './request-key.ts';
import { observeRequest, type RequestObservers } from './request-log.ts';

/** Answers a request that is equal to the one it was made of; throws what the long way answers. */
export type Answering = (exchange: Exchange) => Promise<void>;

interface Known {
  readonly handler: string;
  readonly answer: Answering;
}

export interface KnownRequestsOptions {
  readonly observers: RequestObservers;
  /** Aborts when open scrapes must answer with what has arrived. */
  readonly cut: AbortSignal;
}

/** Bound on the memory of all entries: room for about 10,000 requests. */
const MAX_BYTES = 50_331_648;
/** What an entry takes beside its key, about. */
const ENTRY_BYTES = 4_096;
/** Requests with longer headers are not worth their memory. */
const MAX_KEY_LENGTH = 4_096;

export class KnownRequests {
  readonly #options: KnownRequestsOptions;
  readonly #departures = new Turns();
  readonly #known = new LRUCache<string, Known>({
    maxSize: MAX_BYTES,
    maxEntrySize: ENTRY_BYTES + MAX_KEY_LENGTH,
    sizeCalculation: (_, key) => ENTRY_BYTES + key.length,
  });

  constructor(options: KnownRequestsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Lets later requests that are equal to this one go to `answer`, if this one may see everything. */
  add({ req, state: { scope, handler, credentialIsOurs } }: Exchange, answer: Answering): void {
    const key = scope === 'all' && !credentialIsOurs ? requestKey(req) : undefined;
    if (key !== undefined) this.#known.set(key, { handler, answer });
  }

  /**
   * @param goOn - takes a request whose handler has thrown
   * @returns false if the request must go the long way
   */
  answer(req: IncomingMessage, res: ServerResponse, goOn: (error: unknown) => void): boolean {
    if (this.#known.size === 0) return false;
    const key = requestKey(req);
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known === undefined) return false;
    const { observers, cut } = this.#options;
    const state = newState(req, res, { cut, departures: this.#departures });
    state.handler = known.handler;
    observeRequest(req, res, observers, () => {
      const { target, handler, instances } = state;
      return { path: target.path, query: target.query, handler, instances };
    });
    known.answer({ req, res, state }).catch(goOn);
    return true;
  }
}
