/**
 * One request to the origin that several readers may share.
 *
 * It waits for the head of the response, asks `decide` what the response means, and hands each reader
 * an outcome. The body is shared by all who take it; see `shared-body.ts`.
 */
import type { Fields } from './fields.ts';
import type { RequestKey, StoredResponse } from './http-store.ts';
import type {
  OpenOrigin,
  OriginCall,
  OriginFailure,
  OriginReceiver,
  OriginRequest,
  ResponseHead,
} from './origin.ts';
import { type BodyReader, type KeepBudget, SharedBody } from './shared-body.ts';

/** What the cache did for an answer: a closed set. */
export type Mark = 'hit' | 'miss' | 'stale' | 'revalidated' | 'bypass';

/** Why a request went to the origin (RFC 9211, 2.2). */
export type Forwarded = 'uri-miss' | 'stale' | 'request' | 'method' | 'bypass' | 'partial';

export interface Handling {
  readonly mark: Mark;
  readonly forwarded?: Forwarded | undefined;
  /** The status of the origin's response, where the reader gets another. */
  readonly forwardStatus?: number | undefined;
  readonly isCollapsed?: boolean;
  readonly isStored?: boolean;
}

/** What a reader asks for. */
export interface CacheRequest {
  readonly method: string;
  readonly key: RequestKey;
  /** As the reader sent them. */
  readonly fields: Fields;
  /** Makes what the origin is to get: without those of the connection. */
  readonly forward: () => Fields;
  readonly body?: OriginRequest['body'];
}

/** Who waits for an answer; told once, by one of the last three. Must not throw. */
export interface AnswerTaker {
  interim(head: ResponseHead): void;
  stored(stored: StoredResponse, handling: Handling): void;
  streamed(head: ResponseHead, body: BodyReader, handling: Handling): void;
  failed(failure: OriginFailure | 'not-cached'): void;
}

/** One reader of a flight. */
export interface Passenger {
  readonly request: CacheRequest;
  readonly taker: AnswerTaker;
  /** Takes the reader off the flight it is on; to be called only before it was told anything. */
  leave: () => void;
}

/** What the response means. */
export type Decision =
  | { readonly kind: 'stored'; readonly stored: StoredResponse; readonly handling: Handling }
  | {
      readonly kind: 'stream';
      readonly handling: Handling;
      /** The most bytes to keep for storing; 0 if the response is not to be stored. */
      readonly maxKeptBytes: number;
    };

export interface FlightOptions {
  readonly open: OpenOrigin;
  readonly budget: KeepBudget;
  readonly decide: (flight: Flight, head: ResponseHead) => Decision | 'again';
  /** The stored response that stands in where no head came; undefined fails the readers. */
  readonly standIn: (flight: Flight) => StoredResponse | undefined;
  /** Whether this reader may have the response; the one who began the flight always may. */
  readonly suits: (flight: Flight, request: CacheRequest) => boolean;
  /** Whom the response does not suit: it asks anew. */
  readonly again: (passenger: Passenger) => void;
  /** The whole body has come and was kept. */
  readonly complete: (flight: Flight, body: Buffer) => void;
  readonly onFailure: (flight: Flight, failure: OriginFailure, cause: string) => void;
  readonly onOver: (flight: Flight) => void;
}

export class Flight implements OriginReceiver {
  readonly key: RequestKey;
  readonly first: CacheRequest;
  /** The stored response that this request validates. */
  readonly validates: StoredResponse | undefined;
  readonly beganMs: number;
  /** Whether the response may be stored; a purge of its address forbids it. */
  mayStore = true;
  /** Set by `decide`, for `complete`. */
  storing: unknown;
  readonly #options: FlightOptions;
  readonly #passengers = new Set<Passenger>();
  #leader: Passenger | undefined;
  #call: OriginCall | undefined;
  #head: ResponseHead | undefined;
  #body: SharedBody | undefined;
  #handling: Handling | undefined;
  #over = false;
  /** Goes on without readers: a refresh in the background. */
  readonly isBackground: boolean;

  constructor(
    options: FlightOptions,
    first: CacheRequest,
    {
      validates,
      leader,
      nowMs,
    }: { validates?: StoredResponse | undefined; leader?: Passenger | undefined; nowMs: number },
  ) {
    this.#options = options;
    this.first = first;
    this.key = first.key;
    this.validates = validates;
    this.beganMs = nowMs;
    this.isBackground = leader === undefined;
    this.#leader = leader;
    if (leader) this.#seat(leader);
  }

  /** Sends the request. @param fields - what the origin gets */
  send(fields: Fields): void {
    const { method, key, body } = this.first;
    this.#call = this.#options.open({ method, target: key.target, fields, body }, this);
    if (this.#over) this.#call.abort();
  }

  /** Whether a further reader may join. */
  get isOpen(): boolean {
    if (this.#over) return false;
    return this.#body === undefined || (this.#body.keepsAll && this.#body.state === 'coming');
  }

  get hasHead(): boolean {
    return this.#head !== undefined;
  }

  /** To be called only while `isOpen`. */
  join(passenger: Passenger): void {
    if (this.#body) this.#handBody(passenger);
    else this.#seat(passenger);
  }

  #seat(passenger: Passenger): void {
    this.#passengers.add(passenger);
    const leave = (): void => this.#leave(passenger);
    passenger.leave = leave;
  }

  #leave(passenger: Passenger): void {
    this.#passengers.delete(passenger);
    if (this.#leader === passenger) this.#leader = undefined;
    if (!this.#body && this.#passengers.size === 0 && !this.isBackground) this.end();
  }

  /** Stops keeping the body: a purge came. */
  forget(): void {
    this.mayStore = false;
    this.#body?.keepNothing();
  }

  /** Ends the request to the origin; readers of its body see it break off. */
  end(): void {
    if (this.#over) return;
    this.#close();
    this.#call?.abort();
    this.#body?.fail();
    for (const { taker } of this.#takeAll()) taker.failed('aborted');
  }

  readonly interim = (head: ResponseHead): void => {
    this.#leader?.taker.interim(head);
  };

  readonly started = (head: ResponseHead): void => {
    if (this.#over) return;
    const decision = this.#options.decide(this, head);
    this.#head = head;
    if (decision === 'again') {
      const waiting = this.#takeAll();
      this.#close();
      this.#call?.abort();
      for (const passenger of waiting) this.#options.again(passenger);
      return;
    }
    if (decision.kind === 'stored') this.#giveStored(decision);
    else this.#giveStream(decision);
  };

  readonly received = (chunk: Buffer): void => {
    this.#body?.push(chunk);
  };

  readonly ended = (): void => {
    const whole = this.#body?.end();
    if (whole && this.mayStore) this.#options.complete(this, whole);
    this.#close();
  };

  readonly failed = (failure: OriginFailure, cause: string): void => {
    if (this.#over) return;
    this.#options.onFailure(this, failure, cause);
    this.#close();
    this.#body?.fail();
    const waiting = this.#takeAll();
    const stored = waiting.length > 0 ? this.#options.standIn(this) : undefined;
    for (const { taker } of waiting) {
      if (stored) taker.stored(stored, { mark: 'stale', forwarded: 'stale' });
      else taker.failed(failure);
    }
  };

  /** The passengers, who are told something now. */
  #takeAll(): Passenger[] {
    const all = [...this.#passengers];
    this.#passengers.clear();
    return all;
  }

  #giveStored({ stored, handling }: Extract<Decision, { kind: 'stored' }>): void {
    const waiting = this.#takeAll();
    if (this.#head!.status !== 304) {
      this.#close();
      this.#call?.abort();
    }
    for (const passenger of waiting) {
      const isCollapsed = passenger !== this.#leader;
      if (isCollapsed && !this.#options.suits(this, passenger.request)) {
        this.#options.again(passenger);
      } else passenger.taker.stored(stored, { ...handling, isCollapsed });
    }
  }

  #giveStream({ handling, maxKeptBytes }: Extract<Decision, { kind: 'stream' }>): void {
    const waiting = this.#takeAll();
    this.#handling = handling;
    this.#body = new SharedBody({
      flow: { pause: () => this.#call?.pause(), resume: () => this.#call?.resume() },
      budget: this.#options.budget,
      maxKeptBytes,
      onDeserted: () => {
        if (!this.isBackground || !this.#body?.keepsAll) this.end();
      },
    });
    const suiting = waiting.filter(
      (one) => one === this.#leader || (maxKeptBytes > 0 && this.#options.suits(this, one.request)),
    );
    for (const passenger of suiting) this.#handBody(passenger);
    for (const passenger of waiting)
      if (!suiting.includes(passenger)) this.#options.again(passenger);
    if (suiting.length === 0 && (!this.isBackground || maxKeptBytes === 0)) this.end();
  }

  #handBody(passenger: Passenger): void {
    const body = this.#body!.attach();
    const isCollapsed = passenger !== this.#leader;
    const mark = isCollapsed ? 'hit' : this.#handling!.mark;
    passenger.taker.streamed(this.#head!, body, { ...this.#handling!, mark, isCollapsed });
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onOver(this);
  }
}
