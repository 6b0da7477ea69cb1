/**
 * Range vectors: the samples of a range selector or a subquery, and the functions that read them.
 */
import { printGeneral } from '../literal/number.ts';
import type { Call, Expression, RangeSelector, Subquery } from '../tree.ts';
import { LABELS_WORK } from './budget.ts';
import {
  ABSENT,
  type Columns,
  ColumnsBuilder,
  type Grid,
  HISTOGRAM,
  histogramAt,
  timeAt,
} from './columns.ts';
import { durationMs } from './duration.ts';
import { type Evaluation, unwrap } from './evaluation.ts';
import { EvaluationError } from './failure.ts';
import { COUNTS, fillCounts } from './functions/counts-row.ts';
import { EXTREMES, fillExtremes } from './functions/extremes-row.ts';
import type { RangeCall, RangeFunction } from './functions/range-call.ts';
import { KEEPS_NAME, RANGE_FUNCTIONS } from './functions/range-functions.ts';
import { CHANGES, noteNonCounter } from './functions/rate.ts';
import { fillChanges, type RowCells } from './functions/rate-row.ts';
import type { Histogram } from './histogram.ts';
import { labelValue, METRIC_NAME } from './labels.ts';
import { rangeSeries } from './load.ts';
import { labelsAt, loseNames } from './rows.ts';
import type { RangeSeries, RangeVector, Window } from './samples.ts';
import { referenceMs, subqueryGrid } from './times.ts';

/** The samples of a range selector. */
export async function selectRange(
  node: RangeSelector,
  grid: Grid,
  query: string,
  evaluation: Evaluation,
): Promise<RangeVector> {
  const { selector } = node;
  const { settings } = evaluation;
  const loaded = await evaluation.load(selector);
  const { bounds } = selector;
  const { budget } = evaluation;
  const series: RangeSeries[] = [];
  for (const one of loaded) {
    series.push(rangeSeries(one, settings.startTimes));
    const copied = one.stale === undefined ? 0 : 3 * one.stale.length;
    if (budget.turnIsOver(LABELS_WORK + copied)) await budget.giveTurn();
  }
  return {
    series,
    rangeMs: durationMs(node.range, 'range', query, settings),
    untilMs: windowEnds(selector, grid, query, evaluation),
    reachBeforeMs: bounds === 'plain' ? 0 : settings.lookbackMs,
    reachAfterMs: bounds === 'smoothed' ? settings.lookbackMs : 0,
    modifier: bounds === 'plain' ? undefined : bounds,
  };
}

/** The samples of a subquery: the values of its expression at its own steps. */
export async function subqueryRange(
  node: Subquery,
  grid: Grid,
  query: string,
  evaluation: Evaluation,
): Promise<RangeVector> {
  const inner = subqueryGrid(node, grid, query, evaluation.settings);
  evaluation.budget.checkSteps(inner.steps);
  const columns = await evaluation.vector(node.expr, inner);
  const { budget } = evaluation;
  const series: RangeSeries[] = [];
  for (let row = 0; row < columns.labels.length; row++) {
    series.push(rowSeries(columns, row, inner));
    if (budget.turnIsOver(4 * inner.steps + LABELS_WORK)) await budget.giveTurn();
  }
  return {
    series,
    rangeMs: durationMs(node.range, 'range', query, evaluation.settings),
    untilMs: windowEnds(node, grid, query, evaluation),
    reachBeforeMs: 0,
    reachAfterMs: 0,
    modifier: undefined,
  };
}

function windowEnds(
  node: Pick<Subquery, 'at' | 'offset'>,
  grid: Grid,
  query: string,
  { settings }: Evaluation,
): Float64Array {
  const offsetMs = durationMs(node.offset, 'offset', query, settings);
  const ends = new Float64Array(grid.steps);
  for (let step = 0; step < grid.steps; step++) {
    ends[step] = referenceMs(timeAt(grid, step), node.at, offsetMs, settings);
  }
  return ends;
}

/** One row as the samples of a series. Whether a counter was reset is unknown, since samples may be missing. */
function rowSeries(columns: Columns, row: number, grid: Grid): RangeSeries {
  const { steps, kinds, values } = columns;
  const present: number[] = [];
  let hasHistograms = false;
  for (let step = 0; step < steps; step++) {
    const kind = kinds[row * steps + step];
    if (kind === ABSENT) continue;
    present.push(step);
    if (kind === HISTOGRAM) hasHistograms = true;
  }
  const labels = labelsAt(columns, row);
  const histogram = (step: number): Histogram | undefined => {
    const cell = row * steps + step;
    if (kinds[cell] !== HISTOGRAM) return undefined;
    const found = histogramAt(columns, cell);
    return found.hint === 'gauge' ? found : { ...found, hint: 'unknown' };
  };
  return {
    labels,
    metricName: labelValue(labels, METRIC_NAME),
    dropsName: columns.dropsName[row] === 1,
    timesMs: Float64Array.from(present, (step) => timeAt(grid, step)),
    values: Float64Array.from(present, (step) => values[row * steps + step] ?? 0),
    histograms: hasHistograms ? present.map(histogram) : undefined,
    startTimesMs: undefined,
  };
}

const ANCHORED = ['changes', 'delta', 'increase', 'rate', 'resets'];
const SMOOTHED = ['delta', 'increase', 'rate'];

/** A call of a function that reads a range vector, or undefined if the function is none of these. */
export function rangeFunctionOf(node: Call): RangeFunction | undefined {
  return RANGE_FUNCTIONS.get(node.name);
}

/** The value of a function of a range vector at each step. */
export async function callRange(node: Call, grid: Grid, evaluation: Evaluation): Promise<Columns> {
  const run = RANGE_FUNCTIONS.get(node.name);
  const argument = node.args.find((arg) => isRange(arg));
  if (run === undefined || argument === undefined) throw new Error(`${node.name} reads no range`);
  const inner = unwrap(argument);
  if (inner.kind === 'range-selector') checkModifier(node.name, inner.selector.bounds);
  const scalars: Float64Array[] = [];
  for (const arg of node.args) {
    if (arg !== argument) scalars.push(await evaluation.scalar(arg, grid));
  }
  const range = await evaluation.range(argument, grid);
  const { budget } = evaluation;
  const builder = new ColumnsBuilder(grid.steps, range.series.length);
  const call = {
    annotations: evaluation.annotations,
    place: evaluation.place(argument),
    rangeMs: range.rangeMs,
    modifier: range.modifier,
    typeLabels: evaluation.settings.typeLabels,
  };
  if (node.name === 'quantile_over_time') warnQuantile(node, scalars[0], evaluation);
  const fill = rowFiller(node.name, range, call);
  for (const series of range.series) {
    const isPlain = series.histograms === undefined && series.startTimesMs === undefined;
    if (fill !== undefined && isPlain) {
      const widest = fill(series, builder.openRow());
      budget.hold(widest);
      budget.release(widest);
    } else await runOnSeries(series, range, grid, { run, call, scalars, builder, evaluation });
    const keeps = KEEPS_NAME.has(node.name);
    budget.holdRow(builder.endRow(series.labels, keeps ? series.dropsName : true), grid.steps);
    if (budget.turnIsOver(series.timesMs.length + grid.steps)) await budget.giveTurn();
  }
  const columns = builder.finish();
  return KEEPS_NAME.has(node.name) ? columns : loseNames(columns, evaluation);
}

/** Fills the row of a series of plain numbers, and gives the largest number of samples in a window. */
type RowFiller = (series: RangeSeries, into: RowCells) => number;

/** The way to fill a row in one loop, for the functions that have one. */
function rowFiller(
  name: string,
  range: RangeVector,
  call: Omit<RangeCall, 'scalars'>,
): RowFiller | undefined {
  if (range.modifier !== undefined) return undefined;
  const change = CHANGES.get(name);
  if (change !== undefined) {
    return (series, into) => {
      const widest = fillChanges(series, { ...range, ...change }, into);
      if (change.isCounter && widest > 0) noteNonCounter({ series }, call);
      return widest;
    };
  }
  const extreme = EXTREMES.get(name);
  if (extreme !== undefined) return (series, into) => fillExtremes(series, range, extreme, into);
  if (!COUNTS.has(name)) return undefined;
  const happens = COUNTS.get(name);
  return (series, into) => fillCounts(series, range, happens, into);
}

/** Says that a quantile is outside of 0 to 1. */
function warnQuantile(
  node: Call,
  quantiles: Float64Array | undefined,
  evaluation: Evaluation,
): void {
  const [argument] = node.args;
  for (const q of quantiles ?? []) {
    if (q >= 0 && q <= 1) continue;
    warnQuantileValue(q, argument ?? node, evaluation);
  }
}

/** Says that one quantile is outside of 0 to 1. */
export function warnQuantileValue(q: number, node: Expression, evaluation: Evaluation): void {
  evaluation.annotations.warn(
    `quantile value should be between 0 and 1, got ${printGeneral(q)}`,
    evaluation.place(node),
  );
}

interface Run {
  readonly run: RangeFunction;
  readonly call: Omit<RangeCall, 'scalars'>;
  readonly scalars: readonly Float64Array[];
  readonly builder: ColumnsBuilder;
  readonly evaluation: Evaluation;
}

async function runOnSeries(
  series: RangeSeries,
  range: RangeVector,
  grid: Grid,
  { run, call, scalars, builder, evaluation: { budget } }: Run,
): Promise<void> {
  const { timesMs } = series;
  const { untilMs, rangeMs, reachBeforeMs, reachAfterMs } = range;
  const constant = scalars.length === 0 ? { ...call, scalars: [] } : undefined;
  const window: Window = { series, from: 0, to: 0, afterMs: 0, untilMs: 0, atMs: 0 };
  let widest = 0;
  for (let step = 0; step < grid.steps; step++) {
    window.untilMs = untilMs[step] ?? 0;
    window.afterMs = window.untilMs - rangeMs;
    window.atMs = timeAt(grid, step);
    const beyond = window.untilMs + reachAfterMs;
    const before = window.afterMs - reachBeforeMs;
    while (window.to < timesMs.length && (timesMs[window.to] ?? 0) <= beyond) window.to++;
    while (window.from < window.to && (timesMs[window.from] ?? 0) <= before) window.from++;
    if (window.from === window.to) continue;
    widest = Math.max(widest, window.to - window.from);
    const atStep = constant ?? { ...call, scalars: scalars.map((values) => values[step] ?? 0) };
    const result = run(window, atStep);
    if (typeof result === 'number') builder.setFloat(step, result);
    else if (result !== undefined) builder.setHistogram(step, result);
    // The time of one window is bounded by its samples; the clock is read after every few of them.
    if ((step & 63) === 63 && budget.turnIsOver()) await budget.giveTurn();
  }
  budget.hold(widest);
  budget.release(widest);
}

function isRange(node: Expression): boolean {
  const { kind } = unwrap(node);
  return kind === 'range-selector' || kind === 'subquery';
}

function checkModifier(name: string, bounds: 'plain' | 'anchored' | 'smoothed'): void {
  if (bounds === 'plain') return;
  const allowed = bounds === 'anchored' ? ANCHORED : SMOOTHED;
  if (allowed.includes(name)) return;
  throw new EvaluationError(
    `${bounds} modifier can only be used with: ${allowed.join(', ')} - not with ${name}`,
  );
}
