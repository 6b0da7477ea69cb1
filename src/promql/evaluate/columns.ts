/**
 * The value of a vector-valued expression: series times steps, in columns.
 *
 * Row r holds the steps of series r: cell r x steps + s. A byte per cell says what the cell holds, so that an absent
 * sample needs no special number and NaN stays a value.
 */
import type { Budget } from './budget.ts';
import type { Histogram } from './histogram.ts';
import type { Labels } from './labels.ts';

/** A cell without a sample. */
export const ABSENT = 0;
/** A cell that holds a number. */
export const FLOAT = 1;
/** A cell that holds a native histogram. */
export const HISTOGRAM = 2;

/** The steps at which an expression is evaluated. */
export interface Grid {
  readonly startMs: number;
  readonly stepMs: number;
  readonly steps: number;
}

/** The time of a step. */
export function timeAt(grid: Grid, step: number): number {
  return grid.startMs + step * grid.stepMs;
}

/** Series times steps. */
export interface Columns {
  readonly steps: number;
  readonly labels: readonly Labels[];
  /** Series whose name, type and unit are to be removed at the end. */
  readonly dropsName: Uint8Array;
  /** How many cells hold a sample. */
  readonly samples: number;
  readonly kinds: Uint8Array;
  readonly values: Float64Array;
  /** Undefined as long as no cell holds a histogram; else one entry for each cell. */
  readonly histograms: (Histogram | undefined)[] | undefined;
}

/**
 * Cells that are reserved before the first row is written. The system gives memory for cells when they are first written,
 * while a builder that must grow copies all it has, during which others wait.
 */
const FIRST_CELLS = 1 << 26;

const FIRST_ROWS = 64;

/** Columns under construction; rows are appended one after the other. */
export class ColumnsBuilder {
  readonly steps: number;
  readonly #labels: Labels[] = [];
  #drops = new Uint8Array(FIRST_ROWS);
  #kinds: Uint8Array;
  #values: Float64Array;
  #histograms: (Histogram | undefined)[] | undefined;
  #rows = 0;
  #samples = 0;

  constructor(steps: number, expectedRows: number) {
    this.steps = steps;
    // More rows than fit at first are added by and by, so that limits are met before memory is taken.
    const cells = Math.max(steps, Math.min(Math.max(1, expectedRows) * steps, FIRST_CELLS));
    this.#kinds = new Uint8Array(cells);
    this.#values = new Float64Array(cells);
  }

  /** The cell of a step in the row that is being written. */
  cell(step: number): number {
    return this.#rows * this.steps + step;
  }

  /** The cells of the row that is being written, for loops that fill a whole row of numbers. */
  openRow(): { readonly kinds: Uint8Array; readonly values: Float64Array; readonly base: number } {
    if ((this.#rows + 1) * this.steps > this.#kinds.length) this.#grow();
    return { kinds: this.#kinds, values: this.#values, base: this.#rows * this.steps };
  }

  setFloat(step: number, value: number): void {
    const cell = this.#rows * this.steps + step;
    if (cell >= this.#kinds.length) this.#grow();
    this.#kinds[cell] = FLOAT;
    this.#values[cell] = value;
  }

  setHistogram(step: number, histogram: Histogram): void {
    const cell = this.#rows * this.steps + step;
    if (cell >= this.#kinds.length) this.#grow();
    this.#kinds[cell] = HISTOGRAM;
    this.#histograms ??= [];
    this.#histograms[cell] = histogram;
  }

  /** Copies one cell of other columns. */
  copyCell(step: number, from: Columns, cell: number): void {
    const kind = from.kinds[cell];
    if (kind === FLOAT) this.setFloat(step, from.values[cell] ?? 0);
    else if (kind === HISTOGRAM) this.setHistogram(step, histogramAt(from, cell));
  }

  /** Copies all cells of a row of other columns. */
  copyRow(from: Columns, row: number): void {
    const { kinds, values, base } = this.openRow();
    const start = row * from.steps;
    kinds.set(from.kinds.subarray(start, start + from.steps), base);
    values.set(from.values.subarray(start, start + from.steps), base);
    if (from.histograms === undefined) return;
    this.#histograms ??= [];
    for (let step = 0; step < from.steps; step++) {
      const histogram = from.histograms[start + step];
      if (histogram !== undefined) this.#histograms[base + step] = histogram;
    }
  }

  /** Whether a step of the row that is being written has a sample. */
  has(step: number): boolean {
    return (this.#kinds[this.#rows * this.steps + step] ?? ABSENT) !== ABSENT;
  }

  /** Ends the row; a row without any sample is dropped. Returns how many samples it has. */
  endRow(labels: Labels, dropsName: boolean): number {
    const from = this.#rows * this.steps;
    let samples = 0;
    for (let cell = from; cell < from + this.steps; cell++) {
      if ((this.#kinds[cell] ?? ABSENT) !== ABSENT) samples++;
    }
    if (samples === 0) return 0;
    this.#labels.push(labels);
    if (this.#rows === this.#drops.length) {
      const drops = new Uint8Array(2 * this.#rows);
      drops.set(this.#drops);
      this.#drops = drops;
    }
    if (dropsName) this.#drops[this.#rows] = 1;
    this.#rows++;
    this.#samples += samples;
    return samples;
  }

  finish(): Columns {
    const cells = this.#rows * this.steps;
    if (this.#histograms !== undefined) this.#histograms.length = cells;
    return {
      steps: this.steps,
      labels: this.#labels,
      dropsName: this.#drops.subarray(0, this.#rows),
      samples: this.#samples,
      kinds: this.#kinds.subarray(0, cells),
      values: this.#values.subarray(0, cells),
      histograms: this.#histograms,
    };
  }

  #grow(): void {
    const cells = Math.max(this.#kinds.length * 2, (this.#rows + 1) * this.steps);
    const kinds = new Uint8Array(cells);
    const values = new Float64Array(cells);
    kinds.set(this.#kinds);
    values.set(this.#values);
    this.#kinds = kinds;
    this.#values = values;
  }
}

/** The histogram of a cell that holds one. */
export function histogramAt(columns: Columns, cell: number): Histogram {
  const histogram = columns.histograms?.[cell];
  if (histogram === undefined) throw new Error('this cell holds no histogram');
  return histogram;
}

/** The same series with each single step repeated: the value of an expression that no step changes. */
export async function repeatSteps(
  columns: Columns,
  steps: number,
  budget: Budget,
): Promise<Columns> {
  if (steps === columns.steps) return columns;
  const rows = columns.labels.length;
  const kinds = new Uint8Array(rows * steps);
  const values = new Float64Array(rows * steps);
  const histograms =
    columns.histograms === undefined ? undefined : new Array<Histogram | undefined>(rows * steps);
  for (let row = 0; row < rows; row++) {
    kinds.fill(columns.kinds[row] ?? ABSENT, row * steps, (row + 1) * steps);
    values.fill(columns.values[row] ?? 0, row * steps, (row + 1) * steps);
    histograms?.fill(columns.histograms?.[row], row * steps, (row + 1) * steps);
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return { ...columns, steps, samples: columns.samples * steps, kinds, values, histograms };
}
