/**
 * The pages of endpoints, kept and refreshed before their readers come again.
 *
 * Two requests share a page only if all that may change it is equal: the URL, the formats that the
 * reader accepts, and every header of the reader that the endpoint gets.
 */

import type { Timers } from '../clock.ts';
import { hasEnd, isMetrics } from '../exposition/sniff.ts';
import { withDeadlineOf } from '../fetch/deadline.ts';
import type { EndpointFailure } from '../fetch/endpoint-failure.ts';
import { EndpointRefusedError } from '../fetch/endpoint-failure.ts';
import type { EndpointHeaders } from '../fetch/endpoint-headers.ts';
import type { EndpointFailed, EndpointPage, EndpointPages } from '../fetch/endpoint-page.ts';
import type { EndpointUrl } from '../fetch/endpoint-url.ts';
import { firstValue } from '../fetch/get.ts';
import { LateError, type Run, type Waiter } from '../refresh/flight.ts';
import type { Loaded } from '../refresh/kept-answers.ts';
import { keyMaker } from '../refresh/key.ts';
import type { Kind, Life } from '../refresh/life.ts';
import type { Refresher } from '../refresh/refresher.ts';
import type { Ask, From, Kept, WarmCache } from '../refresh/warm-cache.ts';
import { storingOf } from './endpoint-storing.ts';
import { type KeptPage, keepPage } from './kept-page.ts';

/** The page of an endpoint, or why there is none. */
export type EndpointResult =
  | { readonly page: KeptPage; readonly failed?: never }
  | { readonly page?: never; readonly failed: EndpointFailed };

export interface EndpointFetch {
  readonly origin: string;
  readonly seconds: number;
  /** Bytes of the page after decompression. */
  readonly bytes: number;
  readonly failure: EndpointFailure | undefined;
  /** Why it failed, for the log. */
  readonly why: string | undefined;
}

export interface EndpointCacheOptions {
  readonly pages: Pick<EndpointPages, 'fetch'>;
  readonly cache: WarmCache<EndpointResult>;
  readonly refresher: Pick<Refresher, 'read' | 'forget'>;
  /** The time of the cache and of the refresher. */
  readonly timers: Pick<Timers, 'nowMs'>;
  readonly life: Life;
  /** `cache.with_credentials` */
  readonly withCredentials: boolean;
  /** `endpoints.obey_cache_control` */
  readonly obeyCacheControl: boolean;
  /** Called after each fetch. Must not throw. */
  readonly onFetch?: ((fetch: EndpointFetch) => void) | undefined;
  /** Called with each answer. Must not throw. */
  readonly onAnswer?: ((from: From) => void) | undefined;
}

/** What a reader asks for. */
export interface AskedEndpoint {
  readonly endpoint: EndpointUrl;
  /** The endpoint as the reader named it, by which an operator purges it. */
  readonly name: string;
  /** The `Accept` that the endpoint gets. */
  readonly accept: string;
  readonly headers: EndpointHeaders;
  /** Tells readers apart, to expect each. */
  readonly reader: string;
  /** How long the reader may wait. */
  readonly timeoutMs: number;
}

/** An answer, and a way to give it again to an equal request. */
export interface EndpointAnswered {
  readonly kept: Kept<EndpointResult>;
  /** Counts a further request; undefined if the page is not fresh any more. */
  readonly current: (reader: string) => Kept<EndpointResult> | undefined;
}

/** The memory of a failure. */
const FAILURE_BYTES = 512;

export class EndpointCache {
  readonly #options: EndpointCacheOptions;
  readonly #key = keyMaker();

  constructor(options: EndpointCacheOptions) {
    this.#options = options;
  }

  /**
   * @throws {EndpointRefusedError} `too_many_jobs`; {LateError} at the deadline if there is nothing
   *   to give; the reason of the reader's signal when it has left
   */
  async get(asked: AskedEndpoint, waiter: Waiter): Promise<EndpointAnswered> {
    const { cache, refresher, life, onAnswer } = this.#options;
    const key = this.#keyOf(asked);
    if (!this.#watch(key, asked)) throw tooManyJobs();
    const ask = this.#ask(asked, waiter, asked.headers.sent);
    const { tags } = ask;
    const kept = await cache.get(key, ask);
    if (!this.#isWorthRefreshing(key, kept.kind)) refresher.forget(key);
    onAnswer?.(kept.from);
    const current = (reader: string): Kept<EndpointResult> | undefined => {
      const fresh = cache.fresh(key, { life, tags });
      if (fresh === undefined || !this.#watch(key, { ...asked, reader })) return undefined;
      onAnswer?.(fresh.from);
      return fresh;
    };
    return { kept, current };
  }

  /** Lets the page be refreshed. @returns false if there are too many jobs */
  #watch(key: string, asked: AskedEndpoint): boolean {
    const { refresher, withCredentials, life } = this.#options;
    const { headers, endpoint } = asked;
    if (headers.hasCredentials && !withCredentials) return true;
    return refresher.read(key, asked.reader, {
      ...{ host: endpoint.host, ttlMs: life.ttlMs },
      refresh: (signal) => this.#refresh(key, asked, signal),
    });
  }

  #isWorthRefreshing(key: string, kind: Kind): boolean {
    return kind !== 'denied' && kind !== 'uncacheable' && this.#options.cache.keeps(key);
  }

  /** @returns whether the page is to be refreshed again */
  async #refresh(key: string, asked: AskedEndpoint, signal: AbortSignal): Promise<boolean> {
    const waiter = { deadlineMs: this.#options.timers.nowMs() + asked.timeoutMs, signal };
    const ask = this.#ask(asked, waiter, asked.headers.untraced);
    try {
      return this.#isWorthRefreshing(key, await this.#options.cache.refresh(key, ask));
    } catch (error) {
      if (signal.aborted) return false; // promgate stops
      if (error instanceof LateError) return true; // a reader still waits for the same load
      throw error;
    }
  }

  #ask(
    asked: AskedEndpoint,
    { deadlineMs, signal, hurry }: Waiter,
    headers: readonly string[],
  ): Ask<EndpointResult> {
    const { endpoint, name } = asked;
    const { origin, path, host } = endpoint;
    return {
      ...{ deadlineMs, signal, hurry, life: this.#options.life },
      tags: [
        ...new Set([
          ...[`key:${name}`, `key:${origin}${path}`],
          ...[`endpoint:${origin}`, `host:${host}`],
        ]),
      ],
      load: (run) => this.#load(asked, headers, run),
    };
  }

  async #load(
    { endpoint, headers: { hasCredentials } }: AskedEndpoint,
    headers: readonly string[],
    run: Run<Loaded<EndpointResult>>,
  ): Promise<Loaded<EndpointResult>> {
    const { pages, onFetch } = this.#options;
    const request = { endpoint, headers, signal: run.signal, hurry: run.hurry };
    const answer = await pages.fetch(withDeadlineOf(run, request));
    const { origin } = endpoint;
    const { durationSeconds: seconds, bytes, page } = answer;
    const failed = answer.failed ?? faultOf(page!, origin); // one of both
    if (!run.signal.aborted) {
      onFetch?.({ origin, seconds, bytes, failure: failed?.failure, why: failed?.why });
    }
    if (failed) return loadedFailure(failed, hasCredentials);
    const { isAllowed, maxTtlMs } = storingOf(page!.headers, this.#options.obeyCacheControl);
    const kept = await keepPage(page!.body, page!.contentType);
    const kind = isAllowed ? 'good' : 'uncacheable';
    return { value: { page: kept }, kind, sizeBytes: kept.sizeBytes, maxTtlMs };
  }

  #keyOf({ endpoint: { origin, path }, accept, headers }: AskedEndpoint): string {
    const formats = accept.replace(/\s+/g, '').toLowerCase();
    return this.#key([origin, path, formats, ...headers.decisive]);
  }
}

/** Pages that are refused to this reader, or that nobody may keep, are not refreshed. */
function loadedFailure(failed: EndpointFailed, hasCredentials: boolean): Loaded<EndpointResult> {
  const { failure, status } = failed;
  // The deadline was this reader's: the next one may have more time.
  const isLate = failure === 'upstream_timeout';
  return {
    value: { failed },
    kind: kindOf(failure, status, hasCredentials),
    sizeBytes: FAILURE_BYTES,
    ...(isLate && { maxTtlMs: 0 }),
  };
}

function kindOf(
  failure: EndpointFailure,
  status: number | undefined,
  hasCredentials: boolean,
): Kind {
  if (failure === 'denied_address' || failure === 'denied_loop') return 'denied';
  if (hasCredentials && (status === 401 || status === 403)) return 'denied';
  return status === 404 ? 'not-found' : 'failed';
}

/** Compressions that promgate does not ask for. Any other word there means nothing. */
const COMPRESSED = /\b(?:br|compress|deflate|zstd)\b/i;

/** Why the answer is no page of metrics; undefined if it is one. */
function faultOf(
  { body, contentType, headers }: EndpointPage,
  origin: string,
): EndpointFailed | undefined {
  const failed = (failure: EndpointFailure, why: string): EndpointFailed => ({
    ...{ failure, why: `${origin}: ${why}`, status: undefined },
  });
  if (COMPRESSED.test(firstValue(headers['content-encoding']) ?? '')) {
    return failed('not_metrics', 'compressed in a way that promgate did not ask for');
  }
  if (!isMetrics(body, contentType)) {
    return failed('not_metrics', 'no page of metrics, by its Content-Type or its first line');
  }
  if (hasEnd(body, contentType)) return undefined;
  return failed('upstream_truncated', 'a page of OpenMetrics without # EOF at its end');
}

function tooManyJobs(): EndpointRefusedError {
  const why =
    'cache.max_jobs endpoints are kept warm already: raise it, or wait until cache.idle has passed without a reader for one';
  return new EndpointRefusedError('too_many_jobs', why);
}
