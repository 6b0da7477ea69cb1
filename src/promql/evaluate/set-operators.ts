/**
 * The set operators `and`, `or` and `unless`.
 */
import type { SetOperator } from '../operators.ts';
import type { VectorMatching } from '../tree.ts';
import { ABSENT, type Columns, ColumnsBuilder } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import type { Labels } from './labels.ts';
import { signatureOf } from './matching.ts';
import { joinEqualSeries, labelsAt } from './rows.ts';

/** The value of a set operator at each step. */
export function setOperation(
  op: SetOperator,
  matching: VectorMatching,
  left: Columns,
  right: Columns,
  evaluation: Evaluation,
): Columns {
  const signature = signatureOf(matching, evaluation.labels);
  const builder = new ColumnsBuilder(left.steps, left.labels.length);
  const onRight = presence(right, signature);
  copyRows(left, builder, (labels, step) => {
    if (op === 'or') return true;
    const present = onRight.get(signature(labels))?.[step] === 1;
    return op === 'and' ? present : !present;
  });
  if (op === 'or') {
    const onLeft = presence(left, signature);
    copyRows(right, builder, (labels, step) => onLeft.get(signature(labels))?.[step] !== 1);
  }
  return joinEqualSeries(builder.finish());
}

/** At which steps each signature has a sample. */
function presence(
  columns: Columns,
  signature: (labels: Labels) => Labels,
): Map<Labels, Uint8Array> {
  const steps = new Map<Labels, Uint8Array>();
  columns.labels.forEach((labels, row) => {
    const key = signature(labels);
    let present = steps.get(key);
    if (present === undefined) {
      present = new Uint8Array(columns.steps);
      steps.set(key, present);
    }
    for (let step = 0; step < columns.steps; step++) {
      if (columns.kinds[row * columns.steps + step] !== ABSENT) present[step] = 1;
    }
  });
  return steps;
}

function copyRows(
  columns: Columns,
  builder: ColumnsBuilder,
  keeps: (labels: Labels, step: number) => boolean,
): void {
  for (let row = 0; row < columns.labels.length; row++) {
    const labels = labelsAt(columns, row);
    for (let step = 0; step < columns.steps; step++) {
      if (keeps(labels, step)) builder.copyCell(step, columns, row * columns.steps + step);
    }
    builder.endRow(labels, columns.dropsName[row] === 1);
  }
}
