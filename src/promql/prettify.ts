/** The prettifier: a tree over several lines where it would be too long for one. */
import { print, printAggregationHead, printOperator, printSubqueryTail } from './print.ts';
import type { Expression } from './tree.ts';

/** A longer node is split; selectors never are. */
const MAX_BYTES = 100;
const INDENT = '  ';

/** Writes an expression as Prometheus' `/api/v1/format_query` does. */
export function prettify(expr: Expression): string {
  return prettifyAt(expr, 0);
}

function prettifyAt(expr: Expression, level: number): string {
  const indent = INDENT.repeat(level);
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'range-selector':
    case 'vector-selector':
      return indent + print(expr);
    case 'unary':
      return `${indent}${expr.op}${prettifyAt(expr.expr, level).trim()}`;
    default:
      return prettifyLong(expr, level, indent);
  }
}

function prettifyLong(
  expr: Extract<
    Expression,
    { kind: 'aggregation' | 'binary' | 'call' | 'parenthesized' | 'subquery' }
  >,
  level: number,
  indent: string,
): string {
  const line = print(expr);
  const isShort = Buffer.byteLength(line) <= MAX_BYTES;
  // Prometheus does not indent a subquery that fits into a line.
  if (isShort) return expr.kind === 'subquery' ? line : indent + line;
  const inner = (child: Expression): string => prettifyAt(child, level + 1);
  switch (expr.kind) {
    case 'aggregation': {
      const param = expr.param === undefined ? '' : `${inner(expr.param)},\n`;
      return `${indent}${printAggregationHead(expr)}(\n${param}${inner(expr.expr)}\n${indent})`;
    }
    case 'binary':
      return `${inner(expr.left)}\n${indent}${printOperator(expr)}\n${inner(expr.right)}`;
    case 'call':
      return `${indent}${expr.name}(\n${expr.args.map(inner).join(',\n')}\n${indent})`;
    case 'parenthesized':
      return `${indent}(\n${inner(expr.expr)}\n${indent})`;
    case 'subquery':
      return `${prettifyAt(expr.expr, level)}${printSubqueryTail(expr)}`;
  }
}
