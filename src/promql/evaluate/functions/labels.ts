/**
 * Functions that change or order by labels: `label_replace label_join sort sort_desc sort_by_label sort_by_label_desc`.
 */
import { type Columns, FLOAT, type Grid } from '../columns.ts';
import type { Evaluation } from '../evaluation.ts';
import { EvaluationError } from '../failure.ts';
import { compareLabels, type Labels, labelValue, METRIC_NAME } from '../labels.ts';
import { compileRegex, expandTemplate, matchGroups } from '../regex.ts';
import { joinEqualSeries, labelsAt, pickRows } from '../rows.ts';
import { sortInTurns } from '../sort.ts';
import { argument, textArgument, type VectorFunction } from './vector-call.ts';

/** A name of a label may be any text that is UTF-8 and not empty. */
function isLabelName(name: string): boolean {
  return name !== '' && !/[\ud800-\udfff]/u.test(name);
}

/** Sets a label from what a regular expression finds in another one; series that do not match stay as they are. */
const labelReplace: VectorFunction = async (node, grid, evaluation) => {
  const [target, template, source, expression] = [1, 2, 3, 4].map((at) => textArgument(node, at));
  const name = target ?? '';
  let compiled: ReturnType<typeof compileRegex>;
  try {
    compiled = compileRegex(expression ?? '');
  } catch (cause) {
    throw new EvaluationError(
      `invalid regular expression in label_replace(): ${expression ?? ''}`,
      'execution',
      { cause },
    );
  }
  if (!isLabelName(name)) {
    throw new EvaluationError(`invalid destination label name in label_replace(): ${name}`);
  }
  const columns = await evaluation.vector(argument(node, 0), grid);
  const replace = (value: string) => {
    const groups = matchGroups(compiled, value);
    return groups === undefined ? undefined : expandTemplate(template ?? '', groups);
  };
  return relabel(columns, name, evaluation, remembering(replace, source ?? ''));
};

/** So many values of a label are remembered with what they become. */
const REMEMBERED = 10_000;

/** Many series share the values of a label, and an expression takes far longer than looking up what it gave before. */
function remembering(
  replace: (value: string) => string | undefined,
  source: string,
): (labels: Labels) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (labels) => {
    const value = labelValue(labels, source);
    const before = known.get(value);
    if (before !== undefined || known.has(value)) return before;
    const made = replace(value);
    if (known.size < REMEMBERED) known.set(value, made);
    return made;
  };
}

/** Sets a label to the values of others, joined by a separator. */
const labelJoin: VectorFunction = async (node, grid, evaluation) => {
  const [name, separator, ...sources] = node.args
    .slice(1)
    .map((_, at) => textArgument(node, at + 1));
  const wrong = sources.find((source) => !isLabelName(source));
  if (wrong !== undefined) {
    throw new EvaluationError(`invalid source label name in label_join(): ${wrong}`);
  }
  if (!isLabelName(name ?? '')) {
    throw new EvaluationError(`invalid destination label name in label_join(): ${name ?? ''}`);
  }
  const columns = await evaluation.vector(argument(node, 0), grid);
  return relabel(columns, name ?? '', evaluation, (labels) =>
    sources.map((source) => labelValue(labels, source)).join(separator ?? ''),
  );
};

/** Sets one label of each series; a series that gets a new name keeps that name. */
async function relabel(
  columns: Columns,
  name: string,
  evaluation: Evaluation,
  newValue: (labels: Labels) => string | undefined,
): Promise<Columns> {
  const { budget } = evaluation;
  const dropsName = Uint8Array.from(columns.dropsName);
  const labels: Labels[] = [];
  for (const [row, series] of columns.labels.entries()) {
    const value = newValue(series);
    if (value !== undefined && name === METRIC_NAME) dropsName[row] = 0;
    labels.push(value === undefined ? series : evaluation.labels.set(series, [[name, value]]));
    if (budget.turnIsOver()) await budget.giveTurn();
  }
  return joinEqualSeries({ ...columns, labels, dropsName }, budget);
}

/** Orders an instant query's result by value; NaN comes last. Range results are always ordered by labels. */
function sortBy(sign: 1 | -1): VectorFunction {
  return async (node, grid, evaluation) => {
    const columns = await evaluation.vector(argument(node, 0), grid);
    if (!isInstant(grid, evaluation)) return warnIneffective(node, columns, evaluation);
    const rows = columns.labels.map((_, row) => row).filter((row) => columns.kinds[row] === FLOAT);
    const value = (row: number) => columns.values[row] ?? 0;
    const order = (a: number, b: number) => {
      const nan = Number(Number.isNaN(value(a))) - Number(Number.isNaN(value(b)));
      if (nan !== 0 || Number.isNaN(value(a))) return nan;
      return value(a) === value(b) ? 0 : value(a) < value(b) ? -sign : sign;
    };
    return pickRows(columns, await sortInTurns(rows, order, evaluation.budget), evaluation.budget);
  };
}

/** Orders an instant query's result by some labels in natural order, then by all labels. */
function sortByLabel(sign: 1 | -1): VectorFunction {
  return async (node, grid, evaluation) => {
    const columns = await evaluation.vector(argument(node, 0), grid);
    if (!isInstant(grid, evaluation)) return warnIneffective(node, columns, evaluation);
    const names = node.args.slice(1).map((_, at) => textArgument(node, at + 1));
    const rows = columns.labels.map((_, row) => row);
    const order = (a: number, b: number) => {
      const [left, right] = [labelsAt(columns, a), labelsAt(columns, b)];
      for (const name of names) {
        const order = compareNaturally(labelValue(left, name), labelValue(right, name));
        if (order !== 0) return sign * order;
      }
      return sign * compareLabels(left, right);
    };
    return pickRows(columns, await sortInTurns(rows, order, evaluation.budget), evaluation.budget);
  };
}

function isInstant(_grid: Grid, { settings }: Evaluation): boolean {
  return settings.stepMs === 0;
}

function warnIneffective(
  node: Parameters<VectorFunction>[0],
  columns: Columns,
  evaluation: Evaluation,
): Columns {
  evaluation.annotations.warn(
    'sort is ineffective for range queries since results are always ordered by labels',
    evaluation.place(node),
  );
  return columns;
}

/** Orders texts so that numbers within them count as numbers: `a2` before `a10`. */
function compareNaturally(a: string, b: string): number {
  const left = a.match(/[0-9]+|[^0-9]+/g) ?? [];
  const right = b.match(/[0-9]+|[^0-9]+/g) ?? [];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [one = '', other = ''] = [left[at], right[at]];
    if (one === other) continue;
    if (/^[0-9]/.test(one) && /^[0-9]/.test(other)) {
      const [trimmed, otherTrimmed] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')];
      if (trimmed.length !== otherTrimmed.length) return trimmed.length - otherTrimmed.length;
      if (trimmed !== otherTrimmed) return trimmed < otherTrimmed ? -1 : 1;
      return one.length - other.length;
    }
    return one < other ? -1 : 1;
  }
  return left.length - right.length;
}

/** These functions by their names. */
export const LABEL_FUNCTIONS: ReadonlyMap<string, VectorFunction> = new Map([
  ['label_replace', labelReplace],
  ['label_join', labelJoin],
  ['sort', sortBy(1)],
  ['sort_desc', sortBy(-1)],
  ['sort_by_label', sortByLabel(1)],
  ['sort_by_label_desc', sortByLabel(-1)],
]);
