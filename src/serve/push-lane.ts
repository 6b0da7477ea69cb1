/**
 * The short way of pushes: a push that is equal to an earlier one, header for header, and whose body
 * differs from the earlier one's in values only, goes to the ledger before koa, the router and the check
 * of its credential. koa and the parsing of the body would take most of the time of a push.
 *
 * That is safe since the earlier push was admitted with the same headers less than a second ago: a token
 * that is revoked meanwhile ends its place. Each push takes its turn in the limits of its tenant. The
 * body waits in memory while it arrives, so only short ones go this way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import { isHarmless } from '../fetch/forward.ts';
import type { BodyLayout } from '../push/body-layout.ts';
import { Problem } from './errors.ts';
import { endPrepared } from './prepared.ts';
import type { PushAnswer } from './push-answers.ts';
import { keepBody } from './push-body.ts';
import type { PushDesk } from './push-desk.ts';
import { KEY_HEADER, readKey } from './push-headers.ts';
import type { PushRate } from './push-rate.ts';
import { type PushIntent, type PushSettings, pushHash } from './push-request.ts';
import type { PushRoom } from './push-room.ts';
import { splitTarget } from './request.ts';
import { observeRequest, type RequestObservers } from './request-log.ts';

/** What equal pushes have in common. */
export interface PushPlace {
  readonly intent: PushIntent;
  readonly layout: BodyLayout;
  readonly samples: number;
  readonly settings: PushSettings;
}

export interface PushLaneOptions {
  readonly observers: RequestObservers;
  readonly desk: PushDesk;
  readonly rate: PushRate;
  readonly room: PushRoom;
  /** See `PushOptions`. */
  readonly admitsOpenly?: ((request: IncomingMessage) => boolean) | undefined;
  /** The name of the route in metrics. */
  readonly handler: string;
  /** A clock in milliseconds that only goes forward. */
  readonly now?: () => number;
}

/** How long a place counts after the check of its credential. */
const ADMITTED_MS = 1_000;
/** Bound on the memory of all places. */
const MAX_BYTES = 33_554_432;
/** What a place takes beside its key and its layout, about; metrics of the page each take as much again. */
const PLACE_BYTES = 2_048;
const METRIC_BYTES = 256;
/** Pushes with longer headers, or longer bodies, are not worth their memory. */
const MAX_KEY_LENGTH = 4_096;
const MAX_BODY_BYTES = 65_536;

/** Headers of which pushes may differ, beside those that are harmless for reading. */
const OWN: ReadonlySet<string> = new Set(['content-length', 'date', KEY_HEADER]);

interface KeptPlace extends PushPlace {
  readonly admittedMs: number;
}

export class PushLane {
  readonly #options: PushLaneOptions;
  readonly #now: () => number;
  readonly #places = new LRUCache<string, KeptPlace>({
    maxSize: MAX_BYTES,
    sizeCalculation: ({ layout, samples }, key) =>
      PLACE_BYTES + key.length + layout.sizeBytes + samples * METRIC_BYTES,
  });
  readonly #heads = new Heads();

  constructor(options: PushLaneOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  get size(): number {
    return this.#places.size;
  }

  /** Lets later pushes with the headers of `req` go the short way. */
  add(req: IncomingMessage, place: PushPlace): void {
    const key = keyOf(req);
    if (key !== undefined) this.#places.set(key, { ...place, admittedMs: this.#now() });
  }

  /**
   * Answers a push, now or when its body has come.
   *
   * @param otherwise - lets the push go the long way after its body has come
   * @returns false if the push must go the long way now
   */
  answer(req: IncomingMessage, res: ServerResponse, otherwise: () => void): boolean {
    if (this.#places.size === 0) return false;
    const key = keyOf(req);
    const place = key === undefined ? undefined : this.#places.get(key);
    if (key === undefined || place === undefined) return false;
    const { admitsOpenly, room } = this.#options;
    const isAdmitted = this.#now() - place.admittedMs <= ADMITTED_MS;
    if (!isAdmitted || admitsOpenly?.(req) === false) {
      this.#places.delete(key);
      return false;
    }
    const bytes = Number(req.headers['content-length']);
    const taken = room.take(place.intent.tenant);
    try {
      taken.more(bytes);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return false; // the long way refuses
    }
    collect(req, bytes, (body) => {
      taken[Symbol.dispose]();
      if (body !== undefined) this.#push(req, res, { place, body, otherwise });
    });
    return true;
  }

  #push(req: IncomingMessage, res: ServerResponse, { place, body, otherwise }: ArrivedPush): void {
    const { rate } = this.#options;
    const { intent, layout, settings } = place;
    const values = layout.read(body);
    const id = idOf(req, place, body);
    if (
      values === undefined ||
      id === 'bad' ||
      !rate.take(intent.tenant, settings.pushesPerSecond)
    ) {
      keepBody(req, body);
      otherwise();
      return;
    }
    const { observers, handler, desk } = this.#options;
    const target = splitTarget(req.url ?? '');
    observeRequest(req, res, observers, () => ({ ...target, handler, instances: undefined }));
    const work = {
      ...{ intent, id, samples: place.samples, bytes: body.length, beganMs: performance.now() },
      page: { ...layout.page, values },
    };
    desk.push(work).then(
      (answer) => this.#end(req, res, answer),
      (error: unknown) => {
        desk.failed(work, error);
        res.destroy();
      },
    );
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

interface ArrivedPush {
  readonly place: PushPlace;
  readonly body: Buffer;
  readonly otherwise: () => void;
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

/** Undefined for requests that never go this way. No field can hold a NUL. */
function keyOf({ method, url, headers, rawHeaders }: IncomingMessage): string | undefined {
  if (method !== 'POST' && method !== 'PUT') return undefined;
  const length = headers['content-length'];
  if (length === undefined || Number(length) > MAX_BODY_BYTES) return undefined;
  if (headers['content-encoding'] !== undefined || headers.expect !== undefined) return undefined;
  let key = `${method} ${url}`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]!.toLowerCase();
    if (!OWN.has(lower) && !isHarmless(lower)) key += `\0${lower}\0${rawHeaders[i + 1]}`;
  }
  return key.length > MAX_KEY_LENGTH ? undefined : key;
}

/** Calls `arrived` with the whole body, or with undefined if the client has left before. */
function collect(
  req: IncomingMessage,
  sizeBytes: number,
  arrived: (body: Buffer | undefined) => void,
): void {
  const chunks: Buffer[] = [];
  let isOver = false;
  const end = (body: Buffer | undefined): void => {
    if (isOver) return;
    isOver = true;
    arrived(body);
  };
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.once('end', () => {
    const [first] = chunks;
    end(first && chunks.length === 1 ? first : Buffer.concat(chunks, sizeBytes));
  });
  req.once('error', () => end(undefined));
  req.once('close', () => end(undefined));
}

/** Answers as they go out: head and body in one buffer, made anew each second for `Date`. */
class Heads {
  readonly #bytes = new Map<PushAnswer, Buffer>();
  #second = 0;

  /** @returns undefined for an answer that is not one of a few */
  join(answer: PushAnswer, durability: string): Buffer | undefined {
    const nowMs = Date.now();
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) this.#bytes.clear();
    this.#second = second;
    const known = this.#bytes.get(answer);
    if (known) return known;
    if (this.#bytes.size >= MAX_HEADS || answer.status >= 300) return undefined;
    const fields = Object.entries({
      ...answer.headers,
      'X-Durability': durability,
      Date: new Date(nowMs).toUTCString(),
      'Content-Length': String(answer.body.length),
    });
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const status = `HTTP/1.1 ${answer.status} ${answer.status === 200 ? 'OK' : 'Accepted'}\r\n`;
    const bytes = Buffer.concat([Buffer.from(`${status}${head}\r\n`, 'latin1'), answer.body]);
    this.#bytes.set(answer, bytes);
    return bytes;
  }
}

const MAX_HEADS = 16;
