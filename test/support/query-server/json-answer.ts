/** Answers of Prometheus' query API. */

import { ABSENT, FLOAT, histogramAt, timeAt } from '../../../src/promql/evaluate/columns.ts';
import type { QueryResult } from '../../../src/promql/evaluate/engine.ts';
import { bucketRanges, type Histogram } from '../../../src/promql/evaluate/histogram.ts';
import type { Labels } from '../../../src/promql/evaluate/labels.ts';

/** The `data` of an answer. */
export function answerData({ value, grid }: QueryResult): string {
  const isRange = grid.stepMs > 0;
  switch (value.type) {
    case 'string':
      return result('string', `[${seconds(grid.startMs)},${JSON.stringify(value.value)}]`);
    case 'scalar': {
      const points = Array.from(value.values, (one, step) => point(timeAt(grid, step), one));
      if (!isRange) return result('scalar', points[0]!);
      return result('matrix', `[{"metric":{},"values":[${points.join()}]}]`);
    }
    case 'matrix':
      return result(
        'matrix',
        `[${value.series.map(({ labels, timesMs, values }) =>
          series(
            labels,
            values.map((one, at) => [timesMs[at]!, one]),
          ),
        )}]`,
      );
    case 'vector': {
      const { columns } = value;
      const all = columns.labels.map((labels, row) => {
        const samples = Array.from({ length: columns.steps }, (_, step) => {
          const cell = row * columns.steps + step;
          const kind = columns.kinds[cell];
          if (kind === ABSENT) return [];
          const one = kind === FLOAT ? columns.values[cell]! : histogramAt(columns, cell);
          return [[timeAt(grid, step), one] as const];
        }).flat();
        if (isRange) return series(labels, samples);
        const [timeMs, one] = samples[0]!;
        const name = typeof one === 'number' ? 'value' : 'histogram';
        return `{"metric":${metric(labels)},"${name}":${point(timeMs, one)}}`;
      });
      return result(isRange ? 'matrix' : 'vector', `[${all.join()}]`);
    }
  }
}

function result(type: string, value: string): string {
  return `{"resultType":"${type}","result":${value}}`;
}

function series(
  labels: Labels,
  samples: readonly (readonly [number, number | Histogram])[],
): string {
  const parts = (['number', 'object'] as const).flatMap((kind) => {
    const points = samples
      .filter(([, one]) => typeof one === kind)
      .map(([timeMs, one]) => point(timeMs, one));
    if (points.length === 0) return [];
    return [`"${kind === 'number' ? 'values' : 'histograms'}":[${points.join()}]`];
  });
  return `{"metric":${metric(labels)},${parts.join()}}`;
}

function metric({ names, values }: Labels): string {
  return JSON.stringify(Object.fromEntries(names.map((name, at) => [name, values[at]])));
}

function point(timeMs: number, value: number | Histogram): string {
  const text = typeof value === 'number' ? `"${goNumber(value)}"` : histogramText(value);
  return `[${seconds(timeMs)},${text}]`;
}

function seconds(timeMs: number): string {
  const sign = timeMs < 0 ? '-' : '';
  const whole = Math.floor(Math.abs(timeMs) / 1000);
  const rest = Math.abs(timeMs) % 1000;
  return `${sign}${whole}${rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`}`;
}

function histogramText(histogram: Histogram): string {
  const buckets = bucketRanges(histogram)
    .filter(({ count }) => count !== 0)
    .map(({ lower, upper, count }) => {
      const rule = lower < 0 && upper > 0 && lower === -upper ? 3 : upper <= 0 ? 1 : 0;
      return `[${rule},"${goNumber(lower)}","${goNumber(upper)}","${goNumber(count)}"]`;
    });
  const list = buckets.length === 0 ? '' : `,"buckets":[${buckets.join()}]`;
  return `{"count":"${goNumber(histogram.count)}","sum":"${goNumber(histogram.sum)}"${list}}`;
}

/** A number as Go prints it: with an exponent of two digits below 1e-6 and from 1e21 on. */
function goNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}
