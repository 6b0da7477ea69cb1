/**
 * The short way to kept answers: a request that is equal to an earlier one, header for header, is
 * answered before koa, the router and the check of its credential.
 *
 * That is safe since the earlier request was admitted with the same headers, and only requests that
 * may see everything get a place here: what they may see never changes while promgate runs. Each
 * answer is looked up in its cache again, so that nothing goes out that the cache would not give.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { readerName } from './client-address.ts';
import { cutOff } from './cut-off.ts';
import { endPrepared, preparedHead, takesPrepared } from './prepared.ts';
import { splitTarget } from './request.ts';
import { requestKey } from './request-key.ts';
import { observeRequest, type RequestObservers, type RequestRecord } from './request-log.ts';
import type { UnsentBody } from './unsent-bodies.ts';

/** An answer that needs no further work. */
export interface PreparedAnswer {
  /** Without `Content-Length`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly instances?: RequestRecord['instances'];
  /** Counts the memory of the body until its disposal, and tells when that has to be soon. */
  readonly held?: UnsentBody | undefined;
}

/** What equal requests get. */
export interface LanePlace extends Pick<RequestRecord, 'handler'> {
  /**
   * Called for each request; undefined if the answer must be found anew. Must not throw.
   *
   * @param reader - see `readerName`
   */
  current(reader: string): PreparedAnswer | undefined;
  /** Called when such an answer has ended. Must not throw. */
  readonly ended?: ((record: RequestRecord) => void) | undefined;
}

export interface LaneOptions {
  readonly observers: RequestObservers;
  /** A reader that takes longer for an answer is cut off. */
  readonly maxTimeoutMs: number;
}

/** Bound on the memory of all places: room for about 10,000 requests. */
const MAX_BYTES = 50_331_648;
/** What a place takes beside its key, about. */
const PLACE_BYTES = 4_096;
/** Larger answers go out without being copied. */
const MAX_JOINED_BYTES = 65_536;
/** How many answers of one second are kept as they go out. */
const MAX_JOINED = 256;
/** Requests with longer headers are not worth their memory. */
const MAX_KEY_LENGTH = 4_096;

export class Lane {
  readonly #places = new LRUCache<string, LanePlace>({
    maxSize: MAX_BYTES,
    maxEntrySize: PLACE_BYTES + MAX_KEY_LENGTH,
    sizeCalculation: (_, key) => PLACE_BYTES + key.length,
  });
  readonly #options: LaneOptions;
  /** The answers of this second, as they go out. */
  readonly #answers = new Map<LanePlace, { readonly body: Buffer; readonly bytes: Buffer }>();
  #second = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#places.size;
  }

  /**
   * Answers later requests that are equal to `req` from `place`, which must hold no credential of
   * an app: a place has no other end than that others need its room.
   */
  add(req: IncomingMessage, place: LanePlace): void {
    const key = requestKey(req);
    if (key !== undefined) this.#places.set(key, place);
  }

  /** Small answers to readers that stay go out as one buffer, since Node takes long for heads. */
  #end(res: ServerResponse, place: LanePlace, { headers, body }: PreparedAnswer): void {
    const joined = takesPrepared(res) ? this.#joined(place, { headers, body }) : undefined;
    if (joined && endPrepared(res, 200, joined)) return;
    res.writeHead(200, { ...headers, 'Content-Length': body.length });
    res.end(body);
  }

  /**
   * Head and body in one buffer; made once a second, as `Age` and `Date` change then.
   *
   * @returns undefined for what is not worth its memory
   */
  #joined(place: LanePlace, { headers, body }: PreparedAnswer): Buffer | undefined {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#second) this.#answers.clear();
    this.#second = second;
    const known = this.#answers.get(place);
    if (known?.body === body) return known.bytes;
    if (body.length > MAX_JOINED_BYTES || this.#answers.size >= MAX_JOINED) return undefined;
    const bytes = Buffer.concat([preparedHead(headers, body.length), body]);
    this.#answers.set(place, { body, bytes });
    return bytes;
  }

  /** @returns false if the request must go the long way */
  answer(req: IncomingMessage, res: ServerResponse): boolean {
    if (this.#places.size === 0) return false;
    const key = requestKey(req);
    const place = key === undefined ? undefined : this.#places.get(key);
    if (key === undefined || place === undefined) return false;
    const answer = place.current(readerName(req));
    if (answer === undefined) {
      this.#places.delete(key);
      return false;
    }
    const { observers, maxTimeoutMs } = this.#options;
    const { handler, ended } = place;
    const { instances } = answer;
    const target = splitTarget(req.url ?? '');
    const describe = () => ({ ...target, handler, instances });
    observeRequest(req, res, observers, describe, ended);
    this.#end(res, place, answer);
    const isSent = res.writableLength === 0 && req.socket.writableLength === 0;
    if (isSent) answer.held?.[Symbol.dispose]();
    else bound(req, res, { maxMs: maxTimeoutMs, held: answer.held });
    return true;
  }
}

interface Bounds extends Pick<PreparedAnswer, 'held'> {
  readonly maxMs: number;
}

/** Bounds the time of an answer that the reader has not taken at once. */
function bound({ socket }: IncomingMessage, res: ServerResponse, { maxMs, held }: Bounds): void {
  const tooSlow = setTimeout(() => cutOff(socket), maxMs);
  held?.onRevoked(() => cutOff(socket));
  res.once('close', () => {
    clearTimeout(tooSlow);
    held?.[Symbol.dispose]();
  });
}
