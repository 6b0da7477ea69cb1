/**
 * Functions about whether there are samples, and about single ones: `absent absent_over_time scalar vector timestamp
 * start_timestamp`.
 */
import type { Expression, Matcher } from '../../tree.ts';
import type { Budget } from '../budget.ts';
import { ABSENT, type Columns, ColumnsBuilder, FLOAT, type Grid, timeAt } from '../columns.ts';
import { type Evaluation, unwrap } from '../evaluation.ts';
import type { Labels } from '../labels.ts';
import { labelsAt, loseNames } from '../rows.ts';
import { selectVector } from '../selector.ts';
import { argument, type VectorFunction } from './vector-call.ts';

/** 1 at each step without any sample; the labels are those that the selector fixes. */
const absent: VectorFunction = async (node, grid, evaluation) => {
  const columns = await evaluation.vector(argument(node, 0), grid);
  const missing = await stepsWithout(columns, evaluation.budget);
  return absentAt(missing, argument(node, 0), grid, evaluation);
};

/** 1 at each step whose window has no sample of any series. */
const absentOverTime: VectorFunction = async (node, grid, evaluation) => {
  const range = await evaluation.range(argument(node, 0), grid);
  const missing = new Uint8Array(grid.steps).fill(1);
  for (const { timesMs } of range.series) {
    let to = 0;
    for (let step = 0; step < grid.steps; step++) {
      const until = range.untilMs[step] ?? 0;
      while (to < timesMs.length && (timesMs[to] ?? 0) <= until) to++;
      if (to > 0 && (timesMs[to - 1] ?? 0) > until - range.rangeMs) missing[step] = 0;
    }
    if (evaluation.budget.turnIsOver(timesMs.length + grid.steps))
      await evaluation.budget.giveTurn();
  }
  return absentAt(missing, argument(node, 0), grid, evaluation);
};

async function stepsWithout(
  { kinds, steps, labels }: Columns,
  budget: Budget,
): Promise<Uint8Array> {
  const missing = new Uint8Array(steps).fill(1);
  for (let row = 0; row < labels.length; row++) {
    const base = row * steps;
    for (let step = 0; step < steps; step++) if (kinds[base + step] !== ABSENT) missing[step] = 0;
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return missing;
}

function absentAt(
  missing: Uint8Array,
  node: Expression,
  grid: Grid,
  evaluation: Evaluation,
): Columns {
  const builder = new ColumnsBuilder(grid.steps, 1);
  missing.forEach((is, step) => {
    if (is === 1) builder.setFloat(step, 1);
  });
  builder.endRow(fixedLabels(unwrap(node), evaluation), false);
  return builder.finish();
}

/** The labels that a selector's equality matchers fix, each named by one matcher only. */
function fixedLabels(node: Expression, { labels }: Evaluation): Labels {
  const matchers: readonly Matcher[] =
    node.kind === 'vector-selector'
      ? node.matchers
      : node.kind === 'range-selector'
        ? node.selector.matchers
        : [];
  const fixed = new Map<string, string>();
  const seen = new Set<string>();
  for (const { name, op, value } of matchers) {
    if (name === '__name__') continue;
    if (op === '=' && !seen.has(name)) fixed.set(name, value);
    else fixed.delete(name);
    seen.add(name);
  }
  return labels.of(fixed);
}

/** A scalar as a series without labels. */
const vector: VectorFunction = async (node, grid, evaluation) => {
  const values = await evaluation.scalar(argument(node, 0), grid);
  const builder = new ColumnsBuilder(grid.steps, 1);
  values.forEach((value, step) => {
    builder.setFloat(step, value);
  });
  builder.endRow(evaluation.labels.empty, false);
  return builder.finish();
};

/** The number of a vector of one series at each step; NaN if there is none, or more than one. */
export async function onlyValues(columns: Columns, budget: Budget): Promise<Float64Array> {
  const { kinds, values, steps } = columns;
  const found = new Float64Array(steps).fill(Number.NaN);
  const count = new Uint8Array(steps);
  for (let row = 0; row < columns.labels.length; row++) {
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      if (kinds[cell] !== FLOAT) continue;
      const seen = count[step] ?? 0;
      found[step] = seen === 0 ? (values[cell] ?? 0) : Number.NaN;
      count[step] = Math.min(2, seen + 1);
    }
    if (budget.turnIsOver(steps)) await budget.giveTurn();
  }
  return found;
}

/** The time of each sample in seconds: of a selector when it was taken, of other expressions that of the step. */
export function timestampFunction(query: string, taken: 'time' | 'start-time'): VectorFunction {
  return async (node, grid, evaluation) => {
    const inner = unwrap(argument(node, 0));
    if (inner.kind === 'vector-selector') {
      const at = await selectVector(inner, grid, query, evaluation, taken);
      return loseNames(at, evaluation);
    }
    const columns = await evaluation.vector(argument(node, 0), grid);
    const builder = new ColumnsBuilder(grid.steps, columns.labels.length);
    for (let row = 0; row < columns.labels.length; row++) {
      for (let step = 0; step < grid.steps; step++) {
        const cell = row * grid.steps + step;
        if (columns.kinds[cell] === ABSENT || taken === 'start-time') continue;
        builder.setFloat(step, timeAt(grid, step) / 1000);
      }
      builder.endRow(labelsAt(columns, row), false);
      if (evaluation.budget.turnIsOver(grid.steps)) await evaluation.budget.giveTurn();
    }
    return loseNames(builder.finish(), evaluation);
  };
}

/** These functions by their names. */
export const PRESENCE: ReadonlyMap<string, VectorFunction> = new Map([
  ['absent', absent],
  ['absent_over_time', absentOverTime],
  ['vector', vector],
]);
