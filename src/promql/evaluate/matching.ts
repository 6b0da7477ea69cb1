/**
 * Arithmetic and comparison of two vectors: each series with its partner.
 *
 * Partners are found once for all steps; only what differs from step to step is looked at for each of them.
 */
import { type BinaryOperator, isComparison } from '../operators.ts';
import type { Binary, VectorMatching } from '../tree.ts';
import { type Budget, LABELS_WORK } from './budget.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT, histogramAt } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import { type Labels, type LabelTable, labelValue } from './labels.ts';
import { type Operand, type OperatorReport, onHistograms, onNumbers } from './operators.ts';
import { joinEqualSeries, labelsAt } from './rows.ts';
import { rowsBySignature, signatureOf } from './signature.ts';
import { printLabels } from './write-labels.ts';

/** Both sides, seen from the one that may have many series for each of the other's. */
interface Sides {
  readonly node: Binary;
  readonly matching: VectorMatching;
  readonly many: Columns;
  readonly one: Columns;
  /** The values of missing partners. */
  readonly fillMany: number | undefined;
  readonly fillOne: number | undefined;
  /** Whether the left operand is the side with many series. */
  readonly manyIsLeft: boolean;
  /** The steps at which the other side has no sample at all, so that nothing is matched. */
  readonly manyAtAll: Uint8Array;
  readonly builder: ColumnsBuilder;
  readonly table: LabelTable;
  readonly budget: Budget;
  readonly report: OperatorReport;
  /** Whether names are removed at once. */
  readonly removesNames: boolean;
  /** Whether results are marked as having lost their name. */
  readonly marksNames: boolean;
}

/** The value of an arithmetic operator or a comparison of two vectors. */
export async function matchVectors(
  node: Binary,
  matching: VectorMatching,
  left: Columns,
  right: Columns,
  evaluation: Evaluation,
): Promise<Columns> {
  const { budget, labels: table, annotations, settings } = evaluation;
  const manyIsLeft = matching.cardinality !== 'one-to-many';
  const [many, one] = manyIsLeft ? [left, right] : [right, left];
  const { fillLeft, fillRight } = matching;
  // The reference fills the "many" side by `fill_left` even where `group_right` makes that the right side.
  const [fillMany, fillOne] = [fillLeft, fillRight];
  const losesNames = node.returnBool || changesMeaning(node.op);
  const sides: Sides = {
    ...{ node, matching, many, one, fillMany, fillOne, manyIsLeft, table, budget },
    manyAtAll: await stepsWithSamples(many, budget),
    builder: new ColumnsBuilder(many.steps, many.labels.length),
    report: { annotations, place: evaluation.place(node) },
    removesNames: losesNames && !settings.delayedNameRemoval,
    marksNames: losesNames && settings.delayedNameRemoval,
  };
  const signature = signatureOf(matching, table);
  const manyRows = await rowsBySignature(many, signature, budget);
  const oneRows = await rowsBySignature(one, signature, budget);
  for (const [group, key] of oneRows.keys.entries()) {
    const partners = manyRows.rows[manyRows.index.get(key)] ?? [];
    await matchGroup(key, partners, oneRows.rows[group] ?? [], sides);
  }
  if (fillOne !== undefined) {
    for (const [group, key] of manyRows.keys.entries()) {
      if (oneRows.index.get(key) < 0) await matchGroup(key, manyRows.rows[group] ?? [], [], sides);
    }
  }
  return joinEqualSeries(sides.builder.finish(), budget);
}

function changesMeaning(op: BinaryOperator): boolean {
  return !isComparison(op) && op !== '</' && op !== '>/';
}

async function stepsWithSamples(
  { kinds, steps, labels }: Columns,
  budget: Budget,
): Promise<Uint8Array> {
  const present = new Uint8Array(steps);
  for (let row = 0; row < labels.length; row++) {
    const base = row * steps;
    for (let step = 0; step < steps; step++) if (kinds[base + step] !== ABSENT) present[step] = 1;
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return present;
}

/** All series with equal matching labels. */
async function matchGroup(
  key: Labels,
  manyRows: readonly number[],
  oneRows: readonly number[],
  sides: Sides,
): Promise<void> {
  const { budget } = sides;
  const partner = partnersOf(key, oneRows, sides);
  const taken = new Taken(sides.matching.cardinality === 'one-to-one', sides.many.steps);
  for (const row of manyRows) {
    for (const [other, steps] of stepsByPartner(row, partner, sides)) {
      const own = other === -1 ? key : labelsAt(sides.one, other);
      const labels = resultLabels(labelsAt(sides.many, row), own, sides);
      for (const step of steps) {
        const one = other === -1 ? (sides.fillOne ?? 0) : operandAt(sides.one, other, step);
        operate(operandAt(sides.many, row, step), one, step, sides);
        if (manyRows.length > 1) taken.add(step, labels, sides.builder.has(step));
      }
      endRow(labels, sides.many.dropsName[row] === 1, sides);
    }
    if (budget.turnIsOver(4 * partner.length + LABELS_WORK)) await budget.giveTurn();
  }
  if (sides.fillMany !== undefined) fillManySide(key, manyRows, oneRows, partner, sides);
  if (budget.turnIsOver(oneRows.length * partner.length)) await budget.giveTurn();
}

/** The steps at which a row of the "many" side is matched, by the partner's row; -1 is a filled one. */
function stepsByPartner(row: number, partner: Int32Array, sides: Sides): Map<number, number[]> {
  const found = new Map<number, number[]>();
  let last = -2;
  let steps: number[] = [];
  for (let step = 0; step < partner.length; step++) {
    const other = partner[step] ?? -1;
    if (!has(sides.many, row, step) || (other === -1 && sides.fillOne === undefined)) continue;
    if (other !== last) {
      steps = found.get(other) ?? [];
      found.set(other, steps);
      last = other;
    }
    steps.push(step);
  }
  return found;
}

function fillManySide(
  key: Labels,
  manyRows: readonly number[],
  oneRows: readonly number[],
  partner: Int32Array,
  sides: Sides,
): void {
  const present = new Uint8Array(sides.many.steps);
  for (const row of manyRows) {
    for (let step = 0; step < present.length; step++) {
      if (has(sides.many, row, step)) present[step] = 1;
    }
  }
  for (const other of oneRows) {
    const labels = resultLabels(key, labelsAt(sides.one, other), sides);
    for (let step = 0; step < sides.many.steps; step++) {
      if (partner[step] !== other || present[step] === 1) continue;
      operate(sides.fillMany ?? 0, operandAt(sides.one, other, step), step, sides);
    }
    endRow(labels, false, sides);
  }
}

/** The row of the "one" side at each step, -1 where there is none. */
function partnersOf(key: Labels, oneRows: readonly number[], sides: Sides): Int32Array {
  const { one, manyAtAll, manyIsLeft, fillMany } = sides;
  const partner = new Int32Array(one.steps).fill(-1);
  for (const row of oneRows) {
    for (let step = 0; step < one.steps; step++) {
      if (!has(one, row, step)) continue;
      const known = partner[step] ?? -1;
      if (known === -1) partner[step] = row;
      else if (manyAtAll[step] === 1 || fillMany !== undefined) {
        const pair = [known, row].map((at) => printLabels(labelsAt(one, at))).sort();
        throw new EvaluationError(
          `found duplicate series for the match group ${printLabels(key)} on the ${manyIsLeft ? 'right' : 'left'} ` +
            `hand-side of the operation: [${pair.join(', ')}];many-to-many matching not allowed: ` +
            'matching labels must be unique on one side',
        );
      }
    }
  }
  return partner;
}

/** Refuses a second result for the same partner, or of the same labels. */
class Taken {
  readonly #single: Uint8Array | undefined;
  readonly #byLabels = new Map<Labels, Uint8Array>();
  readonly #steps: number;

  constructor(oneToOne: boolean, steps: number) {
    this.#steps = steps;
    this.#single = oneToOne ? new Uint8Array(steps) : undefined;
  }

  /** @param kept - whether the operator gave a value; that of a filter counts for one-to-one even if it did not */
  add(step: number, labels: Labels, kept: boolean): void {
    if (!kept && this.#single === undefined) return;
    let steps = this.#single ?? this.#byLabels.get(labels);
    if (steps === undefined) {
      steps = new Uint8Array(this.#steps);
      this.#byLabels.set(labels, steps);
    }
    if (steps[step] === 1) {
      throw new EvaluationError(
        this.#single === undefined
          ? 'multiple matches for labels: grouping labels must ensure unique matches'
          : 'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
      );
    }
    steps[step] = 1;
  }
}

/** Writes the result of one step into the row under construction. */
function operate(many: Operand, one: Operand, step: number, sides: Sides): void {
  const { node, manyIsLeft, builder, report } = sides;
  const { op, returnBool } = node;
  const [left, right] = manyIsLeft ? [many, one] : [one, many];
  const filters = isComparison(op) && !returnBool;
  if (typeof left === 'number' && typeof right === 'number' && op !== '</' && op !== '>/') {
    const result = onNumbers(op, left, right);
    if (!filters) builder.setFloat(step, result);
    else if (result !== 0) builder.setFloat(step, left);
    return;
  }
  let result = onHistograms(op, left, right, report);
  if (typeof result === 'boolean') {
    if (returnBool) result = Number(result);
    else if (result) result = left;
  }
  if (typeof result === 'number') builder.setFloat(step, result);
  else if (typeof result === 'object') builder.setHistogram(step, result);
}

function endRow(labels: Labels, dropsName: boolean, sides: Sides): void {
  const samples = sides.builder.endRow(labels, dropsName || sides.marksNames);
  sides.budget.holdRow(samples, sides.many.steps);
}

/** The labels of a result: those of the "many" side, and the listed ones of the "one" side. */
function resultLabels(many: Labels, one: Labels, sides: Sides): Labels {
  const { matching, table } = sides;
  let labels = sides.removesNames ? table.dropMetadata(many) : many;
  if (matching.cardinality === 'one-to-one') {
    const names = new Set(matching.labels);
    labels = matching.on ? table.keep(labels, names) : table.drop(labels, names);
  }
  if (matching.include.length === 0) return labels;
  return table.set(
    labels,
    matching.include.map((name): [string, string] => [name, labelValue(one, name)]),
  );
}

function has(columns: Columns, row: number, step: number): boolean {
  return columns.kinds[row * columns.steps + step] !== ABSENT;
}

function operandAt(columns: Columns, row: number, step: number): Operand {
  const cell = row * columns.steps + step;
  return columns.kinds[cell] === FLOAT ? (columns.values[cell] ?? 0) : histogramAt(columns, cell);
}
