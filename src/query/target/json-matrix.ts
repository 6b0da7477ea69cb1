/**
 * Reads the answer of a query, a matrix, while it arrives: series go to a builder, samples to columns.
 *
 * Only what is not yet whole is kept of the bytes. Keys may come in any order, but the labels of a
 * series come before its samples.
 */
import { histogramOf } from './json-histogram.ts';
import { JsonPieces } from './json-pieces.ts';
import {
  type JsonPlace,
  JsonSampleError,
  type NanMeaning,
  pairOf,
  placeOf,
  readSamples,
} from './json-samples.ts';
import type { SeriesBuilder } from './series-builder.ts';

const COMMA = 44;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const QUOTE = 34;
const COLON = 58;
const SPACE = 32;
/** A label set, a histogram or a message; a longer one is not waited for. */
const MAX_VALUE_BYTES = 2 ** 20;
/** A key, a sample, or the space around a colon. */
const MAX_SHORT_BYTES = 1_024;
const STEP_SAMPLES = 4_096;

type State = 'start' | 'top' | 'data' | 'result' | 'series' | 'values' | 'histograms' | 'end';

export class JsonMatrix {
  /** What the answer says of itself: `status`, `errorType`, `warnings` … */
  readonly said: Record<string, unknown> = {};
  readonly #builder: SeriesBuilder;
  readonly #pieces = new JsonPieces();
  #place: JsonPlace;
  #state: State = 'start';
  #hasLabels = false;

  constructor(builder: SeriesBuilder, nan: NanMeaning = 'number') {
    this.#builder = builder;
    this.#place = placeOf(Buffer.alloc(0), nan);
  }

  /** Whether the answer has come as a whole. */
  get isWhole(): boolean {
    return this.#state === 'end';
  }

  /**
   * Takes a piece of the answer, and reads in steps what is whole.
   *
   * @throws {JsonSampleError} if it is no such answer
   */
  *push(piece: Buffer): Generator<void> {
    const { at: read, nan } = this.#place;
    const restBytes = this.#place.bytes.length - read;
    if (restBytes > (this.#state === 'values' ? MAX_SHORT_BYTES : MAX_VALUE_BYTES))
      throw new JsonSampleError('a value has no end');
    this.#pieces.push(piece, read);
    this.#place = placeOf(this.#pieces.bytes, nan);
    for (;;) {
      this.#skipBetween();
      const { at } = this.#place;
      const state = this.#state;
      if (!this.#step()) {
        if (this.#state === state && state !== 'values') this.#place.at = at;
        return;
      }
      if (state === 'values' || state === 'result') yield;
    }
  }

  #skipBetween(): void {
    const { bytes } = this.#place;
    while (bytes[this.#place.at] === COMMA || bytes[this.#place.at]! <= SPACE) this.#place.at++;
  }

  /** Reads one value, or one run of samples. @returns false if it has not come as a whole */
  #step(): boolean {
    const { bytes } = this.#place;
    const byte = bytes[this.#place.at];
    if (byte === undefined) return false;
    switch (this.#state) {
      case 'start':
        return this.#enter(byte, OPEN_OBJECT, 'top');
      case 'top':
        return byte === CLOSE_OBJECT ? this.#leave('end') : this.#topKey();
      case 'data':
        return byte === CLOSE_OBJECT ? this.#leave('top') : this.#dataKey();
      case 'result':
        if (byte === CLOSE_LIST) return this.#leave('data');
        this.#hasLabels = false;
        return this.#enter(byte, OPEN_OBJECT, 'series');
      case 'series':
        return byte === CLOSE_OBJECT ? this.#leave('result') : this.#seriesKey();
      case 'values':
        return this.#values();
      case 'histograms':
        return byte === CLOSE_LIST ? this.#leave('series') : this.#histogram();
      case 'end':
        throw new JsonSampleError('the answer goes on behind its end');
    }
  }

  #topKey(): boolean {
    const key = this.#key();
    if (key === undefined) return false;
    if (key === 'data' && this.#next() === OPEN_OBJECT) return this.#leave('data');
    const value = this.#value();
    if (value !== undefined) this.said[key] = value;
    return value !== undefined;
  }

  #dataKey(): boolean {
    const key = this.#key();
    if (key === undefined) return false;
    if (key === 'result' && this.#next() === OPEN_LIST) return this.#leave('result');
    const value = this.#value();
    if (key === 'resultType' && value !== undefined && value !== 'matrix')
      throw new JsonSampleError(`the result is a ${String(value)}, not a matrix`);
    return value !== undefined;
  }

  #seriesKey(): boolean {
    const key = this.#key();
    if (key === undefined) return false;
    if ((key === 'values' || key === 'histograms') && this.#next() === OPEN_LIST) {
      if (!this.#hasLabels) throw new JsonSampleError('a series has no labels in front');
      return this.#leave(key);
    }
    const value = this.#value();
    if (value === undefined) return false;
    if (key === 'metric') {
      this.#builder.begin(labelsOf(value));
      this.#hasLabels = true;
    }
    return true;
  }

  #values(): boolean {
    let isEnd = false;
    const before = this.#place.at;
    this.#builder.add((columns) => {
      isEnd = readSamples(this.#place, columns, STEP_SAMPLES);
    });
    if (isEnd) this.#state = 'series';
    return isEnd || this.#place.at > before;
  }

  #histogram(): boolean {
    const { bytes, at } = this.#place;
    const to = this.#pieces.endOfValue(at);
    if (to < 0) return false;
    const { timeMs, value } = pairOf(bytes.toString('utf8', at, to));
    const histogram = histogramOf(value);
    this.#builder.add((columns) => {
      columns.reserve(1);
      columns.pushHistogram(timeMs, histogram);
    });
    this.#place.at = to;
    return true;
  }

  #enter(byte: number, expected: number, state: State): boolean {
    if (byte !== expected) throw new JsonSampleError('the answer is no JSON of the query API');
    return this.#leave(state);
  }

  /** Goes over one bracket. */
  #leave(state: State): boolean {
    this.#place.at++;
    this.#state = state;
    return true;
  }

  /** Reads a key and its colon. */
  #key(): string | undefined {
    const { bytes, at } = this.#place;
    if (bytes[at] !== QUOTE) throw new JsonSampleError('the answer is no JSON of the query API');
    const to = this.#pieces.endOfValue(at);
    if (to - at > MAX_SHORT_BYTES) throw new JsonSampleError('a key is longer than any');
    if (to < 0 || this.#skipTo(to) === undefined) return undefined;
    if (bytes[this.#place.at] !== COLON) throw new JsonSampleError('a key has no value');
    if (this.#skipTo(this.#place.at + 1) === undefined) return undefined;
    return String(parsed(bytes.toString('utf8', at, to)));
  }

  #skipTo(at: number): number | undefined {
    this.#place.at = at;
    while (this.#next()! <= SPACE) {
      if (++this.#place.at - at > MAX_SHORT_BYTES)
        throw new JsonSampleError('a key is followed by much space');
    }
    return this.#next();
  }

  #next(): number | undefined {
    return this.#place.bytes[this.#place.at];
  }

  /** Reads a value as a whole; `null` for one that has not the form of JSON's values. */
  #value(): unknown {
    const { bytes, at } = this.#place;
    const to = this.#pieces.endOfValue(at);
    if (to < 0) return undefined;
    this.#place.at = to;
    return parsed(bytes.toString('utf8', at, to));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new JsonSampleError('the answer is no JSON', { cause });
  }
}

function labelsOf(value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null)
    throw new JsonSampleError('the labels of a series are no object');
  return Object.entries(value).map(([name, text]) => [name, String(text)]);
}
