/**
 * A slow, obvious evaluator: one step after the other, one sample after the other, no column, no moving index.
 *
 * It states the rules as the reference pages state them. What it does not know is listed in `reference.test.ts`.
 */
import type {
  Aggregation,
  AtModifier,
  Binary,
  Call,
  Duration,
  Expression,
  VectorSelector,
} from '../../../src/promql/tree.ts';
import { aggregated } from './aggregations.ts';
import { type Element, keyOf, type Labels, nameless, unique } from './element.ts';
import { matched, ofNumbers, withNumber } from './operators.ts';
import { type Point, RANGE_FUNCTIONS, type Window } from './range-functions.ts';
import { isNumber, mapped, Undecided, type Value } from './value.ts';
import { VECTOR_FUNCTIONS } from './vector-functions.ts';

/** One sample; a stale marker ends the series until the next sample. */
export interface Sample {
  readonly timeMs: number;
  readonly value: Value | 'stale';
}

export interface Series {
  readonly labels: Labels;
  readonly samples: readonly Sample[];
}

const LOOKBACK_MS = 300_000;
const SUBQUERY_STEP_MS = 60_000;
const KEEPS_NAME = ['first_over_time', 'last_over_time'];

/** The elements of a vector, or one without labels for a scalar. */
export class Reference {
  readonly #series: readonly Series[];
  readonly #times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number };

  constructor(
    series: readonly Series[],
    times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  ) {
    this.#series = series;
    this.#times = times;
  }

  evaluate(node: Expression, atMs: number): Element[] {
    switch (node.kind) {
      case 'number':
        return [{ labels: {}, value: node.value }];
      case 'parenthesized':
        return this.evaluate(node.expr, atMs);
      case 'unary':
        return this.#unary(node.expr, node.op, atMs);
      case 'vector-selector':
        return this.#newest(node, atMs).map(({ labels, point }) => ({
          labels,
          value: point.value,
        }));
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

  #unary(node: Expression, op: string, atMs: number): Element[] {
    const elements = this.evaluate(node, atMs);
    if (op === '+') return elements;
    return unique(
      elements.map(({ labels, value }) => ({
        labels: nameless(labels),
        value: isNumber(value) ? -value : mapped(value, (count) => -count),
      })),
    );
  }

  /** The number of a scalar. */
  #number(node: Expression, atMs: number): number {
    return this.evaluate(node, atMs)[0]?.value as number;
  }

  #at(atMs: number, at: AtModifier | undefined): number {
    if (at === 'start') return this.#times.startMs;
    return at === 'end' ? this.#times.endMs : (at ?? atMs);
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

  #newest(
    node: VectorSelector,
    atMs: number,
  ): { readonly labels: Labels; readonly point: Point }[] {
    const reference = this.#at(atMs, node.at) - millisecondsOf(node.offset);
    return this.#matching(node).flatMap(({ labels, samples }) => {
      const newest = samples.filter(({ timeMs }) => timeMs <= reference).at(-1);
      if (newest === undefined || newest.timeMs <= reference - LOOKBACK_MS) return [];
      const { timeMs, value } = newest;
      return value === 'stale' ? [] : [{ labels, point: { timeMs, value } }];
    });
  }

  #windows(node: Expression, atMs: number): Window[] {
    if (node.kind === 'range-selector') {
      const { selector } = node;
      const untilMs = this.#at(atMs, selector.at) - millisecondsOf(selector.offset);
      const afterMs = untilMs - millisecondsOf(node.range);
      return this.#matching(selector).map(({ labels, samples }) => ({
        ...{ labels, afterMs, untilMs, atMs },
        points: samples.flatMap(({ timeMs, value }) =>
          value !== 'stale' && timeMs > afterMs && timeMs <= untilMs ? [{ timeMs, value }] : [],
        ),
      }));
    }
    if (node.kind !== 'subquery') throw new Error(`no range: ${node.kind}`);
    const untilMs = this.#at(atMs, node.at) - millisecondsOf(node.offset);
    const afterMs = untilMs - millisecondsOf(node.range);
    const stepMs = millisecondsOf(node.step) || SUBQUERY_STEP_MS;
    const found = new Map<string, { labels: Labels; points: Point[] }>();
    for (let timeMs = Math.floor(afterMs / stepMs) * stepMs; timeMs <= untilMs; timeMs += stepMs) {
      if (timeMs <= afterMs) continue;
      for (const { labels, value } of this.evaluate(node.expr, timeMs)) {
        const key = keyOf(labels);
        const one = found.get(key) ?? { labels, points: [] };
        found.set(key, one);
        one.points.push({ timeMs, value });
      }
    }
    return [...found.values()].map((one) => ({ ...one, afterMs, untilMs, atMs }));
  }

  #call(node: Call, atMs: number): Element[] {
    const [first] = node.args;
    const scalar = this.#scalarCall(node, atMs);
    if (scalar !== undefined) return [{ labels: {}, value: scalar }];
    if (node.name === 'vector') return this.evaluate(first as Expression, atMs);
    if (node.name === 'absent') {
      const isEmpty = this.evaluate(first as Expression, atMs).length === 0;
      return isEmpty ? [{ labels: fixedLabels(first as Expression), value: 1 }] : [];
    }
    if (node.name === 'absent_over_time') {
      const all = this.#windows(first as Expression, atMs).flatMap(({ points }) => points);
      return all.length === 0 ? [{ labels: fixedLabels(first as Expression), value: 1 }] : [];
    }
    const inner = first === undefined ? undefined : unwrap(first);
    if (node.name === 'timestamp' && inner?.kind === 'vector-selector') {
      return unique(
        this.#newest(inner, atMs).map(({ labels, point }) => ({
          labels: nameless(labels),
          value: point.timeMs / 1000,
        })),
      );
    }
    return this.#ofFunction(node, atMs);
  }

  #ofFunction(node: Call, atMs: number): Element[] {
    const texts = node.args.flatMap((arg) => (arg.kind === 'string' ? [arg.value] : []));
    const isRange = ({ kind }: Expression) => kind === 'range-selector' || kind === 'subquery';
    const overTime = RANGE_FUNCTIONS[node.name];
    const main = node.args.find((arg) =>
      overTime === undefined ? isVector(arg) : isRange(unwrap(arg)),
    );
    const scalars = node.args
      .filter((arg) => arg !== main && arg.kind !== 'string')
      .map((arg) => this.#number(arg, atMs));
    if (overTime !== undefined && main !== undefined) {
      const keeps = KEEPS_NAME.includes(node.name);
      return unique(
        this.#windows(unwrap(main), atMs).flatMap((window) => {
          const value = window.points.length === 0 ? undefined : overTime(window, scalars);
          const labels = keeps ? window.labels : nameless(window.labels);
          return value === undefined ? [] : [{ labels, value }];
        }),
      );
    }
    const ofVector = VECTOR_FUNCTIONS[node.name];
    if (ofVector === undefined) throw new Undecided(node.name);
    // The functions of dates take the time of the step if there is no argument.
    const elements =
      main === undefined ? [{ labels: {}, value: atMs / 1000 }] : this.evaluate(main, atMs);
    return unique(ofVector(elements, { scalars, texts, atMs }));
  }

  #scalarCall({ name, args }: Call, atMs: number): number | undefined {
    const { startMs, endMs, stepMs } = this.#times;
    switch (name) {
      case 'time':
        return atMs / 1000;
      case 'pi':
        return Math.PI;
      case 'start':
        return startMs / 1000;
      case 'end':
        return endMs / 1000;
      case 'step':
        return stepMs / 1000;
      case 'range':
        return (endMs - startMs) / 1000;
      case 'min_of':
      case 'max_of': {
        const values = args.map((arg) => this.#number(arg, atMs));
        return name === 'min_of' ? Math.min(...values) : Math.max(...values);
      }
      case 'scalar': {
        const numbers = this.evaluate(args[0] as Expression, atMs).filter((one) =>
          isNumber(one.value),
        );
        return numbers.length === 1 ? (numbers[0]?.value as number) : Number.NaN;
      }
      default:
        return undefined;
    }
  }

  #aggregate(node: Aggregation, atMs: number): Element[] {
    const { param } = node;
    const parameter =
      param === undefined || param.kind === 'string' ? 0 : this.#number(param, atMs);
    return aggregated(node, this.evaluate(node.expr, atMs), parameter);
  }

  #binary(node: Binary, atMs: number): Element[] {
    const left = this.evaluate(node.left, atMs);
    const right = this.evaluate(node.right, atMs);
    const scalar = (side: readonly Element[]) => side[0]?.value as number;
    if (node.type === 'scalar') {
      return [{ labels: {}, value: Number(ofNumbers(node.op, scalar(left), scalar(right))) }];
    }
    if (node.matching !== undefined) return matched(node, node.matching, left, right);
    return isVector(node.left)
      ? withNumber(node, left, scalar(right), true)
      : withNumber(node, right, scalar(left), false);
  }
}

function millisecondsOf(duration: Duration): number {
  if (typeof duration !== 'number') throw new Undecided();
  return duration;
}

function unwrap(node: Expression): Expression {
  return node.kind === 'parenthesized' ? unwrap(node.expr) : node;
}

const SCALAR_CALLS = [
  ...['scalar', 'time', 'pi', 'start', 'end', 'step', 'range', 'min_of', 'max_of'],
];

function isVector(node: Expression): boolean {
  const inner = unwrap(node);
  switch (inner.kind) {
    case 'number':
    case 'string':
      return false;
    case 'call':
      return !SCALAR_CALLS.includes(inner.name);
    case 'binary':
      return inner.type !== 'scalar';
    case 'unary':
      return isVector(inner.expr);
    default:
      return true;
  }
}

/** The labels that a selector fixes by one equality each. */
function fixedLabels(node: Expression): Labels {
  const inner = unwrap(node);
  const selector = inner.kind === 'range-selector' ? inner.selector : inner;
  if (selector.kind !== 'vector-selector') return {};
  const named = selector.matchers.filter(({ name }) => name !== '__name__');
  const fixed = named.filter(
    ({ name, op }) => op === '=' && named.filter((one) => one.name === name).length === 1,
  );
  return Object.fromEntries(fixed.map(({ name, value }) => [name, value]));
}
