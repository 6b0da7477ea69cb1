/**
 * The value of a query as lines of text.
 */

import { ABSENT, FLOAT, histogramAt, timeAt } from '../evaluate/columns.ts';
import type { QueryResult } from '../evaluate/engine.ts';
import { writeSeries } from '../evaluate/write-labels.ts';
import { printHistogram } from '../evaluate/write-values.ts';
import { printNumber } from '../literal/number.ts';

/**
 * One line for each sample: series, value, and the time in seconds where a query has several steps.
 *
 * @returns lines without their ends, in the order of the result
 */
export function writeResult({ value, grid }: QueryResult): string[] {
  const time = (timeMs: number) => ` @ ${timeMs / 1000}`;
  const atStep = (step: number) => (grid.steps === 1 ? '' : time(timeAt(grid, step)));
  switch (value.type) {
    case 'string':
      return [value.value];
    case 'scalar':
      return Array.from(value.values, (number, step) => printNumber(number) + atStep(step));
    case 'matrix':
      return value.series.flatMap(({ labels, timesMs, values }) =>
        values.map((one, at) => {
          const text = typeof one === 'number' ? printNumber(one) : printHistogram(one);
          return `${writeSeries(labels)} ${text}${time(timesMs[at] ?? 0)}`;
        }),
      );
    case 'vector': {
      const { columns } = value;
      return columns.labels.flatMap((labels, row) =>
        Array.from({ length: columns.steps }, (_, step) => {
          const cell = row * columns.steps + step;
          if (columns.kinds[cell] === ABSENT) return [];
          const text =
            columns.kinds[cell] === FLOAT
              ? printNumber(columns.values[cell] ?? 0)
              : printHistogram(histogramAt(columns, cell));
          return [`${writeSeries(labels)} ${text}${atStep(step)}`];
        }).flat(),
      );
    }
  }
}
