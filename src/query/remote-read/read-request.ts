/**
 * Reads the requests of remote read, which any client may send: no byte is read beyond the end, and
 * the work and the memory are bounded, whatever the bytes are.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/
 */
import type { Matcher } from '../../promql/evaluate/storage.ts';
import { decodeBlock } from '../target/snappy-block.ts';

/** A message breaks the encoding, or asks for what promgate does not give. */
export class ReadRequestError extends Error {
  override readonly name = 'ReadRequestError';
}

export interface ReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly Matcher[];
  readonly stepMs: number;
  readonly function: string;
  readonly rangeMs: number;
}

/** `chunks`: frames of chunks, streamed. */
type ReadForm = 'samples' | 'chunks';

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  readonly form: ReadForm;
}

/** Prometheus sends one query in each request. */
const MAX_QUERIES = 64;
/** Of all queries together. Each one costs far more memory than the two bytes that it may have. */
const MAX_MATCHERS = 1_000;
/** Of all messages together: a request with the most matchers has less than half of them. */
const MAX_FIELDS = 10_000;
/** Only as many accepted forms are looked at: there are two. */
const MAX_FORMS = 16;
const OPERATORS: readonly Matcher['op'][] = ['=', '!=', '=~', '!~'];
const FORMS: readonly ReadForm[] = ['samples', 'chunks'];

/** What a request may still hold. */
class Room {
  #fields = MAX_FIELDS;
  #matchers = MAX_MATCHERS;

  field(): void {
    if (this.#fields-- === 0) throw fault(`more than ${MAX_FIELDS} fields`);
  }

  matcher(): void {
    if (this.#matchers-- === 0) throw fault(`more than ${MAX_MATCHERS} matchers`);
  }
}

/**
 * Decodes a request in steps, between which other requests may run.
 *
 * @param body - compressed as a block of Snappy
 * @param maxBytes - bound on the decompressed bytes
 * @throws {ReadRequestError}
 */
export function* decodeReadRequest(
  body: Buffer,
  maxBytes: number,
): Generator<void, ReadRequest, void> {
  return decodeMessage(yield* decompressed(body, maxBytes));
}

function* decompressed(body: Buffer, maxBytes: number): Generator<void, Buffer, void> {
  try {
    // Bytes that a client made up kept the package `snappyjs` busy for ever.
    return yield* decodeBlock(body, maxBytes);
  } catch (cause) {
    const what = `the body is no block of Snappy, or has more than ${maxBytes} bytes`;
    throw new ReadRequestError(what, { cause });
  }
}

/** @throws {ReadRequestError} */
function decodeMessage(message: Uint8Array): ReadRequest {
  const room = new Room();
  const queries: ReadQuery[] = [];
  let form: ReadForm | undefined;
  for (const { field, number, bytes } of fieldsOf(message, room)) {
    if (field === 1) {
      if (queries.length >= MAX_QUERIES) throw fault(`more than ${MAX_QUERIES} queries`);
      queries.push(decodeQuery(bytes, room));
    } else if (field === 2) {
      // A list of numbers may come packed in bytes: all known ones have a single byte.
      const types = bytes.length > 0 ? bytes.subarray(0, MAX_FORMS) : [number];
      for (const type of types) form ??= FORMS[type];
    }
  }
  return { queries, form: form ?? 'samples' };
}

function decodeQuery(message: Uint8Array, room: Room): ReadQuery {
  let [startMs, endMs] = [0, 0];
  const matchers: Matcher[] = [];
  let hints: ReturnType<typeof decodeHints> | undefined;
  for (const { field, number, bytes } of fieldsOf(message, room)) {
    if (field === 1) startMs = number;
    else if (field === 2) endMs = number;
    else if (field === 3) matchers.push(decodeMatcher(bytes, room));
    else if (field === 4) hints = decodeHints(bytes, room);
  }
  const { stepMs = 0, function: of = '', rangeMs = 0 } = hints ?? {};
  // The range of the hints is the one that the evaluation needs.
  const asked = hints && hints.endMs !== 0 ? hints : { startMs, endMs };
  return { startMs: asked.startMs, endMs: asked.endMs, matchers, stepMs, function: of, rangeMs };
}

function decodeHints(message: Uint8Array, room: Room) {
  let [stepMs, startMs, endMs, rangeMs] = [0, 0, 0, 0];
  let of = '';
  for (const { field, number, bytes } of fieldsOf(message, room)) {
    if (field === 1) stepMs = number;
    else if (field === 2) of = textOf(bytes);
    else if (field === 3) startMs = number;
    else if (field === 4) endMs = number;
    else if (field === 7) rangeMs = number;
  }
  return { stepMs, function: of, startMs, endMs, rangeMs };
}

function decodeMatcher(message: Uint8Array, room: Room): Matcher {
  room.matcher();
  let op: Matcher['op'] | undefined = '=';
  let [name, value] = ['', ''];
  for (const { field, number, bytes } of fieldsOf(message, room)) {
    if (field === 1) op = OPERATORS[number];
    else if (field === 2) name = textOf(bytes);
    else if (field === 3) value = textOf(bytes);
  }
  if (op === undefined) throw fault('an unknown type of matcher');
  return { name, op, value };
}

interface Field {
  readonly field: number;
  /** Of a number: as a signed integer. */
  readonly number: number;
  /** Of a text or a message; else empty. */
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);

function* fieldsOf(message: Uint8Array, room: Room): Generator<Field, void, void> {
  let at = 0;
  /** A signed number of 64 bits; beyond 53 it is the nearest. */
  const varint = (): number => {
    let [high, low] = [0, 0];
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw fault('a number that does not end');
      const part = byte & 127;
      if (shift < 32) low |= part << shift;
      if (shift === 28) high = part >> 4;
      else if (shift > 28) high |= part << (shift - 32);
      if (byte < 128) return high * 2 ** 32 + (low >>> 0);
    }
    throw fault('a number that is too long');
  };
  const take = (length: number): Uint8Array => {
    if (length < 0 || at + length > message.length) throw fault('a field that is longer than it');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    room.field();
    const tag = varint();
    const field = Math.floor(tag / 8);
    switch (tag & 7) {
      case 0:
        yield { field, number: varint(), bytes: NOTHING };
        break;
      case 1:
        take(8);
        break;
      case 2:
        yield { field, number: 0, bytes: take(varint()) };
        break;
      case 5:
        take(4);
        break;
      default:
        throw fault('a field of an unknown type');
    }
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function fault(what: string): ReadRequestError {
  return new ReadRequestError(`the message holds ${what}`);
}
