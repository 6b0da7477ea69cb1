/**
 * One request of the caching proxy or of the endpoint cache, as an event for Kafka.
 *
 * The schema has a version: fields may be added to version 1, and a field that changes its meaning
 * makes version 2. `docs/request-events.md` describes it.
 */
import { redactPath, redactQuery, redactText } from './redact.ts';

/** How the cache took part in an answer, in the words of `X-Cache`. */
type CacheResult = 'HIT' | 'MISS' | 'STALE' | 'REVALIDATED' | 'BYPASS';

export interface RequestEvent {
  /** When the request began, in milliseconds since 1970. */
  readonly atMs: number;
  readonly method: string;
  /** The target as sent, with its query; secrets in it are masked when the event is printed. */
  readonly path: string;
  readonly status: number;
  /** Undefined: the request was answered without the cache, such as a refused one. */
  readonly cache: CacheResult | undefined;
  readonly durationMs: number;
  /** Bytes sent for the answer, headers included. */
  readonly bytes: number;
  /** Scheme, host and port of the origin or endpoint; undefined if none was determined. */
  readonly origin: string | undefined;
}

/**
 * Takes the event of a request whose answer has ended. Returns at once, and never throws: what the
 * caching proxy and the endpoint cache are given, and what `EventSender` implements.
 */
export type RecordRequest = (event: RequestEvent) => void;

/** An event as Kafka gets it. */
export interface PrintedEvent {
  /** The printed path, so that all requests of one path go to one partition, in their order. */
  readonly key: string;
  /** One JSON object. */
  readonly value: string;
}

const VERSION = 1;
const MAX_METHOD_LENGTH = 32;
const MAX_PATH_LENGTH = 4096;
const MAX_ORIGIN_LENGTH = 1024;

export function printEvent(event: RequestEvent): PrintedEvent {
  const { atMs, method, path, status, cache = null, durationMs, bytes, origin } = event;
  const key = redactTarget(path).slice(0, MAX_PATH_LENGTH);
  const value = JSON.stringify({
    v: VERSION,
    time: new Date(atMs).toISOString(),
    method: method.slice(0, MAX_METHOD_LENGTH),
    path: key,
    status,
    cache,
    ms: Math.round(durationMs * 10) / 10,
    bytes,
    origin: origin === undefined ? null : redactText(origin).slice(0, MAX_ORIGIN_LENGTH),
  });
  return { key, value };
}

/** Before it is shortened, since part of a secret cannot be recognized. */
function redactTarget(target: string): string {
  const mark = target.indexOf('?');
  if (mark < 0) return redactPath(target);
  return `${redactPath(target.slice(0, mark))}?${redactQuery(target.slice(mark + 1))}`;
}

/** The memory of fields of fixed size, and of the object itself. */
const FIXED_BYTES = 200;

/** The memory that an event takes at most: a character of a text may take two bytes. */
export function sizeOf({ method, path, origin = '' }: RequestEvent): number {
  return FIXED_BYTES + 2 * (method.length + path.length + origin.length);
}
