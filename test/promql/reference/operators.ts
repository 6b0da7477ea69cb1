/** Binary operators in the slow, obvious evaluator: of the elements of one step. */
import type { Binary, VectorMatching } from '../../../src/promql/tree.ts';
import {
  type Element,
  keyOf,
  type Labels,
  nameless,
  only,
  unique,
  withLabel,
  without,
} from './element.ts';
import { Ambiguous, added, isNumber, mapped, textOf, Undecided, type Value } from './value.ts';

const COMPARISONS = ['==', '!=', '<', '>', '<=', '>='];

/** The value of an operator; `true` and `false` of a comparison; undefined if it takes no such operands. */
function operated(op: string, a: Value, b: Value): Value | boolean | undefined {
  if (isNumber(a) && isNumber(b)) return ofNumbers(op, a, b);
  if (!isNumber(a) && !isNumber(b)) {
    if (op === '+' || op === '-') return added(a, b, op === '+' ? 1 : -1);
    if (op === '==' || op === '!=') return (textOf(a) === textOf(b)) === (op === '==');
    return undefined;
  }
  if (op === '*') {
    return isNumber(a)
      ? mapped(b as Exclude<Value, number>, (count) => count * a)
      : mapped(a, (count) => count * (b as number));
  }
  if (op !== '/' || isNumber(a)) return undefined;
  if (b === 0) throw new Undecided();
  return mapped(a, (count) => count / (b as number));
}

export function ofNumbers(op: string, a: number, b: number): number | boolean {
  // Another order of additions decides which of two numbers that are nearly equal is larger.
  const isClose = a !== b && Math.abs(a - b) < 1e-8 * (Math.abs(a) + Math.abs(b));
  if (isClose && COMPARISONS.includes(op)) throw new Undecided();
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '^':
      // One to any power is one, in IEEE 754 though not in JavaScript.
      return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
    case 'atan2':
      return Math.atan2(a, b);
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
    default:
      throw new Undecided();
  }
}

/** The result for one pair: nothing, or the value that stays. */
function resultOf(node: Binary, a: Value, b: Value, kept: Value): Value | undefined {
  const value = operated(node.op, a, b);
  if (typeof value !== 'boolean') return value;
  if (node.returnBool) return Number(value);
  return value ? kept : undefined;
}

function losesName(node: Binary): boolean {
  return node.returnBool || !COMPARISONS.includes(node.op);
}

/** An operator between a vector and a number. */
export function withNumber(
  node: Binary,
  vector: readonly Element[],
  number: number,
  vectorIsLeft: boolean,
): Element[] {
  const elements = vector.flatMap(({ labels, value }) => {
    const [a, b] = vectorIsLeft ? [value, number] : [number, value];
    const result = resultOf(node, a, b, value);
    if (result === undefined) return [];
    return [{ labels: losesName(node) ? nameless(labels) : labels, value: result }];
  });
  return losesName(node) ? unique(elements) : elements;
}

/** An operator between two vectors. */
export function matched(
  node: Binary,
  matching: VectorMatching,
  left: readonly Element[],
  right: readonly Element[],
): Element[] {
  const partOf = (labels: Labels) =>
    matching.on ? only(labels, matching.labels) : without(nameless(labels), matching.labels);
  const keyFor = ({ labels }: Element) => keyOf(partOf(labels));
  const [ofLeft, ofRight] = [left, right].map((side) => new Set(side.map(keyFor)));
  if (node.op === 'and') return left.filter((one) => ofRight?.has(keyFor(one)));
  if (node.op === 'unless') return left.filter((one) => !ofRight?.has(keyFor(one)));
  if (node.op === 'or') return [...left, ...right.filter((one) => !ofLeft?.has(keyFor(one)))];
  const { fillLeft, fillRight } = matching;
  const fills = fillLeft !== undefined || fillRight !== undefined;
  if ((left.length === 0 || right.length === 0) && !fills) return [];
  const manyIsLeft = matching.cardinality !== 'one-to-many';
  const [many, one] = manyIsLeft ? [left, right] : [right, left];
  // `fill_left` belongs to the side with many series, even where that side is on the right.
  const [fillMany, fillOne] = [fillLeft, fillRight];
  const partners = Map.groupBy(one, keyFor);
  const isMatched = many.length > 0 || fillMany !== undefined;
  if (isMatched && [...partners.values()].some(({ length }) => length > 1)) throw new Ambiguous();
  const ends = { node, matching, manyIsLeft, partOf };
  const matchedKeys = new Set<string>();
  const made = many.flatMap((element) => {
    const key = keyFor(element);
    const partner =
      partners.get(key)?.[0] ??
      (fillOne === undefined ? undefined : { labels: partOf(element.labels), value: fillOne });
    if (partner === undefined) return [];
    if (matching.cardinality === 'one-to-one' && matchedKeys.has(key)) throw new Ambiguous();
    matchedKeys.add(key);
    return pair(element, partner, ends);
  });
  const keys = new Set(many.map(keyFor));
  const filled =
    fillMany === undefined
      ? []
      : one
          .filter((element) => !keys.has(keyFor(element)))
          .flatMap((element) =>
            pair({ labels: partOf(element.labels), value: fillMany }, element, ends),
          );
  return unique([...made, ...filled]);
}

interface Ends {
  readonly node: Binary;
  readonly matching: VectorMatching;
  readonly manyIsLeft: boolean;
  readonly partOf: (labels: Labels) => Labels;
}

function pair(
  many: Element,
  one: Element,
  { node, matching, manyIsLeft, partOf }: Ends,
): Element[] {
  const [a, b] = manyIsLeft ? [many.value, one.value] : [one.value, many.value];
  const value = resultOf(node, a, b, a);
  if (value === undefined) return [];
  let labels = losesName(node) ? nameless(many.labels) : many.labels;
  // With `ignoring`, a comparison keeps the name; with `on`, the listed labels only.
  if (matching.cardinality === 'one-to-one') {
    labels = matching.on ? partOf(labels) : without(labels, matching.labels);
  }
  for (const name of matching.include) labels = withLabel(labels, name, one.labels[name] ?? '');
  return [{ labels, value }];
}
