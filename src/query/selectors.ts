/**
 * Selectors: whether they narrow anything, their text, and those of an expression; and what an expression leaves to
 * whoever evaluates it.
 */
import { compileMatcher } from '../promql/evaluate/match.ts';
import type { Matcher } from '../promql/evaluate/storage.ts';
import { print } from '../promql/print.ts';
import type { Expression } from '../promql/tree.ts';

/** Whether a series without labels does not match. */
export function isNarrow(matchers: readonly Matcher[]): boolean {
  return matchers.some((matcher) => !compileMatcher(matcher).matches(''));
}

/** Matchers as the text of a selector. */
function printSelector(matchers: readonly Matcher[]): string {
  return print({
    ...{ kind: 'vector-selector', name: '', matchers, offset: 0, at: undefined },
    ...{ bounds: 'plain', span: { start: 0, end: 0 } },
  });
}

/** The matchers of all selectors of an expression, each set once. */
export function selectorsIn(expression: Expression): readonly (readonly Matcher[])[] {
  const found = new Map<string, readonly Matcher[]>();
  for (const matchers of walk(expression)) found.set(printSelector(matchers), matchers);
  return [...found.values()];
}

function* walk(node: Expression): Generator<readonly Matcher[], void, void> {
  if (node.kind === 'vector-selector') yield node.matchers;
  else for (const part of partsOf(node)) yield* walk(part);
}

/** Whether an expression has a subquery whose step whoever evaluates it chooses. */
export function hasDefaultStep(node: Expression): boolean {
  if (node.kind === 'subquery' && (node.step === 0 || typeof node.step !== 'number')) return true;
  return partsOf(node).some(hasDefaultStep);
}

function partsOf(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case 'range-selector':
      return [node.selector];
    case 'binary':
      return [node.left, node.right];
    case 'call':
      return node.args;
    case 'aggregation':
      return node.param === undefined ? [node.expr] : [node.param, node.expr];
    case 'parenthesized':
    case 'subquery':
    case 'unary':
      return [node.expr];
    default:
      return [];
  }
}
