/**
 * A tree as JSON, in the shape of Prometheus' `/api/v1/parse_query`. Bytes that are no UTF-8 become
 * U+FFFD, since JSON has no room for them.
 */
import { signatureOf } from './functions.ts';
import { printNumber } from './literal/number.ts';
import type {
  AtModifier,
  Binary,
  Call,
  Duration,
  DurationTerm,
  Expression,
  Matcher,
  VectorSelector,
} from './tree.ts';

type Json = { readonly [key: string]: unknown };

/** Gives an expression as an object for `JSON.stringify`. */
export function treeJson(expr: Expression): Json {
  switch (expr.kind) {
    case 'aggregation':
      return {
        type: 'aggregation',
        op: expr.op,
        expr: treeJson(expr.expr),
        param: expr.param === undefined ? null : treeJson(expr.param),
        grouping: expr.grouping,
        without: expr.without,
      };
    case 'binary':
      return binaryJson(expr);
    case 'call':
      return callJson(expr);
    case 'number':
      return { type: 'numberLiteral', val: printNumber(expr.value) };
    case 'parenthesized':
      return { type: 'parenExpr', expr: treeJson(expr.expr) };
    case 'range-selector':
      return {
        type: 'matrixSelector',
        range: millisecondsOf(expr.range),
        rangeExpr: termOf(expr.range),
        ...selectorJson(expr.selector),
      };
    case 'string':
      return { type: 'stringLiteral', val: expr.value.toWellFormed() };
    case 'subquery':
      return {
        type: 'subquery',
        expr: treeJson(expr.expr),
        range: millisecondsOf(expr.range),
        rangeExpr: termOf(expr.range),
        step: millisecondsOf(expr.step),
        stepExpr: termOf(expr.step),
        ...timeJson(expr),
      };
    case 'unary':
      return { type: 'unaryExpr', op: expr.op, expr: treeJson(expr.expr) };
    case 'vector-selector':
      return { type: 'vectorSelector', ...selectorJson(expr) };
  }
}

function binaryJson({ op, left, right, returnBool, matching }: Binary): Json {
  return {
    type: 'binaryExpr',
    op,
    lhs: treeJson(left),
    rhs: treeJson(right),
    matching:
      matching === undefined
        ? null
        : {
            card: matching.cardinality,
            labels: matching.labels,
            on: matching.on,
            include: matching.include,
            fillValues: { lhs: matching.fillLeft ?? null, rhs: matching.fillRight ?? null },
          },
    bool: returnBool,
  };
}

function callJson({ name, args }: Call): Json {
  const signature = signatureOf(name);
  return {
    type: 'call',
    func: {
      name,
      argTypes: signature?.args ?? [],
      variadic: signature?.variadic ?? 0,
      returnType: signature?.returns ?? 'vector',
    },
    args: args.map(treeJson),
  };
}

function selectorJson(selector: VectorSelector): Json {
  return {
    name: selector.name,
    matchers: selector.matchers.map(matcherJson),
    ...timeJson(selector),
    anchored: selector.bounds === 'anchored',
    smoothed: selector.bounds === 'smoothed',
  };
}

function matcherJson({ name, op, value }: Matcher): Json {
  return { name: name.toWellFormed(), value: value.toWellFormed(), type: op };
}

function timeJson({ offset, at }: { offset: Duration; at: AtModifier | undefined }): Json {
  return {
    offset: millisecondsOf(offset),
    offsetExpr: termOf(offset),
    timestamp: typeof at === 'number' ? at : null,
    startOrEnd: typeof at === 'string' ? at : null,
  };
}

function millisecondsOf(duration: Duration): number {
  return typeof duration === 'number' ? duration : 0;
}

function termOf(duration: Duration): Json | null {
  return typeof duration === 'number' ? null : termJson(duration);
}

function termJson(term: DurationTerm): Json {
  switch (term.kind) {
    case 'number':
      return { type: 'numberLiteral', val: printNumber(term.value), duration: term.isDuration };
    case 'duration-binary':
      return operationJson(term.op, [term.left, term.right], term.wrapped);
    case 'duration-unary':
      return operationJson(term.op, [undefined, term.term], term.wrapped);
    case 'duration-call':
      return operationJson(term.name, term.args, term.wrapped);
  }
}

function operationJson(
  op: string,
  [left, right]: readonly (DurationTerm | undefined)[],
  wrapped: boolean,
): Json {
  return {
    type: 'durationExpr',
    op,
    lhs: left === undefined ? null : termJson(left),
    rhs: right === undefined ? null : termJson(right),
    wrapped,
  };
}
