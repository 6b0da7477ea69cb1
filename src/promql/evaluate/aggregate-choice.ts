/**
 * Aggregations that choose series of each group: `topk bottomk limitk limit_ratio`.
 */
import { printGeneral } from '../literal/number.ts';
import type { Aggregation } from '../tree.ts';
import type { Budget } from './budget.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import type { Groups } from './groups.ts';
import { labelsFraction } from './label-hash.ts';
import { labelsAt, pickRows } from './rows.ts';

/** The chosen samples, each in its own series. */
export async function chooseSeries(
  node: Aggregation,
  columns: Columns,
  groups: Groups,
  parameter: Float64Array,
  evaluation: Evaluation,
): Promise<Columns> {
  const { budget } = evaluation;
  const { steps } = columns;
  if (node.op === 'limit_ratio') return await limitRatio(node, columns, parameter, evaluation);
  const limits = limitsOf(parameter);
  if (limits === undefined) return new ColumnsBuilder(steps, 0).finish();
  const chosen = new Uint8Array(columns.labels.length * steps);
  const order: number[] = [];
  for (const rows of groups.rows) {
    for (let step = 0; step < steps; step++) {
      const limit = limits[step] ?? 0;
      if (limit < 1) continue;
      const picked =
        node.op === 'limitk'
          ? rows.filter((row) => columns.kinds[row * steps + step] !== ABSENT).slice(0, limit)
          : bestRows(node, columns, rows, { step, limit, evaluation });
      for (const row of picked) {
        chosen[row * steps + step] = 1;
        if (steps === 1) order.push(row);
      }
      if (budget.turnIsOver(rows.length)) await budget.giveTurn();
    }
  }
  const kept = await keepChosen(columns, chosen, budget);
  if (steps > 1) return kept;
  // An instant query lists the best first, group by group.
  const positions = new Int32Array(columns.labels.length);
  let position = 0;
  for (let row = 0; row < positions.length; row++)
    if (chosen[row] === 1) positions[row] = position++;
  for (let at = 0; at < order.length; at++) order[at] = positions[order[at] as number] as number;
  return pickRows(kept, order, budget);
}

/** Up to this limit the best rows are kept in order while all rows are seen once; above it all rows are sorted. */
const FEW = 64;

function bestRows(
  node: Aggregation,
  columns: Columns,
  rows: readonly number[],
  at: { readonly step: number; readonly limit: number; readonly evaluation: Evaluation },
): number[] {
  const { step, limit, evaluation } = at;
  const { steps, kinds, values } = columns;
  const sign = node.op === 'topk' ? 1 : -1;
  const found: number[] = [];
  const worths: number[] = [];
  for (const row of rows) {
    const kind = kinds[row * steps + step];
    if (kind === FLOAT) {
      const worth = sign * (values[row * steps + step] ?? 0);
      if (limit > FEW) found.push(row);
      else if (found.length < limit || isBetter(worth, worths[limit - 1] ?? 0)) {
        let place = Math.min(found.length, limit - 1);
        for (; place > 0 && isBetter(worth, worths[place - 1] ?? 0); place--) {
          found[place] = found[place - 1] ?? 0;
          worths[place] = worths[place - 1] ?? 0;
        }
        found[place] = row;
        worths[place] = worth;
      }
    } else if (kind !== ABSENT) {
      evaluation.annotations.info(
        `ignored histogram in ${node.op} aggregation`,
        evaluation.place(node),
      );
    }
  }
  if (limit <= FEW) return found;
  const worthOf = (row: number) => sign * (values[row * steps + step] ?? 0);
  found.sort((left, right) => {
    const [a, b] = [worthOf(left), worthOf(right)];
    return Number(isBetter(b, a)) - Number(isBetter(a, b));
  });
  return found.slice(0, limit);
}

/** NaN is worse than all others. */
function isBetter(worth: number, than: number): boolean {
  return worth > than || (Number.isNaN(than) && !Number.isNaN(worth));
}

/** The numbers of series to choose; undefined if there is nothing to choose at any step. */
function limitsOf(parameter: Float64Array): readonly number[] | undefined {
  let largest = Number.NEGATIVE_INFINITY;
  let hasNan = false;
  for (const value of parameter) {
    if (Number.isNaN(value)) hasNan = true;
    else largest = Math.max(largest, value);
  }
  if (largest < 1 && !hasNan) return undefined;
  if (hasNan) throw new EvaluationError('Parameter value is NaN');
  checkInteger(parameter);
  return Array.from(parameter, Math.trunc);
}

function checkInteger(parameter: Float64Array): void {
  for (const value of parameter) {
    if (value <= -(2 ** 63))
      throw new EvaluationError(`Scalar value ${printGeneral(value)} underflows int64`);
    if (value >= 2 ** 63)
      throw new EvaluationError(`Scalar value ${printGeneral(value)} overflows int64`);
  }
}

/** Chooses by a hash of the labels, so that a ratio and its complement divide the series. */
async function limitRatio(
  node: Aggregation,
  columns: Columns,
  parameter: Float64Array,
  evaluation: Evaluation,
): Promise<Columns> {
  const { steps } = columns;
  if (parameter.every((ratio) => ratio === 0)) return new ColumnsBuilder(steps, 0).finish();
  const ratios = parameter.map((ratio) => {
    if (Number.isNaN(ratio)) throw new EvaluationError('Ratio value is NaN');
    const capped = Math.max(-1, Math.min(1, ratio));
    if (capped !== ratio) {
      evaluation.annotations.warn(
        `ratio value should be between -1 and 1, got ${printGeneral(ratio)}, capping to ${capped}`,
        evaluation.place(node.param ?? node),
      );
    }
    return capped;
  });
  const chosen = new Uint8Array(columns.labels.length * steps);
  for (let row = 0; row < columns.labels.length; row++) {
    const offset = labelsFraction(labelsAt(columns, row));
    for (let step = 0; step < steps; step++) {
      const ratio = ratios[step] ?? 0;
      const takes = ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
      if (takes) chosen[row * steps + step] = 1;
    }
    if (evaluation.budget.turnIsOver()) await evaluation.budget.giveTurn();
  }
  return keepChosen(columns, chosen, evaluation.budget);
}

async function keepChosen(columns: Columns, chosen: Uint8Array, budget: Budget): Promise<Columns> {
  const { steps } = columns;
  const builder = new ColumnsBuilder(steps, columns.labels.length);
  for (let row = 0; row < columns.labels.length; row++) {
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      if (chosen[cell] === 1) builder.copyCell(step, columns, cell);
    }
    builder.endRow(labelsAt(columns, row), columns.dropsName[row] === 1);
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return builder.finish();
}
