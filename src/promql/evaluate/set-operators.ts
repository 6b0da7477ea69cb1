/**
 * The set operators `and`, `or` and `unless`.
 */
import type { SetOperator } from '../operators.ts';
import type { VectorMatching } from '../tree.ts';
import { LABELS_WORK } from './budget.ts';
import { ABSENT, type Columns, ColumnsBuilder } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { LabelIndex } from './label-index.ts';
import type { Labels } from './labels.ts';
import { joinEqualSeries, labelsAt } from './rows.ts';
import { signatureOf } from './signature.ts';

/** The value of a set operator at each step. */
export async function setOperation(
  op: SetOperator,
  matching: VectorMatching,
  left: Columns,
  right: Columns,
  evaluation: Evaluation,
): Promise<Columns> {
  const signature = signatureOf(matching, evaluation.labels);
  const builder = new ColumnsBuilder(left.steps, left.labels.length);
  if (op === 'or') {
    await copyRows(left, builder, evaluation, () => undefined);
    const onLeft = await presence(left, signature, evaluation);
    const none = new Uint8Array(left.steps);
    await copyRows(right, builder, evaluation, (labels) => ({
      steps: onLeft(labels) ?? none,
      taken: 0,
    }));
  } else {
    const onRight = await presence(right, signature, evaluation);
    const none = new Uint8Array(left.steps);
    await copyRows(left, builder, evaluation, (labels) => ({
      steps: onRight(labels) ?? none,
      taken: op === 'and' ? 1 : 0,
    }));
  }
  return joinEqualSeries(builder.finish(), evaluation.budget);
}

/** At which steps each signature has a sample. */
async function presence(
  columns: Columns,
  signature: (labels: Labels) => Labels,
  { budget }: Evaluation,
): Promise<(labels: Labels) => Uint8Array | undefined> {
  const index = new LabelIndex();
  const steps: Uint8Array[] = [];
  for (const [row, labels] of columns.labels.entries()) {
    const key = signature(labels);
    let present = steps[index.get(key)];
    if (present === undefined) {
      present = new Uint8Array(columns.steps);
      index.set(key, steps.length);
      steps.push(present);
    }
    for (let step = 0; step < columns.steps; step++) {
      if (columns.kinds[row * columns.steps + step] !== ABSENT) present[step] = 1;
    }
    if (budget.turnIsOver(columns.steps + LABELS_WORK)) await budget.giveTurn();
  }
  return (labels) => steps[index.get(signature(labels))];
}

/** The steps of a row that are taken: those at which `steps` has the value `taken`. */
interface Choice {
  readonly steps: Uint8Array;
  readonly taken: 0 | 1;
}

/** @param choose - undefined takes all of a row */
async function copyRows(
  columns: Columns,
  builder: ColumnsBuilder,
  { budget }: Evaluation,
  choose: (labels: Labels) => Choice | undefined,
): Promise<void> {
  for (let row = 0; row < columns.labels.length; row++) {
    const labels = labelsAt(columns, row);
    const choice = choose(labels);
    if (choice === undefined) builder.copyRow(columns, row);
    else {
      for (let step = 0; step < columns.steps; step++) {
        if (choice.steps[step] !== choice.taken) continue;
        builder.copyCell(step, columns, row * columns.steps + step);
      }
    }
    budget.holdRow(builder.endRow(labels, columns.dropsName[row] === 1), columns.steps);
    if (budget.turnIsOver(columns.steps + LABELS_WORK)) await budget.giveTurn();
  }
}
