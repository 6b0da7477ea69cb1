/**
 * Rows of columns as a whole: names removed, equal series joined, order changed.
 */
import { type Budget, LABELS_WORK } from './budget.ts';
import { ABSENT, type Columns, ColumnsBuilder } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import { LabelIndex } from './label-index.ts';
import type { Labels, LabelTable } from './labels.ts';

/**
 * Marks all series as having lost their name, or removes the names at once.
 *
 * @throws {EvaluationError} if two series become one that has two samples at one step
 */
export async function loseNames(columns: Columns, evaluation: Evaluation): Promise<Columns> {
  if (evaluation.settings.delayedNameRemoval) {
    return { ...columns, dropsName: new Uint8Array(columns.labels.length).fill(1) };
  }
  const { budget, labels: table } = evaluation;
  return joinEqualSeries(await withoutNames(columns, () => true, table, budget), budget);
}

/** Removes the names of all marked series. */
export async function removeNames(
  columns: Columns,
  table: LabelTable,
  budget: Budget,
): Promise<Columns> {
  const { dropsName } = columns;
  if (!dropsName.includes(1)) return columns;
  const named = await withoutNames(columns, (row) => dropsName[row] === 1, table, budget);
  return joinEqualSeries({ ...named, dropsName: new Uint8Array(dropsName.length) }, budget);
}

async function withoutNames(
  columns: Columns,
  loses: (row: number) => boolean,
  table: LabelTable,
  budget: Budget,
): Promise<Columns> {
  const labels: Labels[] = [];
  for (const [row, one] of columns.labels.entries()) {
    labels.push(loses(row) ? table.dropMetadata(one) : one);
    if (budget.turnIsOver(LABELS_WORK)) await budget.giveTurn();
  }
  return { ...columns, labels };
}

/**
 * Makes one series of each group of series with equal labels.
 *
 * @throws {EvaluationError} if two of them have a sample at the same step
 */
export async function joinEqualSeries(columns: Columns, budget: Budget): Promise<Columns> {
  const groups = new LabelIndex();
  const of = new Int32Array(columns.labels.length);
  for (const [row, labels] of columns.labels.entries()) {
    let group = groups.get(labels);
    if (group < 0) {
      group = groups.size;
      groups.set(labels, group);
    }
    of[row] = group;
    if (budget.turnIsOver(4)) await budget.giveTurn();
  }
  if (groups.size === columns.labels.length) return columns;
  const rows: number[][] = [];
  for (const [row, group] of of.entries()) {
    const known = rows[group];
    if (known === undefined) rows.push([row]);
    else known.push(row);
    if (budget.turnIsOver(8)) await budget.giveTurn();
  }
  const { steps } = columns;
  const builder = new ColumnsBuilder(steps, rows.length);
  for (const equal of rows) {
    for (const row of equal) {
      joinRow(columns, row, builder);
      if (budget.turnIsOver(steps)) await budget.giveTurn();
    }
    const first = equal[0] as number;
    builder.endRow(labelsAt(columns, first), columns.dropsName[first] === 1);
  }
  return builder.finish();
}

function joinRow(columns: Columns, row: number, builder: ColumnsBuilder): void {
  const { steps } = columns;
  for (let step = 0; step < steps; step++) {
    const cell = row * steps + step;
    if (columns.kinds[cell] === ABSENT) continue;
    if (builder.has(step)) {
      throw new EvaluationError('vector cannot contain metrics with the same labelset');
    }
    builder.copyCell(step, columns, cell);
  }
}

/** The listed rows in the listed order. */
export async function pickRows(
  columns: Columns,
  rows: readonly number[],
  budget: Budget,
): Promise<Columns> {
  const builder = new ColumnsBuilder(columns.steps, rows.length);
  for (const row of rows) {
    builder.copyRow(columns, row);
    builder.endRow(columns.labels[row] ?? fail(), columns.dropsName[row] === 1);
    if (budget.turnIsOver(columns.steps + 1)) await budget.giveTurn();
  }
  return builder.finish();
}

function fail(): never {
  throw new Error('there is no such row');
}

/** The labels of a row. */
export function labelsAt(columns: Columns, row: number): Labels {
  return columns.labels[row] ?? fail();
}
