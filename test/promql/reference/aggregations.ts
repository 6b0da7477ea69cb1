/** Aggregations in the slow, obvious evaluator: of the elements of one step. */
import type { Aggregation } from '../../../src/promql/tree.ts';
import { type Element, keyOf, type Labels, nameless, only, withLabel, without } from './element.ts';
import { least, most, quantileOf, sum, variance } from './range-functions.ts';
import {
  Ambiguous,
  type Buckets,
  isNumber,
  mapped,
  total,
  Undecided,
  type Value,
} from './value.ts';

/** @param parameter - the number of topk, bottomk, limitk and quantile */
export function aggregated(
  node: Aggregation,
  elements: readonly Element[],
  parameter: number,
): Element[] {
  if (node.op === 'count_values') return counted(node, elements);
  const groups = [...Map.groupBy(elements, ({ labels }) => keyOf(groupOf(node, labels))).values()];
  if (['topk', 'bottomk', 'limitk'].includes(node.op)) {
    if (Number.isNaN(parameter) || parameter >= 2 ** 63) throw new Ambiguous();
    // Whether this is refused depends on the numbers of other steps.
    if (parameter <= -(2 ** 63)) throw new Undecided();
    return groups.flatMap((group) => chosen(node.op, group, parameter));
  }
  return groups.flatMap((group) => {
    const value = reduced(
      node.op,
      group.map((one) => one.value),
      parameter,
    );
    return value === undefined ? [] : [{ labels: groupOf(node, group[0]?.labels ?? {}), value }];
  });
}

function groupOf(node: Aggregation, labels: Labels): Labels {
  return node.without ? without(nameless(labels), node.grouping) : only(labels, node.grouping);
}

/** How often each value occurs; the value is a label. */
function counted(node: Aggregation, elements: readonly Element[]): Element[] {
  if (node.param?.kind !== 'string') throw new Undecided();
  const name = node.param.value;
  // Another order of additions changes the last digits of a number that is not whole.
  if (
    !elements.every(
      ({ value }) => isNumber(value) && (Number.isInteger(value) || !Number.isFinite(value)),
    )
  )
    throw new Undecided();
  const groups = Map.groupBy(elements, ({ labels, value }) => {
    const text = String(value)
      .replace(/^Infinity$/, '+Inf')
      .replace(/^-Infinity$/, '-Inf');
    return keyOf(withLabel(groupOf(node, labels), name, Object.is(value, -0) ? '-0' : text));
  });
  return [...groups].map(([key, group]) => ({
    labels: Object.fromEntries(JSON.parse(key) as [string, string][]),
    value: group.length,
  }));
}

/** The best of a group, NaN last. Which of several equal ones are taken is left open. */
function chosen(op: string, group: readonly Element[], parameter: number): Element[] {
  const limit = Math.trunc(parameter);
  if (limit < 1) return [];
  if (op === 'limitk') {
    if (group.length > limit) throw new Undecided();
    return [...group];
  }
  const numbers = group.filter(({ value }) => isNumber(value));
  const worth = ({ value }: Element) => {
    const signed = op === 'topk' ? (value as number) : -(value as number);
    return Number.isNaN(signed) ? Number.NEGATIVE_INFINITY : signed;
  };
  const sorted = numbers.toSorted((a, b) => (worth(a) === worth(b) ? 0 : worth(b) - worth(a)));
  const [last, next] = [sorted[limit - 1], sorted[limit]];
  if (last !== undefined && next !== undefined && worth(last) === worth(next))
    throw new Undecided();
  return sorted.slice(0, limit);
}

function reduced(op: string, values: readonly Value[], parameter: number): Value | undefined {
  if (op === 'count') return values.length;
  if (op === 'group') return 1;
  const numbers = values.filter(isNumber);
  if (op === 'sum' || op === 'avg') {
    const divisor = op === 'sum' ? 1 : values.length;
    if (numbers.length === values.length) return sum(numbers) / divisor;
    if (numbers.length > 0) return undefined;
    return mapped(total(values as Buckets[]), (count) => count / divisor);
  }
  if (numbers.length === 0) return undefined;
  switch (op) {
    case 'min':
      return least(numbers);
    case 'max':
      return most(numbers);
    case 'stddev':
      return Math.sqrt(variance(numbers));
    case 'stdvar':
      return variance(numbers);
    case 'quantile':
      return quantileOf(parameter, numbers);
    default:
      throw new Undecided();
  }
}
