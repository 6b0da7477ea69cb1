/**
 * Samples as JSON lists: `[1700000000.123,"1.5"]`, with plain numbers read byte by byte.
 *
 * Measured: 23.1 MB with 870,720 samples take 87 ms where `JSON.parse` takes 370.
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
  /** Of the same bytes. */
  view: DataView;
  at: number;
  /** What `NaN` stands for. */
  readonly nan: NanMeaning;
}

/** `marker`: the series has ended, as VictoriaMetrics prints that. */
export type NanMeaning = 'number' | 'marker';

/** Makes a place at the beginning of bytes. */
export function placeOf(bytes: Buffer, nan: NanMeaning): JsonPlace {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0, nan };
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
  const end = readPlain(place, columns);
  if (end > 0) {
    place.at = end;
    return true;
  }
  const to = endOfValue(place.bytes, place.at);
  if (to < 0) return false;
  const { timeMs, value } = pairOf(place.bytes.toString('utf8', place.at, to));
  if (value === 'NaN' && place.nan === 'marker') columns.pushMarker(timeMs);
  else columns.pushNumber(timeMs, numberOf(value));
  place.at = to;
  return true;
}

/** Where `readDigits` has stopped, and the number that it has read. */
const digits = { value: 0, end: 0 };
const FOUR_ZEROS = 0x3030_3030;

/** Reads digits, four at a time where there are so many, behind those of a number that was begun. */
function readDigits(bytes: Buffer, view: DataView, from: number, begun: number): void {
  let at = from;
  let value = begun;
  for (const last = bytes.length - 4; at <= last; at += 4) {
    const four = view.getInt32(at) ^ FOUR_ZEROS;
    if (((four | (four + 0x0606_0606)) & 0xf0f0_f0f0) !== 0) break;
    value =
      value * 10_000 +
      ((four >> 24) * 1_000 + ((four >> 16) & 15) * 100 + ((four >> 8) & 15) * 10 + (four & 15));
  }
  let digit = bytes[at]! - ZERO;
  while (digit >= 0 && digit <= 9) {
    value = value * 10 + digit;
    digit = bytes[++at]! - ZERO;
  }
  digits.value = value;
  digits.end = at;
}

/** Reads a sample of plain decimals. @returns its end; 0 if it has another form or is not whole */
function readPlain({ bytes, view, at: from }: JsonPlace, columns: SampleColumns): number {
  let at = from;
  if (bytes[at++] !== OPEN_LIST) return 0;
  const timeAt = at;
  readDigits(bytes, view, at, 0);
  at = digits.end;
  if (at === timeAt || at - timeAt > 11) return 0;
  let timeMs = digits.value * 1000;
  if (bytes[at] === POINT) {
    const fractionAt = ++at;
    readDigits(bytes, view, at, 0);
    at = digits.end;
    const places = at - fractionAt;
    if (places > 3) return 0;
    timeMs += digits.value * POWERS[3 - places]!;
  }
  if (bytes[at++] !== COMMA || bytes[at++] !== QUOTE) return 0;
  const isNegative = bytes[at] === MINUS;
  if (isNegative) at++;
  const valueAt = at;
  readDigits(bytes, view, at, 0);
  at = digits.end;
  let count = at - valueAt;
  if (count === 0) return 0;
  let value = digits.value;
  if (bytes[at] === POINT) {
    const fractionAt = ++at;
    readDigits(bytes, view, at, value);
    at = digits.end;
    count += at - fractionAt;
    value = digits.value / POWERS[at - fractionAt]!;
  }
  if (count > MAX_DIGITS || bytes[at++] !== QUOTE || bytes[at++] !== CLOSE_LIST) return 0;
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
