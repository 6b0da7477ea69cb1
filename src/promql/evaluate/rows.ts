/**
 * Rows of columns as a whole: names removed, equal series joined, order changed.
 */
import { ABSENT, type Columns, ColumnsBuilder } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import type { Labels, LabelTable } from './labels.ts';

/**
 * Marks all series as having lost their name, or removes the names at once.
 *
 * @throws {EvaluationError} if two series become one that has two samples at one step
 */
export function loseNames(columns: Columns, evaluation: Evaluation): Columns {
  if (evaluation.settings.delayedNameRemoval) {
    return { ...columns, dropsName: new Uint8Array(columns.labels.length).fill(1) };
  }
  return joinEqualSeries({
    ...columns,
    labels: columns.labels.map((labels) => evaluation.labels.dropMetadata(labels)),
  });
}

/** Removes the names of all marked series. */
export function removeNames(columns: Columns, table: LabelTable): Columns {
  if (!columns.dropsName.includes(1)) return columns;
  return joinEqualSeries({
    ...columns,
    labels: columns.labels.map((labels, row) =>
      columns.dropsName[row] === 1 ? table.dropMetadata(labels) : labels,
    ),
    dropsName: new Uint8Array(columns.labels.length),
  });
}

/**
 * Makes one series of each group of series with equal labels.
 *
 * @throws {EvaluationError} if two of them have a sample at the same step
 */
export function joinEqualSeries(columns: Columns): Columns {
  const rowsOf = new Map<Labels, number[]>();
  columns.labels.forEach((labels, row) => {
    const rows = rowsOf.get(labels);
    if (rows === undefined) rowsOf.set(labels, [row]);
    else rows.push(row);
  });
  if (rowsOf.size === columns.labels.length) return columns;
  const { steps } = columns;
  const builder = new ColumnsBuilder(steps, rowsOf.size);
  for (const [labels, rows] of rowsOf) {
    for (const row of rows) {
      for (let step = 0; step < steps; step++) {
        const cell = row * steps + step;
        if (columns.kinds[cell] === ABSENT) continue;
        if (builder.has(step)) {
          throw new EvaluationError('vector cannot contain metrics with the same labelset');
        }
        builder.copyCell(step, columns, cell);
      }
    }
    builder.endRow(labels, columns.dropsName[rows[0] ?? 0] === 1);
  }
  return builder.finish();
}

/** The listed rows in the listed order. */
export function pickRows(columns: Columns, rows: readonly number[]): Columns {
  const builder = new ColumnsBuilder(columns.steps, rows.length);
  for (const row of rows) {
    builder.copyRow(columns, row);
    builder.endRow(columns.labels[row] ?? fail(), columns.dropsName[row] === 1);
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
