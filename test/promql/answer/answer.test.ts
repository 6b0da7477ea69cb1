/** Answers: the bytes that Prometheus' API gives for the same result. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { answerChunks, type Envelope, inTurns } from '../../../src/promql/answer/answer.ts';
import { CHUNK_BYTES } from '../../../src/promql/answer/chunk-writer.ts';
import {
  ABSENT,
  ColumnsBuilder,
  FLOAT,
  type Grid,
  histogramAt,
} from '../../../src/promql/evaluate/columns.ts';
import type { QueryResult, QueryValue } from '../../../src/promql/evaluate/engine.ts';
import {
  CUSTOM_SCHEMA,
  denseBuckets,
  EMPTY_HISTOGRAM,
  type Histogram,
} from '../../../src/promql/evaluate/histogram.ts';
import { type Labels, LabelTable } from '../../../src/promql/evaluate/labels.ts';
import { printNumber } from '../../../src/promql/literal/number.ts';

const INSTANT: Grid = { startMs: 1_700_000_000_050, stepMs: 0, steps: 1 };
const table = new LabelTable();

function resultOf(value: QueryValue, grid: Grid, remarks: Partial<QueryResult> = {}): QueryResult {
  return { value, grid, warnings: [], infos: [], peakSamples: 0, samplesRead: 0, ...remarks };
}

function textOf(result: QueryResult, envelope?: Envelope): string {
  return Buffer.concat([...answerChunks(result, envelope)]).toString();
}

type Cell = number | Histogram | undefined;

function columnsOf(rows: readonly (readonly [labels: Labels, cells: readonly Cell[]])[]) {
  const builder = new ColumnsBuilder(rows[0]?.[1].length ?? 1, rows.length);
  for (const [labels, cells] of rows) {
    builder.openRow();
    cells.forEach((cell, step) => {
      if (typeof cell === 'number') builder.setFloat(step, cell);
      else if (cell !== undefined) builder.setHistogram(step, cell);
    });
    builder.endRow(labels, false);
  }
  return builder.finish();
}

function labels(pairs: Readonly<Record<string, string>>): Labels {
  return table.of(Object.entries(pairs));
}

const histogram: Histogram = {
  ...EMPTY_HISTOGRAM,
  count: 12,
  sum: -1.5,
  zeroThreshold: 0.001,
  zeroCount: 2,
  positive: denseBuckets(0, [4, 0, 3]),
  negative: denseBuckets(1, [1, 2]),
};
const custom: Histogram = {
  ...EMPTY_HISTOGRAM,
  schema: CUSTOM_SCHEMA,
  count: 3,
  sum: 5,
  customValues: [1, 2.5],
  positive: denseBuckets(0, [1, 1, 1]),
};

const HISTOGRAM_TEXT =
  '{"count":"12","sum":"-1.5","buckets":[[1,"-4","-2","2"],[1,"-2","-1","1"],' +
  '[3,"-0.001","0.001","2"],[0,"0.5","1","4"],[0,"2","4","3"]]}';
const CUSTOM_TEXT =
  '{"count":"3","sum":"5","buckets":[[3,"-Inf","1","1"],[0,"1","2.5","1"],[0,"2.5","+Inf","1"]]}';

const success = (data: string, rest = '') => `{"status":"success","data":{${data}}${rest}}`;

describe('the answer to a query', () => {
  it('a vector has the value or the histogram of each series', () => {
    const columns = columnsOf([
      [labels({ __name__: 'up', job: 'a "b" \\ é' }), [1]],
      [labels({}), [Number.NaN]],
      [labels({ of: 'h' }), [histogram]],
    ]);

    const text = textOf(resultOf({ type: 'vector', columns }, INSTANT));

    assert.equal(
      text,
      success(
        '"resultType":"vector","result":[' +
          '{"metric":{"__name__":"up","job":"a \\"b\\" \\\\ é"},"value":[1700000000.050,"1"]},' +
          '{"metric":{},"value":[1700000000.050,"NaN"]},' +
          `{"metric":{"of":"h"},"histogram":[1700000000.050,${HISTOGRAM_TEXT}]}]`,
      ),
    );
  });

  it('a matrix has the values and the histograms of each series apart', () => {
    const columns = columnsOf([
      [labels({ a: '1' }), [undefined, 0.5, 7]],
      [labels({ a: '2' }), [custom, 1, undefined]],
      [labels({ a: '3' }), [undefined, undefined, custom]],
    ]);
    const grid = { startMs: -1500, stepMs: 1500, steps: 3 };

    const text = textOf(resultOf({ type: 'vector', columns }, grid));

    assert.equal(
      text,
      success(
        '"resultType":"matrix","result":[' +
          '{"metric":{"a":"1"},"values":[[0,"0.5"],[1.500,"7"]]},' +
          `{"metric":{"a":"2"},"values":[[0,"1"]],"histograms":[[-1.500,${CUSTOM_TEXT}]]},` +
          `{"metric":{"a":"3"},"histograms":[[1.500,${CUSTOM_TEXT}]]}]`,
      ),
    );
  });

  it('a histogram without populated buckets has none', () => {
    const columns = columnsOf([[labels({}), [EMPTY_HISTOGRAM]]]);

    const text = textOf(resultOf({ type: 'vector', columns }, INSTANT));

    assert.match(text, /"histogram":\[1700000000\.050,\{"count":"0","sum":"0"\}\]/);
  });

  it('a scalar is one sample, and in a range query a series without labels', () => {
    const value: QueryValue = { type: 'scalar', values: Float64Array.of(2, 1e-7) };

    assert.equal(
      textOf(resultOf(value, INSTANT)),
      success('"resultType":"scalar","result":[1700000000.050,"2"]'),
    );
    assert.equal(
      textOf(resultOf(value, { startMs: 1000, stepMs: 1, steps: 2 })),
      success('"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[1.001,"1e-07"]]}]'),
    );
  });

  it('a string is a sample whose value is the string', () => {
    const text = textOf(resultOf({ type: 'string', value: 'a\n"\u0001\udc80' }, INSTANT));

    assert.equal(
      text,
      success('"resultType":"string","result":[1700000000.050,"a\\n\\"\\u0001\ufffd"]'),
    );
  });

  it('a range vector has the samples at their own times', () => {
    const series = [
      { labels: labels({ a: '1' }), timesMs: [1, 1002], values: [3, -0] },
      { labels: labels({ a: '2' }), timesMs: [1, 2, 3], values: [custom, 4, custom] },
    ];

    const text = textOf(resultOf({ type: 'matrix', series }, INSTANT));

    assert.equal(
      text,
      success(
        '"resultType":"matrix","result":[' +
          '{"metric":{"a":"1"},"values":[[0.001,"3"],[1.002,"-0"]]},' +
          `{"metric":{"a":"2"},"values":[[0.002,"4"]],"histograms":[[0.001,${CUSTOM_TEXT}],[0.003,${CUSTOM_TEXT}]]}]`,
      ),
    );
  });

  it('nothing is an empty list', () => {
    const columns = columnsOf([]);

    assert.equal(
      textOf(resultOf({ type: 'vector', columns }, INSTANT)),
      success('"resultType":"vector","result":[]'),
    );
  });

  it('remarks follow the data, those of the storage first', () => {
    const value: QueryValue = { type: 'string', value: '' };
    const remarks = { warnings: ['PromQL warning: w (1:1)'], infos: ['PromQL info: i (1:1)'] };

    const text = textOf(resultOf(value, INSTANT, remarks), {
      warnings: ['a group is away'],
      stats: { samples: { peakSamples: 3 } },
    });

    assert.equal(
      text,
      success(
        '"resultType":"string","result":[1700000000.050,""],"stats":{"samples":{"peakSamples":3}}',
        ',"warnings":["a group is away","PromQL warning: w (1:1)"],"infos":["PromQL info: i (1:1)"]',
      ),
    );
  });

  it('at most ten remarks of a kind are shown, and how many follow', () => {
    const texts = (count: number) => Array.from({ length: count }, (_, at) => `remark ${at}`);
    const value: QueryValue = { type: 'string', value: '' };

    const text = textOf(resultOf(value, INSTANT, { warnings: texts(10), infos: texts(13) }));

    const answer = JSON.parse(text) as { warnings: string[]; infos: string[] };
    assert.deepEqual(answer.warnings, texts(10));
    assert.deepEqual(answer.infos, [...texts(10), '3 more info annotations omitted']);
  });

  it('a limit cuts series and says so', () => {
    const columns = columnsOf(['1', '2', '3'].map((a) => [labels({ a }), [Number(a), 0]]));
    const series = ['1', '2', '3'].map((a) => ({
      labels: labels({ a }),
      timesMs: [1],
      values: [1],
    }));
    const grid = { startMs: 0, stepMs: 1, steps: 2 };
    const results = [
      resultOf({ type: 'vector', columns }, grid),
      resultOf({ type: 'matrix', series }, INSTANT),
    ];

    for (const result of results) {
      const cut = JSON.parse(textOf(result, { limit: 2 })) as Parsed;
      const whole = JSON.parse(textOf(result, { limit: 3 })) as Parsed;

      assert.equal(cut.data.result.length, 2);
      assert.deepEqual(cut.warnings, ['results truncated due to limit']);
      assert.equal(whole.data.result.length, 3);
      assert.equal(whole.warnings, undefined);
    }
  });

  it('is what an obvious writer writes, in chunks of bounded size', () => {
    fc.assert(
      fc.property(anyColumns, anyGrid, (cells, { startMs, stepMs }) => {
        const steps = 5;
        const rows = cells.map(([pairs, row]) => [table.of(pairs), row] as const);
        const columns = columnsOf(rows);
        const grid = { startMs, stepMs, steps };

        const chunks = [...answerChunks(resultOf({ type: 'vector', columns }, grid))];

        assert.equal(Buffer.concat(chunks).toString(), obvious(columns, grid));
        assert.ok(chunks.every(({ length }) => length <= CHUNK_BYTES));
      }),
    );
  });

  it('a long row and a long label are cut into chunks of bounded size', () => {
    const cells = Array.from({ length: 11_000 }, (_, at) => at / 7);
    const columns = columnsOf([
      [labels({ a: '"'.repeat(100_000) }), cells],
      [labels({ a: 'é'.repeat(100_000) }), cells.map((cell) => (cell > 100 ? histogram : -cell))],
    ]);
    const grid = { startMs: 1_700_000_000_123, stepMs: 15_000, steps: cells.length };

    const chunks = [...answerChunks(resultOf({ type: 'vector', columns }, grid))];

    assert.equal(Buffer.concat(chunks).toString(), obvious(columns, grid));
    assert.ok(chunks.length > 10 && chunks.every(({ length }) => length <= CHUNK_BYTES));
  });

  it('others get their turn while a large answer is written', async () => {
    const cells = Array.from({ length: 2_000 }, (_, at) => at / 7);
    const columns = columnsOf(
      Array.from({ length: 300 }, (_, row) => [labels({ row: String(row) }), cells] as const),
    );
    const grid = { startMs: 0, stepMs: 1000, steps: cells.length };
    const result = resultOf({ type: 'vector', columns }, grid);
    let isDone = false;
    let turns = 0;
    const other = () => {
      turns++;
      if (!isDone) setImmediate(other);
    };
    setImmediate(other);

    const chunks: Buffer[] = [];
    for await (const chunk of inTurns(answerChunks(result))) chunks.push(chunk);
    isDone = true;

    assert.ok(turns > 1, `${turns} turns`);
    assert.equal(Buffer.concat(chunks).toString(), textOf(result));
  });
});

interface Parsed {
  readonly data: { readonly result: readonly unknown[] };
  readonly warnings?: readonly string[];
}

const anyCell = fc.oneof(
  { weight: 5, arbitrary: fc.double() },
  { weight: 3, arbitrary: fc.integer() },
  { weight: 1, arbitrary: fc.constantFrom(undefined, histogram, custom) },
);
const anyText = fc.string({ unit: 'binary', maxLength: 20 });
const anyColumns = fc.array(
  fc.tuple(
    fc.uniqueArray(fc.tuple(anyText, anyText), { selector: ([name]) => name, maxLength: 4 }),
    fc
      .array(anyCell, { minLength: 5, maxLength: 5 })
      .filter((row) => row.some((cell) => cell !== undefined)),
  ),
  { minLength: 1, maxLength: 5 },
);
const anyGrid = fc.record({
  startMs: fc.integer({ min: -1_000_000, max: 2 ** 41 }),
  stepMs: fc.integer({ min: 1, max: 100_000 }),
});

/** The same by strings and `JSON.stringify`. */
function obvious(columns: ReturnType<typeof columnsOf>, grid: Grid): string {
  const series = columns.labels.map(({ names, values }, row) => {
    const metric = names.map(
      (name, at) => `${JSON.stringify(name)}:${JSON.stringify(values[at] ?? '')}`,
    );
    const samples = { floats: [] as string[], histograms: [] as string[] };
    for (let step = 0; step < columns.steps; step++) {
      const cell = row * columns.steps + step;
      const timeMs = grid.startMs + step * grid.stepMs;
      const time = timeMs % 1000 === 0 ? String(timeMs / 1000) : (timeMs / 1000).toFixed(3);
      if (columns.kinds[cell] === FLOAT) {
        samples.floats.push(`[${time},"${numberText(columns.values[cell] ?? 0)}"]`);
      } else if (columns.kinds[cell] !== ABSENT) {
        const text = histogramAt(columns, cell) === custom ? CUSTOM_TEXT : HISTOGRAM_TEXT;
        samples.histograms.push(`[${time},${text}]`);
      }
    }
    const parts = [`"metric":{${metric.join(',')}}`];
    if (samples.floats.length > 0) parts.push(`"values":[${samples.floats.join(',')}]`);
    if (samples.histograms.length > 0) parts.push(`"histograms":[${samples.histograms.join(',')}]`);
    return `{${parts.join(',')}}`;
  });
  return success(`"resultType":"matrix","result":[${series.join(',')}]`);
}

function numberText(value: number): string {
  const size = Math.abs(value);
  const isPlain = size === 0 || !Number.isFinite(value) || (size >= 1e-6 && size < 1e21);
  return isPlain ? printNumber(value) : String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}
