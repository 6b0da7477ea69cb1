/**
 * A shared HTTP cache before one origin: answers from what is stored, and asks the origin for the rest.
 *
 * Equal requests at the same time share one request to the origin. After an answer that may not be
 * shared, sharing pauses for that key: the others would only wait for one another.
 */
import { LRUCache } from 'lru-cache';
import { type Directives, parseCacheControl } from './cache-control.ts';
import { CONDITIONS, validators } from './conditional.ts';
import { Decisions, type OriginPlace, suits } from './decisions.ts';
import { Fields } from './fields.ts';
import type { HttpStore, RequestKey, StoredResponse, Ticket } from './http-store.ts';
import type { OpenOrigin, OriginFailure } from './origin.ts';
import {
  type AnswerTaker,
  type CacheRequest,
  Flight,
  type FlightOptions,
  type Forwarded,
  type Passenger,
} from './origin-flight.ts';
import { type Rules, reuseOf } from './rfc9111.ts';
import { KeepBudget } from './shared-body.ts';

/** How long equal requests go each its own way after an answer that may not be shared. */
const PAUSE_MS = 10_000;
const MAX_PAUSES = 10_000;
/** Refreshes in the background at once; a stale answer beyond them starts none. */
const MAX_BACKGROUND = 64;

export interface HttpCacheOptions {
  readonly store: HttpStore;
  readonly open: OpenOrigin;
  readonly origin: OriginPlace;
  readonly rules?: Rules;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly onOriginFailure?: (failure: OriginFailure, cause: string, target: string) => void;
}

export class HttpCache {
  readonly store: HttpStore;
  readonly #now: () => number;
  readonly #flights = new Map<string, Flight[]>();
  /** Every request to the origin, shared or not. */
  readonly #all = new Set<Flight>();
  /** Until when requests with a key go each its own way. */
  readonly #paused = new LRUCache<string, number>({ max: MAX_PAUSES });
  readonly #decisions: Decisions;
  readonly #flightOptions: FlightOptions;
  #background = 0;

  constructor(options: HttpCacheOptions) {
    const { store, open, origin, rules = {}, now = Date.now, onOriginFailure } = options;
    this.store = store;
    this.#now = now;
    this.#decisions = new Decisions({
      ...{ store, rules, now, origin },
      invalidate: (target) => this.invalidate(target),
      onShareable: (key, isShareable) => {
        if (isShareable) this.#paused.delete(flightKey(key));
        else this.#paused.set(flightKey(key), now() + PAUSE_MS);
      },
    });
    this.#flightOptions = {
      open,
      budget: new KeepBudget(store.maxBodyBytes * 2),
      decide: (flight, head) => this.#decisions.shared(flight, head),
      standIn: (flight) => this.#decisions.standIn(flight),
      suits: (flight, request) => suits(flight, request),
      again: (passenger) => this.#serve(passenger),
      complete: (flight, body) => this.#decisions.complete(flight, body),
      onFailure: ({ key }, failure, cause) => onOriginFailure?.(failure, cause, key.target),
      onOver: (flight) => this.#over(flight),
    };
  }

  /**
   * Answers a request, at once or later.
   *
   * @returns to be called when the reader has left before its taker was told anything
   */
  answer(request: CacheRequest, taker: AnswerTaker): () => void {
    const passenger: Passenger = { request, taker, leave: () => undefined };
    this.#serve(passenger);
    return () => passenger.leave();
  }

  /**
   * The stored response of a ticket, if a request gets it as a plain hit that is equal to one that got
   * it before, and that states no directives.
   */
  hitOf({ response }: Ticket): StoredResponse | undefined {
    if (!response || reuseOf(response.freshness, this.#now()) !== 'fresh') return undefined;
    this.store.used(response);
    return response;
  }

  #serve(passenger: Passenger): void {
    const { request, taker } = passenger;
    const { method, key, fields, body } = request;
    if ((method !== 'GET' && method !== 'HEAD') || body) {
      this.#pass(passenger, 'method');
      return;
    }
    const asked = parseCacheControl(fields.get('cache-control'));
    if (asked.has('no-store')) {
      this.#pass(passenger, 'request');
      return;
    }
    const stored = this.store.lookup(key, fields);
    if (stored) {
      const reuse = reuseOf(stored.freshness, this.#now(), asked);
      if (reuse !== 'validate') {
        taker.stored(stored, { mark: reuse === 'fresh' ? 'hit' : 'stale' });
        if (reuse === 'revalidate') this.#refresh(request, stored);
        return;
      }
    }
    if (asked.has('only-if-cached')) taker.failed('not-cached');
    else if (method === 'HEAD') this.#pass(passenger, stored ? 'stale' : 'uri-miss');
    else if (!stored && fields.has('range')) this.#pass(passenger, 'partial');
    else this.#share(passenger, stored, asked);
  }

  /** Removes what is stored for addresses that begin so. @returns how many there were */
  clear(prefix = ''): number {
    for (const flight of [...this.#all]) {
      if (flight.key.target.startsWith(prefix)) this.#forget(flight);
    }
    return this.store.clear(prefix);
  }

  /** Removes what is stored for an address. @returns how many there were */
  invalidate(target: string): number {
    for (const flight of [...this.#all]) if (flight.key.target === target) this.#forget(flight);
    return this.store.invalidate(target);
  }

  /** Ends all requests to the origin. */
  close(): void {
    for (const flight of [...this.#all]) flight.end();
  }

  /** Joins a request that is under way, or begins one. */
  #share(passenger: Passenger, stored: StoredResponse | undefined, asked: Directives): void {
    const { request } = passenger;
    const wantsNew = asked.has('no-cache') || asked.get('max-age') === '0';
    const isPaused = (this.#paused.get(flightKey(request.key)) ?? 0) > this.#now();
    const joined = wantsNew || isPaused ? undefined : this.#flightFor(request);
    if (joined) joined.join(passenger);
    // A reader's condition is for us to answer, unless the origin's answers cannot be stored.
    else if (isPaused && !stored) this.#pass(passenger, 'uri-miss');
    else {
      const isShared = !wantsNew && !isPaused;
      this.#fetch(request, { validates: stored, leader: passenger, isShared });
    }
  }

  #flightFor(request: CacheRequest): Flight | undefined {
    return this.#flights
      .get(flightKey(request.key))
      ?.find((flight) => flight.isOpen && (!flight.hasHead || suits(flight, request)));
  }

  /** Begins a request whose answer may be stored. */
  #fetch(
    request: CacheRequest,
    {
      validates,
      leader,
      isShared = true,
    }: {
      readonly validates: StoredResponse | undefined;
      readonly leader?: Passenger;
      readonly isShared?: boolean;
    },
  ): void {
    const plan = { validates, leader, nowMs: this.#now() };
    const flight = new Flight(this.#flightOptions, request, plan);
    this.#all.add(flight);
    const id = flightKey(request.key);
    if (isShared) this.#flights.set(id, [...(this.#flights.get(id) ?? []), flight]);
    flight.send(withConditions(request.forward(), validates));
  }

  /** Begins a request that no other shares. */
  #pass(leader: Passenger, forwarded: Forwarded): void {
    const decide: FlightOptions['decide'] = (flight, head) =>
      this.#decisions.alone(flight, head, forwarded);
    const options = { ...this.#flightOptions, decide };
    const flight = new Flight(options, leader.request, { leader, nowMs: this.#now() });
    this.#all.add(flight);
    flight.send(leader.request.forward());
  }

  /** Validates in the background what was served stale. */
  #refresh(request: CacheRequest, validates: StoredResponse): void {
    if (this.#flightFor(request) || this.#background >= MAX_BACKGROUND) return;
    this.#background++;
    this.#fetch({ ...request, method: 'GET' }, { validates });
  }

  #forget(flight: Flight): void {
    this.#unlist(flight);
    flight.forget();
  }

  #over(flight: Flight): void {
    if (!this.#all.delete(flight)) return;
    if (flight.isBackground) this.#background--;
    this.#unlist(flight);
  }

  #unlist(flight: Flight): void {
    const id = flightKey(flight.key);
    const others = this.#flights.get(id)?.filter((one) => one !== flight) ?? [];
    if (others.length === 0) this.#flights.delete(id);
    else this.#flights.set(id, others);
  }
}

/** Parts cannot hold one another's separators, since the length of the first is given. */
function flightKey({ target, scope }: RequestKey): string {
  return `${scope.length}:${scope}${target}`;
}

const NOT_SENT_ON: ReadonlySet<string> = new Set([...CONDITIONS, 'range']);

function withConditions(forward: Fields, validates: StoredResponse | undefined): Fields {
  const plain = forward.without(NOT_SENT_ON);
  return validates ? new Fields([...plain.raw, ...validators(validates.fields)]) : plain;
}
