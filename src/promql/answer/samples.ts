/**
 * Samples as JSON: `[1700000000.05,"0.1"]`, and the times of a grid as bytes that are made once.
 */
import { FLOAT, type Grid, timeAt } from '../evaluate/columns.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import { MAX_NUMBER_BYTES, writeInteger, writeNumber } from './number.ts';

/** No time takes more bytes: a sign, 16 digits, a point and three decimals. */
const MAX_TIME_BYTES = 24;
/** The most that a sample takes, its comma and brackets included. */
export const MAX_SAMPLE_BYTES = MAX_TIME_BYTES + MAX_NUMBER_BYTES + 8;

const COMMA = 44;
const OPEN = 91;
const CLOSE = 93;
const QUOTE = 34;

/** Writes a time in seconds from `at` on, with three decimals unless it is whole. Returns the place after it. */
function writeTime(into: Uint8Array, at: number, timeMs: number): number {
  let next = at;
  if (timeMs < 0) into[next++] = 45;
  const size = Math.abs(timeMs);
  const seconds = Math.floor(size / 1000);
  next = writeInteger(into, next, seconds);
  const rest = size - seconds * 1000;
  if (rest === 0) return next;
  into[next++] = 46;
  if (rest < 100) into[next++] = 48;
  if (rest < 10) into[next++] = 48;
  return writeInteger(into, next, rest);
}

/** Writes the start of a sample up to its value: `[1700000000.05,`. */
export function openSample(out: ChunkWriter, timeMs: number): void {
  out.bytes[out.at++] = OPEN;
  out.at = writeTime(out.bytes, out.at, timeMs);
  out.bytes[out.at++] = COMMA;
}

/** Writes the sample of a number. */
export function writeSample(out: ChunkWriter, timeMs: number, value: number): void {
  openSample(out, timeMs);
  out.bytes[out.at++] = QUOTE;
  out.at = writeNumber(out.bytes, out.at, value);
  out.bytes[out.at++] = QUOTE;
  out.bytes[out.at++] = CLOSE;
}

/** The starts of the samples of each step of a grid: `,[1700000000.05,"`. */
export class StepTexts {
  readonly steps: number;
  readonly #bytes: Uint8Array;
  /** Where the text of each step starts; the next one starts where it ends. */
  readonly #starts: Int32Array;

  constructor(grid: Grid) {
    this.steps = grid.steps;
    this.#bytes = new Uint8Array(grid.steps * (MAX_TIME_BYTES + 4));
    this.#starts = new Int32Array(grid.steps + 1);
    let at = 0;
    for (let step = 0; step < grid.steps; step++) {
      this.#bytes[at++] = COMMA;
      this.#bytes[at++] = OPEN;
      at = writeTime(this.#bytes, at, timeAt(grid, step));
      this.#bytes[at++] = COMMA;
      this.#bytes[at++] = QUOTE;
      this.#starts[step + 1] = at;
    }
  }

  /**
   * Writes the numbers of a row, each after a comma, as far as the chunk has room.
   *
   * @returns the step to go on with
   */
  writeRow(row: Row, fromStep: number, out: ChunkWriter): number {
    const { kinds, values, base } = row;
    const { bytes } = out;
    const texts = this.#bytes;
    const starts = this.#starts;
    const { steps } = this;
    const limit = bytes.length - MAX_SAMPLE_BYTES;
    let { at } = out;
    let step = fromStep;
    for (; step < steps && at <= limit; step++) {
      if (kinds[base + step] !== FLOAT) continue;
      const end = starts[step + 1] as number;
      for (let from = starts[step] as number; from < end; from++)
        bytes[at++] = texts[from] as number;
      at = writeNumber(bytes, at, values[base + step] as number);
      bytes[at++] = QUOTE;
      bytes[at++] = CLOSE;
    }
    out.at = at;
    return step;
  }
}

/** The cells of one row of columns, from `base` on. */
export interface Row {
  readonly kinds: Uint8Array;
  readonly values: Float64Array;
  readonly base: number;
}
