/**
 * A slow, obvious evaluator: one step after the other, one sample after the other, no column, no moving index.
 *
 * It knows a part of PromQL only, and states the rules as the reference pages state them.
 */
import type {
  Aggregation,
  AtModifier,
  Binary,
  Call,
  Expression,
  VectorSelector,
} from '../../../src/promql/tree.ts';

/** One sample; a stale marker ends the series until the next sample. */
export interface Sample {
  readonly timeMs: number;
  readonly value: number | 'stale';
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
}

/** The value of an expression at one step. */
export interface Element {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Window {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly { readonly timeMs: number; readonly value: number }[];
  readonly afterMs: number;
  readonly untilMs: number;
}

const LOOKBACK_MS = 300_000;
const SUBQUERY_STEP_MS = 60_000;

/** Two series have become one, or have two partners; the message is not compared. */
export class Ambiguous extends Error {}

/** The elements of a vector, or one without labels for a scalar. */
export class Reference {
  readonly #series: readonly Series[];
  readonly #startMs: number;
  readonly #endMs: number;

  constructor(series: readonly Series[], startMs: number, endMs: number) {
    this.#series = series;
    this.#startMs = startMs;
    this.#endMs = endMs;
  }

  evaluate(node: Expression, atMs: number): Element[] {
    switch (node.kind) {
      case 'number':
        return [{ labels: {}, value: node.value }];
      case 'parenthesized':
        return this.evaluate(node.expr, atMs);
      case 'unary':
        return unique(
          this.evaluate(node.expr, atMs).map(({ labels, value }) => ({
            labels: node.op === '-' ? nameless(labels) : labels,
            value: node.op === '-' ? -value : value,
          })),
        );
      case 'vector-selector':
        return this.#newest(node, atMs);
      case 'call':
        return this.#call(node, atMs);
      case 'aggregation':
        return this.#aggregate(node, atMs);
      case 'binary':
        return this.#binary(node, atMs);
      default:
        throw new Error(`no value: ${node.kind}`);
    }
  }

  #at(atMs: number, at: AtModifier | undefined): number {
    if (at === 'start') return this.#startMs;
    return at === 'end' ? this.#endMs : (at ?? atMs);
  }

  #matching(node: VectorSelector): Series[] {
    return this.#series.filter(({ labels }) =>
      node.matchers.every(({ name, op, value }) => {
        const has = labels[name] ?? '';
        if (op === '=') return has === value;
        if (op === '!=') return has !== value;
        return new RegExp(`^(?:${value})$`).test(has) === (op === '=~');
      }),
    );
  }

  #newest(node: VectorSelector, atMs: number): Element[] {
    const reference = this.#at(atMs, node.at) - Number(node.offset);
    return this.#matching(node).flatMap(({ labels, samples }) => {
      const newest = samples.filter(({ timeMs }) => timeMs <= reference).at(-1);
      if (newest === undefined || newest.timeMs <= reference - LOOKBACK_MS) return [];
      return newest.value === 'stale' ? [] : [{ labels, value: newest.value }];
    });
  }

  #windows(node: Expression, atMs: number): Window[] {
    if (node.kind === 'range-selector') {
      const { selector } = node;
      const untilMs = this.#at(atMs, selector.at) - Number(selector.offset);
      const afterMs = untilMs - Number(node.range);
      return this.#matching(selector).map(({ labels, samples }) => ({
        ...{ labels, afterMs, untilMs },
        points: samples.flatMap(({ timeMs, value }) =>
          value !== 'stale' && timeMs > afterMs && timeMs <= untilMs ? [{ timeMs, value }] : [],
        ),
      }));
    }
    if (node.kind !== 'subquery') throw new Error(`no range: ${node.kind}`);
    const untilMs = this.#at(atMs, node.at) - Number(node.offset);
    const afterMs = untilMs - Number(node.range);
    const stepMs = Number(node.step) || SUBQUERY_STEP_MS;
    const found = new Map<
      string,
      { labels: Element['labels']; points: { timeMs: number; value: number }[] }
    >();
    for (let timeMs = Math.floor(afterMs / stepMs) * stepMs; timeMs <= untilMs; timeMs += stepMs) {
      if (timeMs <= afterMs) continue;
      for (const { labels, value } of this.evaluate(node.expr, timeMs)) {
        const key = keyOf(labels);
        const one = found.get(key) ?? { labels, points: [] };
        found.set(key, one);
        one.points.push({ timeMs, value });
      }
    }
    return [...found.values()].map((one) => ({ ...one, afterMs, untilMs }));
  }

  #call(node: Call, atMs: number): Element[] {
    const argument = node.args[0] as Expression;
    if (node.name === 'abs') {
      return unique(
        this.evaluate(argument, atMs).map(({ labels, value }) => ({
          labels: nameless(labels),
          value: Math.abs(value),
        })),
      );
    }
    const keeps = node.name === 'last_over_time' || node.name === 'first_over_time';
    return unique(
      this.#windows(argument, atMs).flatMap((window) => {
        const value = window.points.length === 0 ? undefined : overTime(node.name, window);
        const labels = keeps ? window.labels : nameless(window.labels);
        return value === undefined ? [] : [{ labels, value }];
      }),
    );
  }

  #aggregate({ op, expr, grouping, without }: Aggregation, atMs: number): Element[] {
    const groups = Map.groupBy(this.evaluate(expr, atMs), ({ labels }) =>
      keyOf(groupLabels(labels, grouping, without)),
    );
    return [...groups.values()].map((elements) => ({
      labels: groupLabels(elements[0]?.labels ?? {}, grouping, without),
      value: reduced(
        op,
        elements.map(({ value }) => value),
      ),
    }));
  }

  #binary(node: Binary, atMs: number): Element[] {
    const left = this.evaluate(node.left, atMs);
    const right = this.evaluate(node.right, atMs);
    const { op, matching, returnBool } = node;
    const compares = ['==', '!=', '<', '>', '<=', '>='].includes(op);
    const drops = !compares || returnBool;
    const result = (labels: Element['labels'], a: number, b: number, kept: number): Element[] => {
      if (!compares) return [{ labels: nameless(labels), value: arithmetic(op, a, b) }];
      const holds = comparison(op, a, b);
      if (returnBool) return [{ labels: nameless(labels), value: Number(holds) }];
      return holds ? [{ labels, value: kept }] : [];
    };
    if (node.type === 'scalar') return result({}, left[0]?.value ?? 0, right[0]?.value ?? 0, 0);
    if (matching === undefined) {
      const scalarLeft = node.left.kind === 'number';
      const scalar = (scalarLeft ? left : right)[0]?.value ?? 0;
      const elements = (scalarLeft ? right : left).flatMap(({ labels, value }) =>
        scalarLeft ? result(labels, scalar, value, value) : result(labels, value, scalar, value),
      );
      return drops ? unique(elements) : elements;
    }
    const signature = (labels: Element['labels']) =>
      keyOf(grouped(nameless(labels), matching.labels, !matching.on));
    const partners = Map.groupBy(right, ({ labels }) => signature(labels));
    const mine = new Set(left.map(({ labels }) => signature(labels)));
    if (op === 'and') return left.filter(({ labels }) => partners.has(signature(labels)));
    if (op === 'unless') return left.filter(({ labels }) => !partners.has(signature(labels)));
    if (op === 'or')
      return [...left, ...right.filter(({ labels }) => !mine.has(signature(labels)))];
    if (left.length === 0 || right.length === 0) return [];
    if ([...partners.values()].some(({ length }) => length > 1)) throw new Ambiguous();
    const matched = new Set<string>();
    return left.flatMap(({ labels, value }) => {
      const key = signature(labels);
      const partner = partners.get(key)?.[0];
      if (partner === undefined) return [];
      if (matched.has(key)) throw new Ambiguous();
      matched.add(key);
      const own = grouped(labels, matching.labels, !matching.on);
      return result(own, value, partner.value, value);
    });
  }
}

function overTime(name: string, { points, afterMs, untilMs }: Window): number | undefined {
  const values = points.map(({ value }) => value);
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const steps = values.slice(1).map((value, at) => [values[at] ?? 0, value] as const);
  switch (name) {
    case 'count_over_time':
      return values.length;
    case 'first_over_time':
      return first.value;
    case 'last_over_time':
      return last.value;
    case 'resets':
      return steps.filter(([a, b]) => b < a).length;
    case 'changes':
      return steps.filter(([a, b]) => !Object.is(a + 0, b + 0)).length;
    case 'rate':
    case 'increase':
    case 'delta': {
      if (points.length < 2) return undefined;
      const counts = name !== 'delta';
      let change = last.value - first.value;
      if (counts) for (const [a, b] of steps) if (b < a) change += a;
      const sampled = last.timeMs - first.timeMs;
      const between = sampled / (points.length - 1);
      let before = first.timeMs - afterMs;
      let after = untilMs - last.timeMs;
      if (before >= 1.1 * between) before = between / 2;
      if (after >= 1.1 * between) after = between / 2;
      if (counts && change > 0 && first.value >= 0) {
        before = Math.min(before, (sampled * first.value) / change);
      }
      const extended = change * ((sampled + before + after) / sampled);
      return name === 'rate' ? extended / ((untilMs - afterMs) / 1000) : extended;
    }
    default:
      return reduced(name.replace('_over_time', ''), values);
  }
}

function reduced(op: string, values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  switch (op) {
    case 'sum':
      return values.reduce((sum, value) => sum + value, 0);
    case 'avg':
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    case 'min':
      return numbers.length === 0 ? Number.NaN : Math.min(...numbers);
    case 'max':
      return numbers.length === 0 ? Number.NaN : Math.max(...numbers);
    case 'count':
      return values.length;
    case 'group':
      return 1;
    default:
      throw new Error(`unknown: ${op}`);
  }
}

function arithmetic(op: string, a: number, b: number): number {
  if (op === '+') return a + b;
  if (op === '-') return a - b;
  return op === '*' ? a * b : a / b;
}

function comparison(op: string, a: number, b: number): boolean {
  if (op === '==') return a === b;
  if (op === '!=') return a !== b;
  if (op === '<') return a < b;
  if (op === '>') return a > b;
  return op === '<=' ? a <= b : a >= b;
}

function nameless({ __name__: _, ...labels }: Element['labels']): Element['labels'] {
  return labels;
}

function grouped(
  labels: Element['labels'],
  names: readonly string[],
  without: boolean,
): Element['labels'] {
  const kept = Object.entries(labels).filter(([name]) =>
    without ? !names.includes(name) : names.includes(name),
  );
  return Object.fromEntries(kept);
}

/** `without` drops the name as well. */
function groupLabels(
  labels: Element['labels'],
  names: readonly string[],
  without: boolean,
): Element['labels'] {
  return grouped(without ? nameless(labels) : labels, names, without);
}

/** Equal for equal label sets. */
export function keyOf(labels: Element['labels']): string {
  return JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function unique(elements: readonly Element[]): Element[] {
  if (new Set(elements.map(({ labels }) => keyOf(labels))).size < elements.length)
    throw new Ambiguous();
  return [...elements];
}
