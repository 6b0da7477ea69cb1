/**
 * Scalars: one number for each step.
 */
import type { Call, Expression } from '../tree.ts';
import { binaryScalars } from './binary.ts';
import { type Grid, timeAt } from './columns.ts';
import type { Evaluation } from './evaluation.ts';
import { onlyValues } from './functions/presence.ts';
import { argument } from './functions/vector-call.ts';

/** The value of a scalar expression at each step. */
export async function evaluateScalar(
  node: Expression,
  grid: Grid,
  evaluation: Evaluation,
): Promise<Float64Array> {
  switch (node.kind) {
    case 'number':
      return new Float64Array(grid.steps).fill(node.value);
    case 'parenthesized':
      return evaluation.scalar(node.expr, grid);
    case 'unary': {
      const values = await evaluation.scalar(node.expr, grid);
      return node.op === '-' ? values.map((value) => -value) : values;
    }
    case 'binary':
      return binaryScalars(node, grid, evaluation);
    case 'call':
      return callScalar(node, grid, evaluation);
    default:
      throw new Error(`a ${node.kind} is no scalar`);
  }
}

async function callScalar(node: Call, grid: Grid, evaluation: Evaluation): Promise<Float64Array> {
  const { startMs, endMs, stepMs } = evaluation.settings;
  const constant = (value: number) => new Float64Array(grid.steps).fill(value);
  switch (node.name) {
    case 'pi':
      return constant(Math.PI);
    case 'time':
      return constant(0).map((_, step) => timeAt(grid, step) / 1000);
    case 'start':
      return constant(startMs / 1000);
    case 'end':
      return constant(endMs / 1000);
    case 'step':
      return constant(stepMs / 1000);
    case 'range':
      return constant((endMs - startMs) / 1000);
    case 'scalar':
      return onlyValues(await evaluation.vector(argument(node, 0), grid), evaluation.budget);
    case 'min_of':
    case 'max_of': {
      const left = await evaluation.scalar(argument(node, 0), grid);
      const right = await evaluation.scalar(argument(node, 1), grid);
      const choose = node.name === 'min_of' ? Math.min : Math.max;
      return left.map((value, step) => choose(value, right[step] ?? 0));
    }
    default:
      throw new Error(`${node.name} gives no scalar`);
  }
}
