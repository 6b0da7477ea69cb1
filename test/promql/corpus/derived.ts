/**
 * Evaluations that follow from an instant one: fixed by `@`, and as a point of a range.
 */
import type { Expression, VectorSelector } from '../../../src/promql/tree.ts';

const DEPENDS_ON_TIME: ReadonlySet<string> = new Set([
  ...['days_in_month', 'day_of_month', 'day_of_week', 'day_of_year', 'hour', 'minute', 'month'],
  ...['year', 'time', 'timestamp', 'predict_linear', 'start', 'end', 'step', 'range'],
]);

/** Whether fixing the selectors of an expression fixes its value: no function outside subqueries reads the time. */
export function canBeFixed(node: Expression): boolean {
  if (node.kind === 'call' && DEPENDS_ON_TIME.has(node.name)) return false;
  return parts(node).every(canBeFixed);
}

/** The parts of a node outside of subqueries. */
function parts(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'call':
      return node.args;
    case 'binary':
      return [node.left, node.right];
    case 'aggregation':
      return node.param === undefined ? [node.expr] : [node.param, node.expr];
    case 'parenthesized':
    case 'unary':
      return [node.expr];
    default:
      return [];
  }
}

/** The expression with `@` at all selectors and subqueries that lack it; nothing within a subquery changes. */
export function fixedAt(node: Expression, timeMs: number): Expression {
  const fix = (inner: Expression) => fixedAt(inner, timeMs);
  switch (node.kind) {
    case 'vector-selector':
      return fixedSelector(node, timeMs);
    case 'range-selector':
      return { ...node, selector: fixedSelector(node.selector, timeMs) };
    case 'subquery':
      return { ...node, at: node.at ?? timeMs };
    case 'call':
      return { ...node, args: node.args.map(fix) };
    case 'binary':
      return { ...node, left: fix(node.left), right: fix(node.right) };
    case 'aggregation':
      return { ...node, expr: fix(node.expr), param: node.param && fix(node.param) };
    case 'parenthesized':
    case 'unary':
      return { ...node, expr: fix(node.expr) };
    default:
      return node;
  }
}

function fixedSelector(node: VectorSelector, timeMs: number): VectorSelector {
  return { ...node, at: node.at ?? timeMs };
}

/** The times at which a fixed expression is evaluated. */
export function derivedTimes(timeMs: number): readonly number[] {
  if (timeMs === 0) return [-1000, 0, 1000];
  return [-10 * timeMs, 0, Math.trunc(timeMs / 5), timeMs, 10 * timeMs];
}
