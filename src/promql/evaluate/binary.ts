/**
 * Binary operators: scalars with scalars, vectors with scalars, and the way to vectors with vectors.
 */
import { isComparison, isSetOperator } from '../operators.ts';
import type { Binary, Unary } from '../tree.ts';
import { typeOf } from '../types.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT, type Grid, histogramAt } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { scale } from './histogram-arithmetic.ts';
import { matchVectors } from './matching.ts';
import { noteTypes, type OperatorReport, onHistograms, onNumbers } from './operators.ts';
import { labelsAt, loseNames } from './rows.ts';
import { setOperation } from './set-operators.ts';

/** The value of an operator on two scalars at each step. */
export async function binaryScalars(
  node: Binary,
  grid: Grid,
  evaluation: Evaluation,
): Promise<Float64Array> {
  const left = await evaluation.scalar(node.left, grid);
  const right = await evaluation.scalar(node.right, grid);
  return left.map((value, step) => onNumbers(node.op, value, right[step] ?? 0));
}

/** The value of an operator of which at least one side is a vector. */
export async function binaryVectors(
  node: Binary,
  grid: Grid,
  evaluation: Evaluation,
): Promise<Columns> {
  if (node.matching !== undefined) {
    const left = await evaluation.vector(node.left, grid);
    const right = await evaluation.vector(node.right, grid);
    return isSetOperator(node.op)
      ? setOperation(node.op, node.matching, left, right, evaluation)
      : matchVectors(node, node.matching, left, right, evaluation);
  }
  const { budget } = evaluation;
  const vectorLeft = typeOf(node.left) === 'vector';
  const columns = await evaluation.vector(vectorLeft ? node.left : node.right, grid);
  const scalars = await evaluation.scalar(vectorLeft ? node.right : node.left, grid);
  const builder = new ColumnsBuilder(grid.steps, columns.labels.length);
  const report = { annotations: evaluation.annotations, place: evaluation.place(node) };
  for (let row = 0; row < columns.labels.length; row++) {
    rowWithScalars(node, columns, row, scalars, { builder, vectorLeft, report });
    builder.endRow(labelsAt(columns, row), columns.dropsName[row] === 1);
    if (budget.turnIsOver(grid.steps)) await budget.giveTurn();
  }
  const keepsNames = isComparison(node.op) && !node.returnBool;
  const result = builder.finish();
  // Trimming changes a histogram, but not what the histogram measures.
  return keepsNames || node.op === '</' || node.op === '>/'
    ? result
    : loseNames(result, evaluation);
}

function rowWithScalars(
  node: Binary,
  columns: Columns,
  row: number,
  scalars: Float64Array,
  how: {
    readonly builder: ColumnsBuilder;
    readonly vectorLeft: boolean;
    readonly report: OperatorReport;
  },
): void {
  const { builder, vectorLeft, report } = how;
  const { op, returnBool } = node;
  const filters = isComparison(op) && !returnBool;
  const trims = op === '</' || op === '>/';
  for (let step = 0; step < columns.steps; step++) {
    const cell = row * columns.steps + step;
    const kind = columns.kinds[cell] ?? ABSENT;
    const scalar = scalars[step] ?? 0;
    if (kind === ABSENT) continue;
    if (kind === FLOAT && !trims) {
      const value = columns.values[cell] ?? 0;
      const result = vectorLeft ? onNumbers(op, value, scalar) : onNumbers(op, scalar, value);
      if (!filters) builder.setFloat(step, result);
      else if (result !== 0) builder.setFloat(step, value);
      continue;
    }
    if (kind === FLOAT) {
      noteTypes(op, columns.values[cell] ?? 0, scalar, report);
      continue;
    }
    const histogram = histogramAt(columns, cell);
    const result = vectorLeft
      ? onHistograms(op, histogram, scalar, report)
      : onHistograms(op, scalar, histogram, report);
    if (typeof result === 'object') builder.setHistogram(step, result);
    else if (typeof result === 'number') builder.setFloat(step, result);
  }
}

/** The negated values, or the same ones after a plus sign. */
export async function unaryVector(
  node: Unary,
  grid: Grid,
  evaluation: Evaluation,
): Promise<Columns> {
  const columns = await evaluation.vector(node.expr, grid);
  if (node.op === '+') return columns;
  return loseNames(
    {
      ...columns,
      values: columns.values.map((value) => -value),
      histograms: columns.histograms?.map((one) => one && scale(one, -1)),
    },
    evaluation,
  );
}
