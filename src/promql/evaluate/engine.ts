/**
 * Evaluates a PromQL expression: text and tree in, values and remarks out.
 */
import { rangeQueryFault } from '../check.ts';
import { placeOf } from '../position.ts';
import type { Expression, Span, VectorSelector } from '../tree.ts';
import { typeOf } from '../types.ts';
import { aggregate } from './aggregate.ts';
import { Annotations, type Place } from './annotations.ts';
import { binaryVectors, unaryVector } from './binary.ts';
import { Budget, type Limits } from './budget.ts';
import { type Columns, type Grid, repeatSteps } from './columns.ts';
import { type Evaluation, unwrap } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import { EACH_VALUE } from './functions/each-value.ts';
import { HISTOGRAM_FUNCTIONS } from './functions/histogram-functions.ts';
import { info } from './functions/info.ts';
import { LABEL_FUNCTIONS } from './functions/labels.ts';
import { PRESENCE, timestampFunction } from './functions/presence.ts';
import type { VectorFunction } from './functions/vector-call.ts';
import { compareLabels, LabelTable } from './labels.ts';
import { type LoadedSeries, loadSeries, wantedBy } from './load.ts';
import { callRange, rangeFunctionOf, selectRange, subqueryRange } from './range.ts';
import { rangeSamples, type SampleSeries } from './range-result.ts';
import { labelsAt, pickRows, removeNames } from './rows.ts';
import type { RangeVector } from './samples.ts';
import { evaluateScalar } from './scalars.ts';
import { selectVector } from './selector.ts';
import type { Settings } from './settings.ts';
import { sortInTurns } from './sort.ts';
import { isInvariant, onlyFirstStep } from './times.ts';

/** A query that the parser has accepted. */
export interface Query {
  readonly text: string;
  readonly tree: Expression;
}

/** The value of a query. */
export type QueryValue =
  | { readonly type: 'scalar'; readonly values: Float64Array }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'vector'; readonly columns: Columns }
  | { readonly type: 'matrix'; readonly series: readonly SampleSeries[] };

/** A value, and what the evaluation has to say of it. */
export interface QueryResult {
  readonly value: QueryValue;
  readonly grid: Grid;
  /** Full texts with their place in the query. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly peakSamples: number;
  /** How many samples the storage gave. */
  readonly samplesRead: number;
}

/**
 * Evaluates a query at all of its steps.
 *
 * A range query's series come ordered by their labels, an instant query's as they were evaluated.
 *
 * @throws {EvaluationError} if there is no answer
 */
export async function evaluate(
  query: Query,
  settings: Settings,
  limits: Limits,
): Promise<QueryResult> {
  const { startMs, endMs, stepMs } = settings;
  const steps = stepMs === 0 ? 1 : Math.floor((endMs - startMs) / stepMs) + 1;
  const grid: Grid = { startMs, stepMs, steps };
  const run = new Run(query, settings, limits);
  const value = await run.value(grid);
  return {
    value,
    grid,
    warnings: run.annotations.texts('warning'),
    infos: run.annotations.texts('info'),
    peakSamples: run.budget.peakSamples,
    samplesRead: run.budget.samplesRead,
  };
}

const CALLS: ReadonlyMap<string, VectorFunction> = new Map<string, VectorFunction>([
  ...EACH_VALUE,
  ...HISTOGRAM_FUNCTIONS,
  ...LABEL_FUNCTIONS,
  ...PRESENCE,
  ['info', info],
]);

/** One evaluation of one query. */
class Run implements Evaluation {
  readonly settings: Settings;
  readonly labels = new LabelTable();
  readonly annotations = new Annotations();
  readonly budget: Budget;
  readonly signal: AbortSignal | undefined;
  readonly query: string;
  readonly #tree: Expression;
  readonly #loads = new Map<VectorSelector, Promise<readonly LoadedSeries[]>>();

  constructor(query: Query, settings: Settings, limits: Limits) {
    const { signal } = limits;
    this.settings = settings;
    this.budget = new Budget(limits);
    this.signal = signal;
    this.query = query.text;
    this.#tree = query.tree;
  }

  async value(grid: Grid): Promise<QueryValue> {
    this.budget.check();
    this.budget.checkSteps(grid.steps);
    this.#startLoads(grid);
    const tree = unwrap(this.#tree);
    const fault = this.settings.stepMs === 0 ? undefined : rangeQueryFault(tree);
    if (fault !== undefined) throw new EvaluationError(fault);
    if (tree.kind === 'string') return { type: 'string', value: tree.value };
    if (tree.kind === 'range-selector' || tree.kind === 'subquery') {
      const range = await this.range(tree, grid);
      return { type: 'matrix', series: await rangeSamples(range, grid, this) };
    }
    if (typeOf(tree) === 'scalar') return { type: 'scalar', values: await this.scalar(tree, grid) };
    const columns = await removeNames(await this.vector(tree, grid), this.labels, this.budget);
    if (this.settings.stepMs === 0) return { type: 'vector', columns };
    return { type: 'vector', columns: await sorted(columns, this.budget) };
  }

  async vector(node: Expression, grid: Grid): Promise<Columns> {
    const held = this.budget.mark();
    let columns: Columns;
    if (grid.steps > 1 && isInvariant(node)) {
      const first = await this.#vector(node, onlyFirstStep(grid));
      this.budget.hold(first.labels.length * grid.steps);
      columns = await repeatSteps(first, grid.steps, this.budget);
    } else columns = await this.#vector(node, grid);
    // What the parts of the expression held is free now; what remains is the result.
    this.budget.reset(held);
    this.budget.hold(Math.max(columns.samples, columns.kinds.length >> 1));
    this.budget.check();
    return columns;
  }

  async scalar(node: Expression, grid: Grid): Promise<Float64Array> {
    if (grid.steps <= 1 || !isInvariant(node)) return evaluateScalar(node, grid, this);
    const [value = Number.NaN] = await evaluateScalar(node, onlyFirstStep(grid), this);
    return new Float64Array(grid.steps).fill(value);
  }

  async range(node: Expression, grid: Grid): Promise<RangeVector> {
    const inner = unwrap(node);
    if (inner.kind === 'range-selector') return selectRange(inner, grid, this.query, this);
    if (inner.kind === 'subquery') return subqueryRange(inner, grid, this.query, this);
    throw new Error(`a ${inner.kind} is no range vector`);
  }

  async load(selector: VectorSelector): Promise<readonly LoadedSeries[]> {
    return (await this.#loads.get(selector)) ?? [];
  }

  place(node: { readonly span: Span }): Place {
    return placeOf(this.query, node.span.start);
  }

  #startLoads(grid: Grid): void {
    for (const { selector, ...wanted } of wantedBy(this.#tree, grid, this.query, this.settings)) {
      const asked = { ...wanted, matchers: selector.matchers };
      const loading = loadSeries(asked, this);
      // A failure is thrown where the series are read; until then nobody awaits the promise.
      loading.catch(() => undefined);
      this.#loads.set(selector, loading);
    }
  }

  #vector(node: Expression, grid: Grid): Promise<Columns> {
    switch (node.kind) {
      case 'vector-selector':
        return selectVector(node, grid, this.query, this);
      case 'parenthesized':
        return this.vector(node.expr, grid);
      case 'unary':
        return unaryVector(node, grid, this);
      case 'binary':
        return binaryVectors(node, grid, this);
      case 'aggregation':
        return aggregate(node, grid, this);
      case 'call': {
        if (rangeFunctionOf(node) !== undefined) return callRange(node, grid, this);
        const call =
          node.name === 'timestamp' || node.name === 'start_timestamp'
            ? timestampFunction(this.query, node.name === 'timestamp' ? 'time' : 'start-time')
            : CALLS.get(node.name);
        if (call === undefined)
          throw new EvaluationError(`unknown function with name "${node.name}"`);
        return call(node, grid, this);
      }
      default:
        throw new Error(`a ${node.kind} is no vector`);
    }
  }
}

async function sorted(columns: Columns, budget: Budget): Promise<Columns> {
  const rows = columns.labels.map((_, row) => row);
  const order = (a: number, b: number) => compareLabels(labelsAt(columns, a), labelsAt(columns, b));
  return pickRows(columns, await sortInTurns(rows, order, budget), budget);
}
