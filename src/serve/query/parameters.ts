/**
 * The parameters of a call of the query API: those of the query string, and of the form of a POST.
 */
import { parseDuration } from '../../promql/literal/duration.ts';
import { quoteText } from '../../promql/literal/quote.ts';
import { badParameter, QueryError } from '../query-errors.ts';
import type { RequestContext } from '../request.ts';
import { tenantOf } from './desk.ts';

/** Bound on a form: a query with the names of 10,000 instances has half of it. */
const MAX_FORM_BYTES = 1_048_576;
/** Bound on the memory of all bodies that are read, or wait to be decoded; a tenant has half. */
const MAX_BODIES_BYTES = 16_777_216;
const FORM = 'application/x-www-form-urlencoded';

/** The parameters that were read: a body can be read only once. */
const known = new WeakMap<object, URLSearchParams>();

/** Parameters that occur in the form come before those of the query string, as in Go. */
export async function readParameters(ctx: RequestContext): Promise<URLSearchParams> {
  const parameters = known.get(ctx.req) ?? (await read(ctx));
  known.set(ctx.req, parameters);
  return parameters;
}

async function read(ctx: RequestContext): Promise<URLSearchParams> {
  const { query } = ctx.state.target;
  if (ctx.method !== 'POST') return new URLSearchParams(query);
  const type = ctx.get('Content-Type').split(';', 1)[0]!.trim().toLowerCase();
  using body = await readBody(ctx, MAX_FORM_BYTES);
  if (type !== FORM) return new URLSearchParams(query);
  const form = body.bytes.toString('utf8');
  return new URLSearchParams(query === '' ? form : `${form}&${query}`);
}

const FIRST_BYTES = 4_096;
/** The memory of all bodies of the query API: requests that do not end must not fill it. */
let bodiesBytes = 0;
const bytesOfTenants = new Map<string, number>();

/** A body whose memory counts until it is disposed of. */
export class HeldBody implements Disposable {
  /** Pieces are copied: each of one byte would cost a hundred times its size. */
  #memory = Buffer.alloc(0);
  #length = 0;
  readonly #tenant: string;

  /** @param tenant - who sends it; '' for those who are bounded only by the bound of all */
  constructor(tenant: string) {
    this.#tenant = tenant;
  }

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** @throws {QueryError} `bad_data` if the body is too large; `overloaded` if there is no room */
  add(piece: Buffer, maxBytes: number): void {
    const length = this.#length + piece.length;
    if (length > maxBytes) {
      const message = `the body is larger than ${maxBytes} bytes, which is all that promgate reads`;
      throw new QueryError('bad_data', message, { headers: { Connection: 'close' } });
    }
    if (length > this.#memory.length) this.#grow(Math.min(maxBytes, 2 * length + FIRST_BYTES));
    piece.copy(this.#memory, this.#length);
    this.#length = length;
  }

  #grow(bytes: number): void {
    const more = bytes - this.#memory.length;
    const own = bytesOfTenants.get(this.#tenant) ?? 0;
    const isFull = this.#tenant !== '' && own + more > MAX_BODIES_BYTES / 2;
    if (isFull || bodiesBytes + more > MAX_BODIES_BYTES) {
      const message = `the bodies of requests that promgate reads at the moment fill their room, ${MAX_BODIES_BYTES} bytes of which an app or space has half: try again in some seconds`;
      const headers = { Connection: 'close', 'Retry-After': '5' };
      throw new QueryError('overloaded', message, { headers });
    }
    this.#count(more);
    const memory = Buffer.alloc(bytes);
    this.#memory.copy(memory);
    this.#memory = memory;
  }

  #count(more: number): void {
    bodiesBytes += more;
    const own = (bytesOfTenants.get(this.#tenant) ?? 0) + more;
    if (own === 0) bytesOfTenants.delete(this.#tenant);
    else bytesOfTenants.set(this.#tenant, own);
  }

  [Symbol.dispose](): void {
    this.#count(-this.#memory.length);
    this.#memory = Buffer.alloc(0);
    this.#length = 0;
  }
}

/**
 * @returns the body: dispose of it as soon as it is decoded
 * @throws {QueryError} `bad_data` if it is larger than `maxBytes`; `overloaded` if there is no room
 */
export async function readBody(
  { req, state }: RequestContext,
  maxBytes: number,
): Promise<HeldBody> {
  const body = new HeldBody(tenantOf(state.scope));
  try {
    for await (const piece of req as AsyncIterable<Buffer>) body.add(piece, maxBytes);
    return body;
  } catch (error) {
    body[Symbol.dispose]();
    throw error;
  }
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;
/** The first and the last time of Prometheus, which its clients send for "all". */
const EVER: Readonly<Record<string, number>> = {
  '-292273086-05-16T16:47:06Z': -Number.MAX_SAFE_INTEGER,
  '292277025-08-18T07:12:54.999999999Z': Number.MAX_SAFE_INTEGER,
};
const MAX_TIME_MS = Number.MAX_SAFE_INTEGER;

/** Reads a time: seconds with a fraction, or RFC 3339. @returns undefined if there is none */
export function timeOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? '';
  if (text === '') return undefined;
  const timeMs = parseTime(text);
  if (timeMs === undefined) {
    throw badParameter(name, `cannot parse ${quoteText(text)} to a valid timestamp`);
  }
  return timeMs;
}

/** A time that the call needs. */
export function requiredTime(parameters: URLSearchParams, name: string): number {
  const timeMs = timeOf(parameters, name);
  if (timeMs === undefined) {
    throw badParameter(name, 'cannot parse "" to a valid timestamp');
  }
  return timeMs;
}

function parseTime(text: string): number | undefined {
  if (NUMBER.test(text)) {
    const seconds = Number(text);
    const whole = Math.trunc(seconds);
    const timeMs = whole * 1000 + Math.round((seconds - whole) * 1000);
    return Math.abs(timeMs) <= MAX_TIME_MS ? timeMs : undefined;
  }
  const known = EVER[text];
  if (known !== undefined) return known;
  const timeMs = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** Reads a duration: seconds, or `5m`. @returns milliseconds; throws a plain error with the reason */
export function durationMs(text: string): number {
  const why = `cannot parse ${quoteText(text)} to a valid duration`;
  if (NUMBER.test(text)) {
    const ms = Number(text) * 1000;
    if (Math.abs(ms) > MAX_TIME_MS) throw new Error(`${why}. It overflows int64`);
    return ms;
  }
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new Error(why, { cause });
  }
}

/** @returns undefined if the parameter is missing */
export function durationOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name) ?? '';
  if (text === '') return undefined;
  try {
    return durationMs(text);
  } catch (error) {
    throw badParameter(name, (error as Error).message);
  }
}

/** Reads `limit`, and parameters like it. @returns 0 for none */
export function limitOf(parameters: URLSearchParams, name = 'limit'): number {
  const text = parameters.get(name) ?? '';
  if (text === '') return 0;
  if (!/^[+-]?\d{1,15}$/.test(text)) {
    throw badParameter(name, `strconv.Atoi: parsing ${quoteText(text)}: invalid syntax`);
  }
  const limit = Number(text);
  if (limit < 0) throw badParameter(name, 'limit must be non-negative');
  return limit;
}

const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** Reads a boolean as Go does. */
export function flagOf(parameters: URLSearchParams, name: string, otherwise: boolean): boolean {
  const text = parameters.get(name) ?? '';
  if (text === '') return otherwise;
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw badParameter(name, `${quoteText(text)} is no boolean: say true or false`);
}
