/**
 * The short way of pushes: a push whose path, and headers that say what it does, are those of an earlier
 * push goes to the ledger before koa, the router and the check of its credential. If its body differs
 * from the earlier one's in values only, it is not parsed either. koa and the parsing of the body would
 * take most of the time of a push.
 *
 * That is safe since the earlier push was admitted with the same credential less than a second ago, and no
 * token was revoked since: else the next push goes the long way, on which its credential is checked, and
 * only its body is read the short way. Each push takes its turn in the limits of its tenant. The body waits in memory while it
 * arrives, so only short ones go this way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { endPrepared } from './prepared.ts';
import type { PushAnswer } from './push-answers.ts';
import { decodePushBody, keepBody } from './push-body.ts';
import { collect } from './push-collect.ts';
import type { KnownBody, PushDesk, TakenPush } from './push-desk.ts';
import { KEY_HEADER, readKey } from './push-headers.ts';
import { PushHeads } from './push-heads.ts';
import { isShort, keyOf } from './push-key.ts';
import { type Learnt, learn, NOTHING, sizeOf } from './push-learnt.ts';
import type { PushRate } from './push-rate.ts';
import { type PushIntent, type PushSettings, pushHash } from './push-request.ts';
import type { PushRoom, Taken } from './push-room.ts';
import { splitTarget } from './request.ts';
import { observeRequest, type RequestObservers } from './request-log.ts';

/** What equal pushes have in common. */
export interface PushPlace {
  readonly intent: PushIntent;
  readonly settings: PushSettings;
}

export interface PushLaneOptions {
  readonly observers: RequestObservers;
  readonly desk: PushDesk;
  readonly rate: PushRate;
  readonly room: PushRoom;
  /** See `PushOptions`. */
  readonly admitsOpenly?: ((request: IncomingMessage) => boolean) | undefined;
  /** How many tokens were revoked so far, as far as this promgate knows. */
  readonly revocations?: (() => number) | undefined;
  /** The name of the route in metrics. */
  readonly handler: string;
  /** A clock in milliseconds that only goes forward. */
  readonly now?: () => number;
}

/** How long a place counts after the check of its credential. */
const ADMITTED_MS = 1_000;
/** Bound on the memory of all places: room for the bodies of 1,000 clients, or of 100 that push much. */
const MAX_BYTES = 67_108_864;
/** What a place takes beside its key and its layout, about; samples of the page each take as much again. */
const PLACE_BYTES = 2_048;

/** When the credential of a push was admitted. */
export interface Admitted {
  readonly atMs: number;
  /** How many tokens were revoked by then. */
  readonly revocations: number;
}

interface KeptPlace extends PushPlace, Learnt {
  /** Undefined for pushes without a credential: there is nothing to check anew. */
  readonly admitted: Admitted | undefined;
}

export class PushLane {
  readonly #options: PushLaneOptions;
  readonly #now: () => number;
  readonly #places = new LRUCache<string, KeptPlace>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ known }, key) => PLACE_BYTES + key.length + (known ? sizeOf(known) : 0),
  });
  readonly #heads = new PushHeads();
  /** The answers of this turn. */
  #ends: (() => void)[] = [];

  constructor(options: PushLaneOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.#places.size;
  }

  /** The body that an equal push had, whether or not it may still go the short way. */
  recall(req: IncomingMessage, intent: PushIntent): KnownBody | undefined {
    const key = keyOf(req);
    const place = key === undefined ? undefined : this.#places.get(key);
    return place && isSame(place.intent, intent) ? place.known : undefined;
  }

  /** To be called as soon as the credential of a push was admitted; for `add`. */
  admitted(): Admitted {
    return { atMs: this.#now(), revocations: this.#options.revocations?.() ?? 0 };
  }

  #isAdmitted({ admitted }: KeptPlace): boolean {
    if (!admitted) return true;
    const { atMs, revocations } = this.admitted();
    return atMs - admitted.atMs <= ADMITTED_MS && revocations === admitted.revocations;
  }

  /** Lets later pushes with the headers of `req` go the short way. */
  add(
    req: IncomingMessage,
    place: PushPlace & { readonly admitted: Admitted },
    taken: TakenPush,
  ): void {
    const key = keyOf(req);
    if (key === undefined) return;
    const before = this.#places.peek(key);
    const same = before && isSame(before.intent, place.intent) ? before : undefined;
    // The ledger finds what it knows of a push faster by the same intent than by an equal one.
    const learnt = same ? { intent: same.intent, ...learn(same, taken) } : NOTHING;
    const admitted = req.headers.authorization === undefined ? undefined : place.admitted;
    this.#places.set(key, { ...place, ...learnt, admitted });
  }

  /**
   * Answers a push, now or when its body has come.
   *
   * @param otherwise - lets the push go the long way after its body has come
   * @returns false if the push must go the long way now
   */
  answer(req: IncomingMessage, res: ServerResponse, otherwise: () => void): boolean {
    if (this.#places.size === 0 || !isShort(req)) return false;
    const key = keyOf(req);
    const place = key === undefined ? undefined : this.#places.get(key);
    if (key === undefined || place === undefined) return false;
    const { admitsOpenly, room } = this.#options;
    if (!this.#isAdmitted(place) || admitsOpenly?.(req) === false) return false;
    const beganMs = performance.now();
    const taken = room.take(place.intent.tenant);
    collect(req, taken, (body) => {
      if (body instanceof Buffer) {
        this.#arrived(req, res, { place, key, body, sent: body, taken, otherwise, beganMs });
        return;
      }
      taken[Symbol.dispose]();
      if (body === undefined) this.#left(place, beganMs);
      else {
        keepBody(req, body);
        otherwise(); // the long way refuses
      }
    });
    return true;
  }

  #left({ intent }: KeptPlace, beganMs: number): void {
    const left = new DOMException('the client left before the end of its push', 'AbortError');
    this.#options.desk.failed({ intent, samples: 0, bytes: 0, beganMs }, left);
  }

  #arrived(req: IncomingMessage, res: ServerResponse, push: CollectedPush): void {
    if (req.headers['content-encoding'] === undefined) this.#take(req, res, push);
    else void this.#takeDecoded(req, res, push);
  }

  async #takeDecoded(
    req: IncomingMessage,
    res: ServerResponse,
    push: CollectedPush,
  ): Promise<void> {
    const { place, sent, taken } = push;
    const options = { ...place.settings, room: taken };
    const body = await decodePushBody(req, sent, options).catch(() => undefined);
    if (body) this.#take(req, res, { ...push, body });
    else goLong(req, push); // the long way refuses
  }

  #take(req: IncomingMessage, res: ServerResponse, push: CollectedPush): void {
    const { place, body } = push;
    const { intent, settings } = place;
    const id = idOf(req, place, body);
    const { observers, handler, rate, desk } = this.#options;
    if (id === 'bad' || !rate.take(intent.tenant, settings.pushesPerSecond)) {
      goLong(req, push); // the long way refuses
      return;
    }
    const target = splitTarget(req.url ?? '');
    observeRequest(req, res, observers, () => ({ ...target, handler, instances: undefined }));
    const { beganMs } = push;
    this.#push(push, { id, beganMs }).then(
      (answer) => this.#endSoon(() => this.#end(req, res, answer)),
      (error: unknown) => {
        desk.failed({ intent, samples: 0, bytes: body.length, beganMs }, error);
        res.destroy();
      },
    );
  }

  #push(push: CollectedPush, facts: FactsOfPush): Promise<PushAnswer> {
    const { place, body, taken } = push;
    const { intent, known } = place;
    const values = known?.layout.read(body);
    if (!known || values === undefined) return this.#read(push, facts);
    taken[Symbol.dispose]();
    place.misses = 0;
    const { layout, samples } = known;
    const { id, beganMs } = facts;
    const page = { ...layout.page, values };
    return this.#options.desk.push({ intent, id, samples, bytes: body.length, beganMs, page });
  }

  /** Takes a push whose body has other lines. */
  async #read(
    { place, key, body, taken: held }: CollectedPush,
    { id, beganMs }: FactsOfPush,
  ): Promise<PushAnswer> {
    using _ = held;
    const { intent, settings, admitted } = place;
    const arrived = { intent, key: id?.key, settings, body, beganMs };
    const push = await this.#options.desk.take(arrived);
    const { answer } = push;
    const learnt = learn(place, push);
    if (this.#places.peek(key) === place) {
      this.#places.set(key, { intent, settings, admitted, ...learnt });
    }
    return answer;
  }

  /**
   * Lets all answers of a turn go out one after the other, behind the work of that turn: a client that
   * waits is woken once, not for each of its connections (measured at 16 connections: 1.7 times as many
   * pushes per second).
   */
  #endSoon(end: () => void): void {
    if (this.#ends.length === 0) {
      setImmediate(() => {
        const ends = this.#ends;
        this.#ends = [];
        for (const one of ends) one();
      });
    }
    this.#ends.push(end);
  }

  #end(req: IncomingMessage, res: ServerResponse, answer: PushAnswer): void {
    const { durability } = this.#options.desk.ledger;
    const isPlain = req.httpVersion === '1.1' && res.shouldKeepAlive;
    const bytes = isPlain ? this.#heads.join(answer, durability) : undefined;
    if (bytes && endPrepared(res, answer.status, bytes)) return;
    res.writeHead(answer.status, {
      ...answer.headers,
      'X-Durability': durability,
      'Content-Length': answer.body.length,
    });
    res.end(answer.body);
  }
}

interface CollectedPush {
  readonly place: KeptPlace;
  /** Of the place. */
  readonly key: string;
  /** Decompressed. */
  readonly body: Buffer;
  /** The body as it was sent. */
  readonly sent: Buffer;
  /** The memory of the body. */
  readonly taken: Taken;
  readonly otherwise: () => void;
  /** When the head had come. */
  readonly beganMs: number;
}

interface FactsOfPush {
  readonly id: { readonly key: string; readonly hash: string } | undefined;
  readonly beganMs: number;
}

function goLong(req: IncomingMessage, { sent, taken, otherwise }: CollectedPush): void {
  taken[Symbol.dispose]();
  keepBody(req, sent);
  otherwise();
}

/** Whether the same credential still says the same. */
function isSame(before: PushIntent, now: PushIntent): boolean {
  return before.text === now.text && before.forced === now.forced;
}

function idOf(req: IncomingMessage, { intent }: PushPlace, body: Buffer) {
  if (req.headers[KEY_HEADER] === undefined) return undefined;
  try {
    const key = readKey(req.headers);
    return key === undefined ? undefined : { key, hash: pushHash(intent, body) };
  } catch {
    return 'bad'; // the long way refuses
  }
}
