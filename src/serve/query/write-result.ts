/**
 * The value of a query as the JSON of Prometheus' API.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
 */
import {
  ABSENT,
  type Columns,
  FLOAT,
  type Grid,
  histogramAt,
  timeAt,
} from '../../promql/evaluate/columns.ts';
import type { QueryResult } from '../../promql/evaluate/engine.ts';
import { bucketRanges, CUSTOM_SCHEMA, type Histogram } from '../../promql/evaluate/histogram.ts';
import type { Labels } from '../../promql/evaluate/labels.ts';
import type { SampleSeries } from '../../promql/evaluate/range-result.ts';
import { printNumber } from '../../promql/literal/number.ts';

/** The JSON of `data`, without its closing brace, so that `stats` may follow. */
export function* writeResult({ value, grid }: QueryResult, limit: number): Generator<string> {
  const isInstant = grid.stepMs === 0;
  const most = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  switch (value.type) {
    case 'string': {
      const text = JSON.stringify(value.value.toWellFormed());
      yield `{"resultType":"string","result":[${secondsOf(grid.startMs)},${text}]`;
      return;
    }
    case 'scalar':
      if (isInstant) {
        const one = numberSample(grid.startMs, value.values[0] ?? 0);
        yield `{"resultType":"scalar","result":${one}`;
      } else {
        const all = Array.from(value.values, (one, step) => numberSample(timeAt(grid, step), one));
        yield `{"resultType":"matrix","result":[{"metric":{},"values":[${all.join(',')}]}]`;
      }
      return;
    case 'matrix':
      yield* list('matrix', value.series.slice(0, most), writeSamples);
      return;
    case 'vector':
      if (isInstant)
        yield* list('vector', rowsOf(value.columns, most), pointWriter(value.columns, grid));
      else yield* list('matrix', rowsOf(value.columns, most), rowWriter(value.columns, grid));
  }
}

/** How many series a value has. */
export function seriesCount({ value }: QueryResult): number {
  if (value.type === 'matrix') return value.series.length;
  return value.type === 'vector' ? rowsOf(value.columns, Number.POSITIVE_INFINITY).length : 1;
}

function* list<T>(type: string, items: Iterable<T>, write: (item: T) => string): Generator<string> {
  yield `{"resultType":"${type}","result":[`;
  let before = '';
  for (const item of items) {
    yield before + write(item);
    before = ',';
  }
  yield ']';
}

/** The rows that have a sample. */
function rowsOf({ labels, kinds, steps }: Columns, most: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < labels.length && rows.length < most; row++) {
    const cells = kinds.subarray(row * steps, (row + 1) * steps);
    if (cells.some((kind) => kind !== ABSENT)) rows.push(row);
  }
  return rows;
}

function pointWriter(columns: Columns, grid: Grid): (row: number) => string {
  return (row) => {
    const metric = writeMetric(columns.labels[row]!);
    return columns.kinds[row] === FLOAT
      ? `{"metric":${metric},"value":${numberSample(grid.startMs, columns.values[row]!)}}`
      : `{"metric":${metric},"histogram":${histogramSample(grid.startMs, histogramAt(columns, row))}}`;
  };
}

function rowWriter(columns: Columns, grid: Grid): (row: number) => string {
  const { steps, kinds, values } = columns;
  return (row) => {
    const numbers: string[] = [];
    const histograms: string[] = [];
    for (let step = 0; step < steps; step++) {
      const cell = row * steps + step;
      if (kinds[cell] === ABSENT) continue;
      const timeMs = timeAt(grid, step);
      if (kinds[cell] === FLOAT) numbers.push(numberSample(timeMs, values[cell]!));
      else histograms.push(histogramSample(timeMs, histogramAt(columns, cell)));
    }
    return writeLists(columns.labels[row]!, numbers, histograms);
  };
}

function writeSamples({ labels, timesMs, values }: SampleSeries): string {
  const numbers: string[] = [];
  const histograms: string[] = [];
  for (const [at, value] of values.entries()) {
    const timeMs = timesMs[at]!;
    if (typeof value === 'number') numbers.push(numberSample(timeMs, value));
    else histograms.push(histogramSample(timeMs, value));
  }
  return writeLists(labels, numbers, histograms);
}

function writeLists(labels: Labels, numbers: string[], histograms: string[]): string {
  const values = numbers.length > 0 ? `,"values":[${numbers.join(',')}]` : '';
  const more = histograms.length > 0 ? `,"histograms":[${histograms.join(',')}]` : '';
  return `{"metric":${writeMetric(labels)}${values}${more}}`;
}

function writeMetric({ names, values }: Labels): string {
  const pairs = names.map((name, at) => `${text(name)}:${text(values[at] ?? '')}`);
  return `{${pairs.join(',')}}`;
}

function text(of: string): string {
  return JSON.stringify(of.toWellFormed());
}

/** Seconds with three decimals unless the time is whole. */
export function secondsOf(timeMs: number): string {
  const rest = Math.abs(timeMs % 1000);
  if (rest === 0) return String(timeMs / 1000);
  const whole = Math.trunc(timeMs / 1000);
  const sign = timeMs < 0 && whole === 0 ? '-' : '';
  return `${sign}${whole}.${String(rest).padStart(3, '0')}`;
}

function numberSample(timeMs: number, value: number): string {
  return `[${secondsOf(timeMs)},"${jsonNumber(value)}"]`;
}

/** A value as Go prints it in JSON: with an exponent below 1e-6 and from 1e21 on. */
export function jsonNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-6 && size < 1e21) || !Number.isFinite(value)) {
    return printNumber(value);
  }
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

function histogramSample(timeMs: number, histogram: Histogram): string {
  const { count, sum, schema } = histogram;
  const buckets = bucketRanges(histogram).map(({ lower, upper, count: own }) => {
    const rule = boundaryRule(lower, upper, schema);
    return `[${rule},"${jsonNumber(lower)}","${jsonNumber(upper)}","${jsonNumber(own)}"]`;
  });
  const list = buckets.length === 0 ? '' : `,"buckets":[${buckets.join(',')}]`;
  return `[${secondsOf(timeMs)},{"count":"${jsonNumber(count)}","sum":"${jsonNumber(sum)}"${list}}]`;
}

/** 0 `(a, b]`, 1 `[a, b)`, 2 `(a, b)`, 3 `[a, b]`. */
function boundaryRule(lower: number, upper: number, schema: number): 0 | 1 | 3 {
  if (schema === CUSTOM_SCHEMA) return lower === -Infinity ? 0 : 0;
  if (lower < 0 && upper > 0) return 3;
  if (lower === 0 && upper === 0) return 3;
  return upper <= 0 && lower < 0 ? 1 : 0;
}
