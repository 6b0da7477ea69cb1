/**
 * What a response of the origin means for the store and for who waits.
 *
 * `rfc9111.ts` has the rules; here they meet the requests under way (`origin-flight.ts`) and the store.
 */
import { parseCacheControl } from './cache-control.ts';
import { isConditional, updatedFields, validatesStored } from './conditional.ts';
import { Fields } from './fields.ts';
import type { HttpStore, RequestKey, StoredResponse } from './http-store.ts';
import type { ResponseHead } from './origin.ts';
import type { CacheRequest, Decision, Flight, Forwarded } from './origin-flight.ts';
import {
  ERROR_STATUSES,
  type Exchange,
  type Freshness,
  invalidates,
  mayStandIn,
  type Rules,
  type Storable,
  storable,
} from './rfc9111.ts';
import { matches } from './vary.ts';

/** Where the origin is, for references in its responses. */
export interface OriginPlace {
  /** With a port unless it is the scheme's. */
  readonly host: string;
  /** What stands before the path of every request; '' for nothing. */
  readonly basePath: string;
}

export interface DecisionOptions {
  readonly store: HttpStore;
  readonly rules: Rules;
  readonly now: () => number;
  readonly origin: OriginPlace;
  readonly invalidate: (target: string) => void;
  /** Called with whether the response to a request may be shared. */
  readonly onShareable: (key: RequestKey, isShareable: boolean) => void;
}

export class Decisions {
  readonly #options: DecisionOptions;

  constructor(options: DecisionOptions) {
    this.#options = options;
  }

  /** The decision for a response that may be stored, or validates a stored one. */
  shared(flight: Flight, head: ResponseHead): Decision | 'again' {
    const { validates, first } = flight;
    if (head.status === 304 && validates) return this.#notModified(flight, head, validates);
    const asked = parseCacheControl(first.fields.get('cache-control'));
    if (validates && ERROR_STATUSES.has(head.status)) {
      if (mayStandIn(validates.freshness, this.#options.now(), 'error-status', asked)) {
        const handling = { mark: 'stale', forwarded: 'stale', forwardStatus: head.status } as const;
        return { kind: 'stored', stored: validates, handling };
      }
    }
    const decision = this.#stream(flight, head, validates ? 'stale' : 'uri-miss');
    const isNewer = flight.storing === undefined && head.status < 500;
    if (validates && isNewer) this.#options.store.remove(validates);
    return decision;
  }

  /** The decision for a response that goes to the reader, and to the store if it may. */
  #stream(flight: Flight, head: ResponseHead, forwarded: Forwarded): Decision {
    const verdict = storable(this.#exchange(flight, head), this.#options.rules);
    const length = Number(head.fields.get('content-length') ?? 0);
    const isStored =
      typeof verdict !== 'string' && flight.mayStore && length <= this.#options.store.maxBodyBytes;
    const isShareable = isStored && isShared(verdict.freshness);
    this.#options.onShareable(flight.key, isShareable);
    flight.storing = isStored ? { head, ...verdict } : undefined;
    return {
      kind: 'stream',
      handling: { mark: 'miss', forwarded, isStored },
      maxKeptBytes: isStored ? this.#options.store.maxBodyBytes : 0,
    };
  }

  #notModified(flight: Flight, head: ResponseHead, validates: StoredResponse): Decision | 'again' {
    if (!validatesStored(validates.fields, head.fields)) {
      this.#options.store.remove(validates);
      return 'again';
    }
    const fields = updatedFields(validates.fields, head.fields);
    const { status } = validates;
    const exchange = { ...this.#exchange(flight, head), status, response: fields };
    const verdict = storable(withAge(exchange, head), this.#options.rules);
    const handling = { mark: 'revalidated', forwarded: 'stale', forwardStatus: 304 } as const;
    const isShareable = typeof verdict !== 'string' && isShared(verdict.freshness);
    this.#options.onShareable(flight.key, isShareable);
    if (typeof verdict === 'string' || !flight.mayStore) {
      this.#options.store.remove(validates);
      return { kind: 'stored', stored: validates, handling };
    }
    const stored = this.#options.store.put({ ...validates, ...verdict });
    return { kind: 'stored', stored, handling };
  }

  /** A response that is not looked for in the cache; it may make stored ones invalid. */
  alone(flight: Flight, head: ResponseHead, forwarded: Forwarded): Decision {
    const { method, body } = flight.first;
    if (invalidates(method, head.status)) this.#invalidateAll(flight, head);
    const isPlain = method === 'GET' && !body && !flight.first.fields.has('range');
    if (isPlain && forwarded === 'uri-miss' && !isConditional(flight.first.fields)) {
      return this.#stream(flight, head, forwarded);
    }
    const mark = forwarded === 'method' || forwarded === 'request' ? 'bypass' : 'miss';
    const maxKeptBytes = method === 'POST' ? this.#keepPosted(flight, head) : 0;
    return { kind: 'stream', handling: { mark, forwarded }, maxKeptBytes };
  }

  /** A POST may bring the new state of its own address (RFC 9110, 9.3.3). */
  #keepPosted(flight: Flight, head: ResponseHead): number {
    const { target } = flight.key;
    const place = head.fields.get('content-location');
    if (place === undefined || this.#targetOf(place, flight.first) !== target) return 0;
    if (head.status !== 200) return 0;
    const verdict = storable({ ...this.#exchange(flight, head), method: 'GET' });
    if (typeof verdict === 'string' || !verdict.isExplicit) return 0;
    if (verdict.freshness.lifetimeMs === 0) return 0;
    flight.storing = { head, ...verdict };
    flight.mayStore = true;
    return this.#options.store.maxBodyBytes;
  }

  #invalidateAll(flight: Flight, head: ResponseHead): void {
    const { target } = flight.key;
    this.#options.invalidate(target);
    for (const name of ['location', 'content-location']) {
      const place = head.fields.get(name);
      const other = place === undefined ? undefined : this.#targetOf(place, flight.first);
      if (other !== undefined) this.#options.invalidate(other);
    }
  }

  /** Stores a response whose body is whole. */
  complete({ key, storing }: Flight, body: Buffer): void {
    if (!isStoring(storing)) return;
    const { head, freshness, selectors, fields } = storing;
    const { status, statusMessage } = head;
    this.#options.store.put({
      ...{ key, status, statusMessage, fields },
      body,
      freshness,
      selectors,
    });
  }

  /** @returns what stands in for a response that did not come */
  standIn({ validates, first }: Flight): StoredResponse | undefined {
    const asked = parseCacheControl(first.fields.get('cache-control'));
    if (!validates || !mayStandIn(validates.freshness, this.#options.now(), 'no-answer', asked))
      return undefined;
    return validates;
  }

  /** @returns path and query of a reference to this origin, as readers ask for it */
  #targetOf(reference: string, { key, fields }: CacheRequest): string | undefined {
    const { host, basePath } = this.#options.origin;
    const base = URL.parse(`http://${host}${basePath}${key.target}`);
    const place = base && URL.parse(reference, base.href);
    if (!place || (place.host !== host && place.host !== fields.get('host'))) return undefined;
    const target = place.pathname + place.search;
    return target.startsWith(`${basePath}/`) ? target.slice(basePath.length) : target;
  }

  #exchange(flight: Flight, head: ResponseHead): Exchange {
    return {
      method: flight.first.method,
      request: flight.first.fields,
      status: head.status,
      response: head.fields,
      requestMs: flight.beganMs,
      responseMs: this.#options.now(),
    };
  }
}

interface Storing extends Storable {
  readonly head: ResponseHead;
}

function isStoring(storing: unknown): storing is Storing {
  return storing !== undefined;
}

/** Whether a response may answer requests that came while it was asked for. */
function isShared(freshness: Freshness): boolean {
  return !freshness.noCache && freshness.lifetimeMs > freshness.initialAgeMs;
}

/** Whether a reader may have the response of a request under way, as far as it is known. */
export function suits({ storing, validates }: Flight, { fields }: CacheRequest): boolean {
  if (isStoring(storing)) {
    const language = storing.fields.get('content-language');
    return isShared(storing.freshness) && matches(storing.selectors, fields, language);
  }
  if (!validates) return false;
  return isShared(validates.freshness) && matches(validates.selectors, fields);
}

/** Adds the `Age` of a 304 to fields that are stored without it. */
function withAge(exchange: Exchange, { fields }: ResponseHead): Exchange {
  const age = fields.first('age');
  if (age === undefined) return exchange;
  return { ...exchange, response: new Fields([...exchange.response.raw, 'Age', age]) };
}
