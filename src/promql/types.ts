import { signatureOf } from './functions.ts';
import type { Expression, ValueType } from './tree.ts';

/** The type of the values that an expression has. */
export function typeOf(expr: Expression): ValueType {
  switch (expr.kind) {
    case 'aggregation':
    case 'vector-selector':
      return 'vector';
    case 'binary':
    case 'parenthesized':
    case 'unary':
      return expr.type;
    case 'call':
      return signatureOf(expr.name)?.returns ?? 'vector';
    case 'number':
      return 'scalar';
    case 'range-selector':
    case 'subquery':
      return 'matrix';
    case 'string':
      return 'string';
  }
}

/** The name of a type in messages. */
export function describeType(type: ValueType): string {
  if (type === 'vector') return 'instant vector';
  return type === 'matrix' ? 'range vector' : type;
}
