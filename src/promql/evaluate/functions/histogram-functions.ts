/**
 * `histogram_quantile`, `histogram_quantiles` and `histogram_fraction`, of classic and of native histograms.
 */
import { printGeneral } from '../../literal/number.ts';
import { quoteText } from '../../literal/quote.ts';
import type { Call } from '../../tree.ts';
import { forMetric, type Place } from '../annotations.ts';
import { LABELS_WORK } from '../budget.ts';
import { ClassicBuckets } from '../classic-histogram.ts';
import {
  ABSENT,
  type Columns,
  ColumnsBuilder,
  FLOAT,
  type Grid,
  HISTOGRAM,
  histogramAt,
  timeAt,
} from '../columns.ts';
import type { Evaluation } from '../evaluation.ts';
import type { Histogram } from '../histogram.ts';
import { type Estimate, histogramFraction, histogramQuantile } from '../histogram-quantile.ts';
import { LabelIndex } from '../label-index.ts';
import { type Labels, labelValue, METRIC_NAME } from '../labels.ts';
import { compareNumbers } from '../quantile.ts';
import { warnQuantileValue } from '../range.ts';
import { joinEqualSeries, loseNames } from '../rows.ts';
import { argument, textArgument, type VectorFunction } from './vector-call.ts';

/** Computes one number from each histogram. */
interface Measure {
  /** Of a native histogram at a step. */
  readonly ofNative: (histogram: Histogram, step: number) => Estimate;
  /** Of classic buckets whose counts rise. */
  readonly ofClassic: (buckets: ClassicBuckets, step: number) => number;
  /** The label that the result gets, besides those of the histogram. */
  readonly label?: readonly [string, string];
}

const histogramQuantileCall: VectorFunction = async (node, grid, evaluation) => {
  const quantiles = await evaluation.scalar(argument(node, 0), grid);
  warnQuantiles(quantiles, argument(node, 0), evaluation);
  return measure(node, 1, grid, evaluation, [quantileMeasure(quantiles)]);
};

const histogramQuantilesCall: VectorFunction = async (node, grid, evaluation) => {
  const label = textArgument(node, 1);
  const measures: Measure[] = [];
  for (const arg of node.args.slice(2)) {
    const quantiles = await evaluation.scalar(arg, grid);
    warnQuantiles(quantiles, arg, evaluation);
    measures.push({ ...quantileMeasure(quantiles), label: [label, withPoint(quantiles[0] ?? 0)] });
  }
  return measure(node, 0, grid, evaluation, measures);
};

/** A number as OpenMetrics writes label values: never without a point or an exponent. */
function withPoint(value: number): string {
  const text = printGeneral(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function warnQuantiles(
  quantiles: Float64Array,
  node: Call['args'][number],
  evaluation: Evaluation,
): void {
  for (const q of quantiles) if (!(q >= 0 && q <= 1)) warnQuantileValue(q, node, evaluation);
}

function quantileMeasure(quantiles: Float64Array): Measure {
  const at = (step: number) => quantiles[step] ?? Number.NaN;
  return {
    ofNative: (histogram, step) => histogramQuantile(at(step), histogram),
    ofClassic: (buckets, step) => buckets.quantile(at(step)),
  };
}

const histogramFractionCall: VectorFunction = async (node, grid, evaluation) => {
  const lower = await evaluation.scalar(argument(node, 0), grid);
  const upper = await evaluation.scalar(argument(node, 1), grid);
  const ofNative = (histogram: Histogram, step: number) =>
    histogramFraction(lower[step] ?? Number.NaN, upper[step] ?? Number.NaN, histogram);
  const ofClassic = (buckets: ClassicBuckets, step: number) =>
    ofNative(buckets.toHistogram(), step).value;
  return measure(node, 2, grid, evaluation, [{ ofNative, ofClassic }]);
};

/** The rows of one histogram: native ones, and classic ones by their bounds. */
interface Family {
  readonly labels: Labels;
  readonly name: string;
  readonly rows: { readonly row: number; readonly upper: number }[];
  readonly native: number[];
}

async function measure(
  node: Call,
  at: number,
  grid: Grid,
  evaluation: Evaluation,
  measures: readonly Measure[],
): Promise<Columns> {
  const { budget, labels: table } = evaluation;
  const columns = await evaluation.vector(argument(node, at), grid);
  const place = evaluation.place(argument(node, at));
  const families = await familiesOf(columns, evaluation, place);
  const builder = new ColumnsBuilder(grid.steps, families.length * measures.length);
  for (const family of families) {
    for (const one of measures) {
      await measureFamily(columns, family, one, {
        grid,
        evaluation,
        builder,
        place,
        name: node.name,
      });
      const labels =
        one.label === undefined ? family.labels : table.set(family.labels, [one.label]);
      builder.endRow(labels, false);
    }
    if (budget.turnIsOver()) await budget.giveTurn();
  }
  return loseNames(await joinEqualSeries(builder.finish(), budget), evaluation);
}

const LE: ReadonlySet<string> = new Set(['le']);

async function familiesOf(
  columns: Columns,
  evaluation: Evaluation,
  place: Place,
): Promise<Family[]> {
  const { labels: table, budget } = evaluation;
  const index = new LabelIndex();
  const families: Family[] = [];
  for (const [row, labels] of columns.labels.entries()) {
    let hasFloats = false;
    let hasHistograms = false;
    for (let cell = row * columns.steps; cell < (row + 1) * columns.steps; cell++) {
      const kind = columns.kinds[cell];
      if (kind === FLOAT) hasFloats = true;
      else if (kind !== ABSENT) hasHistograms = true;
    }
    const name = labelValue(labels, METRIC_NAME);
    const add = (key: Labels): Family => {
      let family = families[index.get(key)];
      if (family === undefined) {
        family = { labels: key, name, rows: [], native: [] };
        index.set(key, families.length);
        families.push(family);
      }
      return family;
    };
    // A native histogram may have a label `le` of its own, which stays.
    if (hasHistograms) add(labels).native.push(row);
    if (budget.turnIsOver(columns.steps + LABELS_WORK)) await budget.giveTurn();
    if (!hasFloats) continue;
    const le = labelValue(labels, 'le');
    const upper = parseBound(le);
    if (upper === undefined) {
      evaluation.annotations.warn(
        `bucket label "le" is missing or has a malformed value of ${quoteText(le)}${forMetric(name)}`,
        place,
      );
      continue;
    }
    add(table.drop(labels, LE)).rows.push({ row, upper });
  }
  return families;
}

/** The bound that a label names, or undefined if the label is no number. */
export function parseBound(text: string): number | undefined {
  const plain = text.toLowerCase().replace(/^[+]/, '');
  if (plain === 'inf' || plain === 'infinity') return Infinity;
  if (plain === '-inf' || plain === '-infinity') return -Infinity;
  if (plain === 'nan') return Number.NaN;
  return /^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(plain) ? Number(plain) : undefined;
}

interface Target {
  readonly grid: Grid;
  readonly evaluation: Evaluation;
  readonly builder: ColumnsBuilder;
  readonly place: Place;
  readonly name: string;
}

async function measureFamily(
  columns: Columns,
  family: Family,
  one: Measure,
  target: Target,
): Promise<void> {
  const { grid, builder, evaluation, place } = target;
  const { budget } = evaluation;
  const { steps, kinds, values } = columns;
  const rows = family.rows.toSorted((a, b) => compareNumbers(a.upper, b.upper));
  const buckets = new ClassicBuckets(rows.length);
  for (let step = 0; step < steps; step++) {
    buckets.clear();
    for (let at = 0; at < rows.length; at++) {
      const { row, upper } = rows[at] ?? { row: 0, upper: 0 };
      const cell = row * steps + step;
      if (kinds[cell] === FLOAT) buckets.add(upper, values[cell] ?? 0);
    }
    const native =
      family.native.length === 0
        ? undefined
        : family.native.find((row) => kinds[row * steps + step] === HISTOGRAM);
    if (native !== undefined && buckets.length > 0) {
      evaluation.annotations.warn(
        `vector contains a mix of classic and native histograms${forMetric(family.name)}`,
        place,
      );
    } else if (native !== undefined) {
      const { value, nan } = one.ofNative(histogramAt(columns, native * steps + step), step);
      builder.setFloat(step, value);
      if (nan !== 'none') noteNan(nan, family.name, target);
    } else if (buckets.length > 0) {
      const repair = buckets.isComplete() ? buckets.forceRising() : undefined;
      if (repair !== undefined && target.name !== 'histogram_fraction') {
        const atMs = timeAt(grid, step);
        evaluation.annotations.repairedMonotonicity(family.name, place, repair, atMs);
      }
      builder.setFloat(step, one.ofClassic(buckets, step));
    }
    if ((step & 15) === 15 && budget.turnIsOver()) await budget.giveTurn();
  }
}

function noteNan(nan: Estimate['nan'], metric: string, { evaluation, place, name }: Target): void {
  const ends =
    nan === 'excluded'
      ? 'which are excluded from all fractions'
      : nan === 'undefined'
        ? 'result is NaN'
        : 'result is skewed higher';
  const called = name === 'histogram_fraction' ? name : 'histogram_quantile';
  evaluation.annotations.info(
    `input to ${called} has NaN observations, ${ends}${forMetric(metric)}`,
    place,
  );
}

/** These functions by their names. */
export const HISTOGRAM_FUNCTIONS: ReadonlyMap<string, VectorFunction> = new Map([
  ['histogram_quantile', histogramQuantileCall],
  ['histogram_quantiles', histogramQuantilesCall],
  ['histogram_fraction', histogramFractionCall],
]);
