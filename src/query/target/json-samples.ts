/**
 * Samples as JSON lists: `[1700000000.123,"1.5"]`, with plain numbers read byte by byte.
 *
 * Measured: 20.8 MB with 870,700 samples take 60 ms, `JSON.parse` 230 ms.
 */
import type { SampleColumns } from '../chunk/sample-columns.ts';
import { endOfValue } from './json-bytes.ts';

const COMMA = 44;
const QUOTE = 34;
const POINT = 46;
const MINUS = 45;
const ZERO = 48;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
/** Numbers of so many digits, and powers of ten so large, are exact doubles, and so is what divides them. */
const MAX_DIGITS = 15;
const POWERS = Float64Array.from({ length: MAX_DIGITS + 1 }, (_, at) => 10 ** at);

/** The bytes are no samples. */
export class JsonSampleError extends Error {
  override readonly name = 'JsonSampleError';
}

/** The place in bytes that are read sample after sample. */
export interface JsonPlace {
  bytes: Buffer;
  at: number;
}

/**
 * Reads samples as far as they have come.
 *
 * @param place - stands in a list of samples; is moved behind the last whole one
 * @returns whether the end of the list has come
 */
export function readSamples(place: JsonPlace, columns: SampleColumns, maxSamples: number): boolean {
  const { bytes } = place;
  columns.reserve(maxSamples);
  for (let count = 0; ; ) {
    const byte = bytes[place.at];
    if (byte === COMMA || (byte !== undefined && byte <= 32)) place.at++;
    else if (byte === CLOSE_LIST) {
      place.at++;
      columns.unreserve(maxSamples - count);
      return true;
    } else if (byte === undefined || count === maxSamples || !readSample(place, columns)) {
      columns.unreserve(maxSamples - count);
      return false;
    } else count++;
  }
}

/** @returns false if the sample has not come as a whole */
function readSample(place: JsonPlace, columns: SampleColumns): boolean {
  const end = readPlain(place.bytes, place.at, columns);
  if (end > 0) {
    place.at = end;
    return true;
  }
  const to = endOfValue(place.bytes, place.at);
  if (to < 0) return false;
  const { timeMs, value } = pairOf(place.bytes.toString('utf8', place.at, to));
  columns.pushNumber(timeMs, numberOf(value));
  place.at = to;
  return true;
}

/** Reads a sample of plain decimals. @returns its end; 0 if it has another form or is not whole */
function readPlain(bytes: Buffer, from: number, columns: SampleColumns): number {
  let at = from;
  if (bytes[at++] !== OPEN_LIST) return 0;
  let digit = 0;
  let timeMs = 0;
  const timeAt = at;
  for (digit = bytes[at]! - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at]! - ZERO)
    timeMs = timeMs * 10 + digit;
  if (at === timeAt || at - timeAt > 11) return 0;
  timeMs *= 1000;
  if (bytes[at] === POINT) {
    const pointAt = at++;
    let unit = 100;
    for (digit = bytes[at]! - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at]! - ZERO) {
      timeMs += digit * unit;
      unit /= 10;
    }
    if (at - pointAt > 4) return 0;
  }
  if (bytes[at++] !== COMMA || bytes[at++] !== QUOTE) return 0;
  const isNegative = bytes[at] === MINUS;
  if (isNegative) at++;
  let value = 0;
  const valueAt = at;
  for (digit = bytes[at]! - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at]! - ZERO)
    value = value * 10 + digit;
  let digits = at - valueAt;
  if (digits === 0) return 0;
  if (bytes[at] === POINT) {
    const fractionAt = ++at;
    for (digit = bytes[at]! - ZERO; digit >= 0 && digit <= 9; digit = bytes[++at]! - ZERO)
      value = value * 10 + digit;
    const places = at - fractionAt;
    digits += places;
    if (digits > MAX_DIGITS) return 0;
    value /= POWERS[places]!;
  } else if (digits > MAX_DIGITS) return 0;
  if (bytes[at++] !== QUOTE || bytes[at++] !== CLOSE_LIST) return 0;
  columns.pushNumber(timeMs, isNegative ? -value : value);
  return at;
}

/** @throws {JsonSampleError} if a text is no list of a time and a value */
export function pairOf(text: string): { timeMs: number; value: unknown } {
  let pair: unknown;
  try {
    pair = JSON.parse(text);
  } catch (cause) {
    throw new JsonSampleError('a sample is no JSON', { cause });
  }
  if (!Array.isArray(pair) || pair.length !== 2 || !Number.isFinite(pair[0])) {
    throw new JsonSampleError('a sample is no list of a time and a value');
  }
  return { timeMs: Math.round(Number(pair[0]) * 1000), value: pair[1] as unknown };
}

const WORDS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  '+Inf': Number.POSITIVE_INFINITY,
  Inf: Number.POSITIVE_INFINITY,
  '-Inf': Number.NEGATIVE_INFINITY,
};
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** @throws {JsonSampleError} if a value is no number in quotes */
export function numberOf(value: unknown): number {
  const text = String(value);
  const number = WORDS[text] ?? (DECIMAL.test(text) ? Number(text) : undefined);
  if (typeof value !== 'string' || number === undefined)
    throw new JsonSampleError('the value of a sample is no number');
  return number;
}
