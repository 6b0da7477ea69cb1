/**
 * `info`: adds the labels of info series to series of the same instance and job.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#info
 */
import type { Expression, Matcher } from '../../tree.ts';
import { ABSENT, type Columns, ColumnsBuilder, type Grid, timeAt } from '../columns.ts';
import { durationMs } from '../duration.ts';
import { type Evaluation, unwrap } from '../evaluation.ts';
import { EvaluationError } from '../failure.ts';
import { type Labels, labelValue, METRIC_NAME } from '../labels.ts';
import { type LoadedSeries, loadSeries } from '../load.ts';
import { type CompiledMatcher, compileMatcher } from '../match.ts';
import { joinEqualSeries, labelsAt } from '../rows.ts';
import { referenceMs } from '../times.ts';
import { printLabels } from '../write-labels.ts';
import { argument, type VectorFunction } from './vector-call.ts';

/** The labels by which a series finds its info series. */
const IDENTIFYING = ['instance', 'job'];
const IDENTIFYING_SET: ReadonlySet<string> = new Set(IDENTIFYING);
/** At most this many values are handed to the storage as alternatives. */
const MAX_ALTERNATIVES = 1000;

/** What the second argument asks for. */
interface Wish {
  readonly matchers: readonly Matcher[];
  readonly names: readonly CompiledMatcher[];
  /** The labels to add; undefined for all. */
  readonly labels: ReadonlySet<string> | undefined;
  /** Whether a series without any info series stays. */
  readonly optional: boolean;
}

/** The call of `info`. */
export const info: VectorFunction = async (node, grid, evaluation) => {
  const base = argument(node, 0);
  const columns = await evaluation.vector(base, grid);
  const wish = wishOf(node.args[1] === undefined ? undefined : unwrap(node.args[1]));
  const series = await infoSeries(columns, wish, base, grid, evaluation);
  const found = await newestInfo(series, base, grid, evaluation);
  const builder = new ColumnsBuilder(grid.steps, columns.labels.length);
  for (let row = 0; row < columns.labels.length; row++) {
    enrichRow(columns, row, wish, found, { builder, evaluation });
    if (evaluation.budget.turnIsOver()) await evaluation.budget.giveTurn();
  }
  return joinEqualSeries(builder.finish(), evaluation.budget);
};

function wishOf(selector: Expression | undefined): Wish {
  const given = selector?.kind === 'vector-selector' ? selector.matchers : [];
  const names = given.filter(({ name }) => name === METRIC_NAME);
  const data = given.filter(({ name }) => name !== METRIC_NAME);
  const positive = names.some(({ op }) => op === '=' || op === '=~');
  if (names.length === 0) names.push({ name: METRIC_NAME, op: '=', value: 'target_info' });
  else if (!positive) names.push({ name: METRIC_NAME, op: '=~', value: '.+_info' });
  return {
    matchers: [...names, ...data],
    names: names.map(compileMatcher),
    labels: data.length === 0 ? undefined : new Set(data.map(({ name }) => name)),
    optional: data.map(compileMatcher).every(({ matches }) => matches('')),
  };
}

/** An info series is not enriched itself. */
function isInfo(labels: Labels, { names }: Wish): boolean {
  const name = labelValue(labels, METRIC_NAME);
  return names.every(({ matches }) => matches(name));
}

async function infoSeries(
  columns: Columns,
  wish: Wish,
  base: Expression,
  grid: Grid,
  evaluation: Evaluation,
): Promise<readonly LoadedSeries[]> {
  const { settings } = evaluation;
  const matchers = [...wish.matchers];
  const rows = columns.labels.filter((series) => !isInfo(series, wish));
  let identified = false;
  for (const name of IDENTIFYING) {
    const values = new Set(rows.map((series) => labelValue(series, name)));
    if ([...values].some((value) => value !== '')) identified = true;
    if (values.size > MAX_ALTERNATIVES) continue;
    const value = [...values].map(quoteRegex).join('|');
    matchers.push({ name, op: '=~', value });
  }
  if (!identified || grid.steps === 0) return [];
  const times = [0, grid.steps - 1].map((step) => infoTime(base, timeAt(grid, step), evaluation));
  const range = {
    afterMs: Math.min(...times) - settings.lookbackMs,
    untilMs: Math.max(...times),
  };
  const hints = { function: 'info', stepMs: grid.steps === 1 ? 0 : grid.stepMs, rangeMs: 0 };
  return loadSeries({ matchers, range, hints, statsOnly: false }, evaluation);
}

function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/** The time at which the first selector of an expression reads its samples. */
function infoTime(node: Expression, atMs: number, evaluation: Evaluation): number {
  const inner = unwrap(node);
  const { query, settings } = evaluation;
  const shifted = (by: Pick<Extract<Expression, { kind: 'subquery' }>, 'at' | 'offset'>) =>
    referenceMs(atMs, by.at, durationMs(by.offset, 'offset', query, settings), settings);
  switch (inner.kind) {
    case 'vector-selector':
      return shifted(inner);
    case 'range-selector':
      return shifted(inner.selector);
    case 'subquery':
      return infoTime(inner.expr, shifted(inner), evaluation);
    case 'unary':
      return infoTime(inner.expr, atMs, evaluation);
    case 'aggregation':
      return infoTime(inner.expr, atMs, evaluation);
    case 'binary':
      return infoTime(hasSelector(inner.left) ? inner.left : inner.right, atMs, evaluation);
    case 'call': {
      const arg = inner.args.find(hasSelector);
      return arg === undefined ? atMs : infoTime(arg, atMs, evaluation);
    }
    default:
      return atMs;
  }
}

function hasSelector(node: Expression): boolean {
  const inner = unwrap(node);
  switch (inner.kind) {
    case 'number':
    case 'string':
      return false;
    case 'call':
      return inner.args.some(hasSelector);
    case 'binary':
      return hasSelector(inner.left) || hasSelector(inner.right);
    case 'unary':
    case 'aggregation':
      return hasSelector(inner.expr);
    default:
      return true;
  }
}

/** One info series at one step. */
interface Found {
  readonly labels: Labels;
  readonly timeMs: number;
}

/** By the identifying labels, then by step, then by metric: the info series with the newest sample. */
type InfoByIdentity = Map<Labels, Map<string, Found>[]>;

async function newestInfo(
  series: readonly LoadedSeries[],
  base: Expression,
  grid: Grid,
  evaluation: Evaluation,
): Promise<InfoByIdentity> {
  const { settings, labels: table } = evaluation;
  const found: InfoByIdentity = new Map();
  const times = Array.from({ length: grid.steps }, (_, step) =>
    infoTime(base, timeAt(grid, step), evaluation),
  );
  for (const { labels, block, stale } of series) {
    const key = table.keep(labels, IDENTIFYING_SET);
    let steps = found.get(key);
    if (steps === undefined) {
      steps = times.map(() => new Map());
      found.set(key, steps);
    }
    const name = labelValue(labels, METRIC_NAME);
    let next = 0;
    for (const [step, reference] of times.entries()) {
      while (next < block.timesMs.length && (block.timesMs[next] ?? 0) <= reference) next++;
      const timeMs = block.timesMs[next - 1];
      if (timeMs === undefined || timeMs <= reference - settings.lookbackMs) continue;
      if (stale?.[next - 1] === 1) continue;
      if (block.histograms?.[next - 1] !== undefined) {
        throw new EvaluationError(
          `this should be an info metric, with float samples: ${printLabels(labels)}`,
        );
      }
      takeNewest(steps[step] ?? new Map(), name, { labels, timeMs });
    }
    if (evaluation.budget.turnIsOver()) await evaluation.budget.giveTurn();
  }
  return found;
}

function takeNewest(byName: Map<string, Found>, name: string, one: Found): void {
  const known = byName.get(name);
  if (known !== undefined && known.timeMs === one.timeMs) {
    throw new EvaluationError(
      `found duplicate series for info metric: existing ${printLabels(known.labels)} @ ${known.timeMs}, ` +
        `new ${printLabels(one.labels)} @ ${one.timeMs}`,
    );
  }
  if (known === undefined || known.timeMs < one.timeMs) byName.set(name, one);
}

function enrichRow(
  columns: Columns,
  row: number,
  wish: Wish,
  found: InfoByIdentity,
  { builder, evaluation }: { readonly builder: ColumnsBuilder; readonly evaluation: Evaluation },
): void {
  const labels = labelsAt(columns, row);
  const dropsName = columns.dropsName[row] === 1;
  const ignored = isInfo(labels, wish);
  const steps = found.get(evaluation.labels.keep(labels, IDENTIFYING_SET));
  const byResult = new Map<Labels, number[]>();
  for (let step = 0; step < columns.steps; step++) {
    if (columns.kinds[row * columns.steps + step] === ABSENT) continue;
    const infos = ignored ? undefined : steps?.[step];
    if (!ignored && (infos === undefined || infos.size === 0) && !wish.optional) continue;
    const result = infos === undefined ? labels : addLabels(labels, infos, wish, evaluation);
    const list = byResult.get(result);
    if (list === undefined) byResult.set(result, [step]);
    else list.push(step);
  }
  for (const [result, at] of byResult) {
    for (const step of at) builder.copyCell(step, columns, row * columns.steps + step);
    builder.endRow(result, dropsName);
  }
}

function addLabels(
  labels: Labels,
  infos: ReadonlyMap<string, Found>,
  wish: Wish,
  evaluation: Evaluation,
): Labels {
  const added = new Map<string, string>();
  for (const { labels: from } of infos.values()) {
    from.names.forEach((name, at) => {
      if (name === METRIC_NAME || IDENTIFYING_SET.has(name)) return;
      if (wish.labels !== undefined && !wish.labels.has(name)) return;
      if (labelValue(labels, name) !== '') return;
      const value = from.values[at] ?? '';
      const known = added.get(name);
      if (known !== undefined && known !== value) {
        throw new EvaluationError(`conflicting label: ${name}`);
      }
      added.set(name, value);
    });
  }
  return added.size === 0 ? labels : evaluation.labels.set(labels, added);
}
