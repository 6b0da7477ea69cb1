/**
 * The answers of the caching proxy: status and header fields, and what the cache says of itself.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9211 for `Cache-Status`
 */
import { parseRange } from '../refresh/byte-range.ts';
import {
  isConditional,
  notModifiedFields,
  rangeApplies,
  readerHasIt,
} from '../refresh/conditional.ts';
import type { Fields } from '../refresh/fields.ts';
import { MAX_JOINED_BYTES, type StoredResponse } from '../refresh/http-store.ts';
import type { ResponseHead } from '../refresh/origin.ts';
import type { Handling } from '../refresh/origin-flight.ts';
import { ageMs, ttlMs } from '../refresh/rfc9111.ts';
import { PROXY_NAME } from './proxy-request.ts';

export interface Answer {
  readonly status: number;
  readonly statusMessage: string;
  /** Names and values in turn. */
  readonly fields: string[];
  readonly body: Buffer | undefined;
}

export interface Asked {
  readonly method: string;
  readonly fields: Fields;
}

const VIA = `1.1 ${PROXY_NAME}`;
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);
const LENGTH: ReadonlySet<string> = new Set(['content-length']);
const PARTS: ReadonlySet<string> = new Set(['content-length', 'content-range']);
const CLOSED: ReadonlySet<string> = new Set(['x-cache']);

/** The answer from a stored response: whole, a range of it, or a 304. */
export function storedAnswer(
  stored: StoredResponse,
  { method, fields: asked }: Asked,
  handling: Handling,
  nowMs: number,
): Answer {
  const marks = storedMarks(stored, handling, nowMs);
  const { status, statusMessage, fields, body } = stored;
  if (status === 200 && isConditional(asked) && readerHasIt(asked, fields, storedAt(stored))) {
    const kept = notModifiedFields(fields).raw;
    return notModified([...kept, ...marks]);
  }
  const rangeField = status === 200 && method === 'GET' ? asked.get('range') : undefined;
  if (rangeField !== undefined && rangeApplies(asked, fields)) {
    const part = rangeAnswer(stored, rangeField, marks);
    if (part) return part;
  }
  const sized = NO_BODY.has(status) ? fields.raw : withLength(fields, body.length);
  return {
    ...{ status, statusMessage, fields: [...sized, ...marks] },
    body: method === 'HEAD' ? undefined : body,
  };
}

function storedAt({ freshness }: StoredResponse): number {
  return freshness.responseMs;
}

function notModified(fields: string[]): Answer {
  return { status: 304, statusMessage: 'Not Modified', fields, body: undefined };
}

function withLength(fields: Fields, sizeBytes: number): readonly string[] {
  const length = String(sizeBytes);
  if (fields.get('content-length') === length) return fields.raw;
  return [...fields.without(LENGTH).raw, 'Content-Length', length];
}

function rangeAnswer(
  { fields, body }: StoredResponse,
  rangeField: string,
  marks: readonly string[],
): Answer | undefined {
  const range = parseRange(rangeField, body.length);
  if (range === undefined) return undefined;
  const others = fields.without(PARTS).raw;
  if (range === 'unsatisfiable') {
    const size = ['Content-Range', `bytes */${body.length}`, 'Content-Length', '0'];
    const statusMessage = 'Range Not Satisfiable';
    return { status: 416, statusMessage, fields: [...others, ...size, ...marks], body: undefined };
  }
  const part = body.subarray(range.from, range.to);
  const size = [
    ...['Content-Range', `bytes ${range.from}-${range.to - 1}/${body.length}`],
    ...['Content-Length', String(part.length)],
  ];
  const statusMessage = 'Partial Content';
  return { status: 206, statusMessage, fields: [...others, ...size, ...marks], body: part };
}

export interface StreamedAnswer extends Answer {
  /** No body is to be sent. */
  readonly isWhole: boolean;
  /** The origin sends a body that this reader does not get. */
  readonly skipsBody: boolean;
}

/** The answer while the origin's body still comes. */
export function streamedAnswer(
  { status, statusMessage, fields }: ResponseHead,
  { method, fields: asked }: Asked,
  handling: Handling,
  nowMs: number,
): StreamedAnswer {
  const kept = fields.endToEnd().without(CLOSED);
  const date = kept.has('date') ? [] : ['Date', new Date(nowMs).toUTCString()];
  const marks = [...date, ...streamedMarks(status, handling)];
  const isFound = status === 200 && (method === 'GET' || method === 'HEAD');
  if (isFound && isConditional(asked) && readerHasIt(asked, kept, nowMs)) {
    const answer = notModified([...notModifiedFields(kept).raw, ...marks]);
    return { ...answer, isWhole: true, skipsBody: method === 'GET' };
  }
  const isWhole = method === 'HEAD' || NO_BODY.has(status);
  const all = [...kept.raw, ...marks];
  return { status, statusMessage, fields: all, body: undefined, isWhole, skipsBody: false };
}

function storedMarks(stored: StoredResponse, handling: Handling, nowMs: number): string[] {
  const ttl = Math.floor(ttlMs(stored.freshness, nowMs) / 1000);
  const age = Math.max(0, Math.floor(ageMs(stored.freshness, nowMs) / 1000));
  const went = handling.forwarded ? forwardText(handling) : '; hit';
  return [
    ...['Age', String(age), 'Via', VIA, 'X-Cache', handling.mark.toUpperCase()],
    ...['Cache-Status', `${PROXY_NAME}${went}; ttl=${ttl}`],
  ];
}

function streamedMarks(status: number, handling: Handling): string[] {
  const { mark, isStored } = handling;
  const text = forwardText({ forwardStatus: status, ...handling });
  const stored = isStored ? '; stored' : '';
  return [
    ...['Via', VIA, 'X-Cache', mark.toUpperCase()],
    ...['Cache-Status', `${PROXY_NAME}${text}${stored}`],
  ];
}

function forwardText({ forwarded = 'bypass', forwardStatus, isCollapsed }: Handling): string {
  const status = forwardStatus === undefined ? '' : `; fwd-status=${forwardStatus}`;
  return `; fwd=${forwarded}${status}${isCollapsed ? '; collapsed' : ''}`;
}

/**
 * The bytes of a hit for a reader who sets no conditions: head and body in one buffer, made anew only
 * once a second, when `Age` changes.
 *
 * @returns undefined for a body that is too large to be kept twice
 */
export function preparedHit(stored: StoredResponse, nowMs: number): Buffer | undefined {
  const { prepared, body, status, statusMessage } = stored;
  const second = Math.floor(nowMs / 1000);
  if (prepared?.second === second) return prepared.bytes;
  if (body.length > MAX_JOINED_BYTES) return undefined;
  const sized = NO_BODY.has(status) ? stored.fields.raw : withLength(stored.fields, body.length);
  const fields = [...sized, ...storedMarks(stored, { mark: 'hit' }, nowMs)];
  let head = `HTTP/1.1 ${status} ${statusMessage}\r\n`;
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  const bytes = Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), body]);
  stored.prepared = { second, bytes };
  return bytes;
}
