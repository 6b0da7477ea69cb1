/**
 * What a function of instant vectors is: a computation of columns from the arguments of a call.
 */
import type { Call, Expression } from '../../tree.ts';
import type { Columns, Grid } from '../columns.ts';
import { type Evaluation, unwrap } from '../evaluation.ts';

/** The value of a call at each step of a grid. */
export type VectorFunction = (node: Call, grid: Grid, evaluation: Evaluation) => Promise<Columns>;

/** An argument of a call that the parser has checked to be there. */
export function argument(node: Call, at: number): Expression {
  const found = node.args[at];
  if (found === undefined) throw new Error(`${node.name} lacks argument ${at + 1}`);
  return found;
}

/** The text of an argument that is a string. */
export function textArgument(node: Call, at: number): string {
  const found = unwrap(argument(node, at));
  return found.kind === 'string' ? found.value : '';
}
