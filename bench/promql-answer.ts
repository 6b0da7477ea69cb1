/** The encoder of query answers: bytes per second of processor time, and a plain writer beside it. */
import { answerChunks } from '../src/promql/answer/answer.ts';
import { ColumnsBuilder } from '../src/promql/evaluate/columns.ts';
import type { QueryResult } from '../src/promql/evaluate/engine.ts';
import { LabelTable } from '../src/promql/evaluate/labels.ts';
import { ratio, table } from './report.ts';
import { median } from './statistics.ts';

export interface AnswerFigures {
  readonly name: string;
  readonly bytes: number;
  readonly cpuMs: number;
  /** CPU time of an answer of objects and `JSON.stringify`. */
  readonly plainMs: number;
}

const STEPS = 480;
const SERIES = 2_000;
const GOAL = 200;

/** The values of a case, by the number of the sample. */
const CASES: Readonly<Record<string, (at: number) => number>> = {
  'counts: integers of 7 digits': (at) => (at * 7919) % 10_000_000,
  'gauges: three decimals': (at) => ((at * 7919) % 1_000_000) / 1000,
  'rates: 16 digits': (at) => ((at * 7919) % 1_000_000) / 285.7,
};

/** Encodes answers of 2,000 series x 480 steps, and of 100,000 series with one value each. */
export function measureAnswers(rounds: number): readonly AnswerFigures[] {
  const figures = Object.entries(CASES).map(([name, valueAt]) =>
    measure(name, resultOf(SERIES, STEPS, valueAt), rounds),
  );
  const instant = resultOf(100_000, 1, (at) => at / 7);
  return [...figures, measure('instant, 100,000 series', instant, rounds)];
}

function measure(name: string, result: QueryResult, rounds: number): AnswerFigures {
  let bytes = 0;
  const encode = () => {
    bytes = 0;
    for (const chunk of answerChunks(result)) bytes += chunk.length;
  };
  encode();
  encode();
  const cpuMs = median(Array.from({ length: rounds }, () => cpuOf(encode)));
  const plainMs = median(Array.from({ length: 3 }, () => cpuOf(() => plain(result))));
  return { name, bytes, cpuMs, plainMs };
}

function cpuOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function resultOf(series: number, steps: number, valueAt: (at: number) => number): QueryResult {
  const labels = new LabelTable();
  const builder = new ColumnsBuilder(steps, series);
  for (let row = 0; row < series; row++) {
    builder.openRow();
    for (let step = 0; step < steps; step++) builder.setFloat(step, valueAt(row * steps + step));
    const own = { job: `job-${row % 20}`, instance: `10.0.${row >> 8}.${row & 255}:9100` };
    builder.endRow(labels.of(Object.entries({ ...own, row: String(row) })), false);
  }
  const grid = { startMs: 1_700_000_000_123, stepMs: steps === 1 ? 0 : 15_000, steps };
  const value = { type: 'vector', columns: builder.finish() } as const;
  return { value, grid, warnings: [], infos: [], peakSamples: 0, samplesRead: 0 };
}

/** What is written without thinking of speed. */
function plain({ value, grid }: QueryResult): string {
  if (value.type !== 'vector') throw new Error('the cases are vectors');
  const { columns } = value;
  return JSON.stringify(
    columns.labels.map(({ names, values }, row) => ({
      metric: Object.fromEntries(names.map((name, at) => [name, values[at]])),
      values: Array.from({ length: columns.steps }, (_, step) => [
        (grid.startMs + step * grid.stepMs) / 1000,
        String(columns.values[row * columns.steps + step]),
      ]),
    })),
  );
}

export function answerTable(figures: readonly AnswerFigures[]): string {
  return table([
    ['answer', 'size', 'MB/s', 'goal', 'JSON.stringify : promgate'],
    ...figures.map(({ name, bytes, cpuMs, plainMs }) => [
      name,
      `${(bytes / 1e6).toFixed(1)} MB`,
      (bytes / 1e3 / cpuMs).toFixed(0),
      String(GOAL),
      ratio(plainMs / cpuMs),
    ]),
  ]);
}
