/**
 * The result of a query as the answer of Prometheus' HTTP API: JSON as bytes, in chunks.
 *
 * The answer is the same, byte for byte, as that of Prometheus, but for the characters `<`, `>` and `&` of labels, which
 * stand for themselves. `test/promql/answer/` compares; `npm run bench -- --only promql` measures the pace.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
 */
import {
  type Columns,
  FLOAT,
  type Grid,
  HISTOGRAM,
  histogramAt,
  timeAt,
} from '../evaluate/columns.ts';
import type { QueryResult } from '../evaluate/engine.ts';
import type { Histogram } from '../evaluate/histogram.ts';
import type { Labels } from '../evaluate/labels.ts';
import type { SampleSeries } from '../evaluate/range-result.ts';
import { ChunkWriter } from './chunk-writer.ts';
import { writeHistogram } from './histogram.ts';
import { writeMetric } from './metric.ts';
import { MAX_SAMPLE_BYTES, openSample, type Row, StepTexts, writeSample } from './samples.ts';

/** What an answer holds besides the value. */
export interface Envelope {
  /** Remarks of the storage, written before those of the evaluation. */
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  /** The figures that the reader asked for, ready to be written as JSON. */
  readonly stats?: Readonly<Record<string, unknown>>;
  /** At most so many series are written, and a warning says so; 0 for all. */
  readonly limit?: number;
}

/** Remarks of one kind in an answer; how many there are besides is told. */
const MAX_REMARKS = 10;
/** The processor time after which others get their turn. */
const TURN_MS = 5;
const OPEN_BRACKET = 91;
const CLOSE_BRACE = 125;
const VALUE = Buffer.from('"value":');

/**
 * The bytes of an answer with the status `success`.
 *
 * The chunks are made as they are taken, so that the whole answer is never in memory.
 */
export function* answerChunks(result: QueryResult, envelope: Envelope = {}): Generator<Buffer> {
  const out = new ChunkWriter();
  const type = typeOf(result);
  yield* out.plain(`{"status":"success","data":{"resultType":"${type}","result":`);
  const isCut = yield* writeValue(result, envelope.limit ?? 0, out);
  if (envelope.stats !== undefined) {
    yield* out.plain(`,"stats":${JSON.stringify(envelope.stats)}`);
  }
  yield* out.plain('}');
  const cut = isCut ? ['results truncated due to limit'] : [];
  const warnings = [...(envelope.warnings ?? []), ...result.warnings, ...cut];
  yield* writeRemarks('warning', warnings, out);
  yield* writeRemarks('info', [...(envelope.infos ?? []), ...result.infos], out);
  yield* out.plain('}');
  yield out.take();
}

/** The same chunks; others get their turn after every few milliseconds of work. */
export async function* inTurns(chunks: Iterable<Buffer>): AsyncGenerator<Buffer> {
  let startedMs = performance.now();
  for (const chunk of chunks) {
    yield chunk;
    if (performance.now() - startedMs < TURN_MS) continue;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    startedMs = performance.now();
  }
}

/** A range query gives a matrix, whatever the type of its expression is. */
function typeOf({ value, grid }: QueryResult): string {
  return grid.stepMs === 0 || value.type === 'string' ? value.type : 'matrix';
}

/** Writes the value. Returns whether the limit has cut it. */
function* writeValue(
  { value, grid }: QueryResult,
  limit: number,
  out: ChunkWriter,
): Generator<Buffer, boolean> {
  switch (value.type) {
    case 'string':
      openSample(out, grid.startMs);
      yield* out.quoted(value.value);
      yield* out.plain(']');
      return false;
    case 'scalar': {
      if (grid.stepMs === 0) {
        writeSample(out, grid.startMs, value.values[0] ?? Number.NaN);
        return false;
      }
      const kinds = new Uint8Array(grid.steps).fill(FLOAT);
      yield* out.plain('[{"metric":{},');
      yield* writeFloats({ kinds, values: value.values, base: 0 }, new StepTexts(grid), out);
      yield* out.plain('}]');
      return false;
    }
    case 'matrix':
      return yield* writeRangeVector(value.series, limit, out);
    case 'vector':
      return grid.stepMs === 0
        ? yield* writeVector(value.columns, grid.startMs, limit, out)
        : yield* writeMatrix(value.columns, grid, limit, out);
  }
}

function* writeVector(
  columns: Columns,
  timeMs: number,
  limit: number,
  out: ChunkWriter,
): Generator<Buffer, boolean> {
  const { labels, kinds, values } = columns;
  const rows = limit > 0 ? Math.min(limit, labels.length) : labels.length;
  yield* out.plain('[');
  for (let row = 0; row < rows; row++) {
    const isFloat = kinds[row] === FLOAT;
    yield* writeMetric(labels[row] as Labels, row > 0, out);
    if (isFloat) {
      if (!out.hasRoom(VALUE.length + MAX_SAMPLE_BYTES)) yield out.take();
      for (let at = 0; at < VALUE.length; at++) out.bytes[out.at++] = VALUE[at] as number;
      writeSample(out, timeMs, values[row] as number);
      out.bytes[out.at++] = CLOSE_BRACE;
    } else {
      yield* out.plain('"histogram":');
      yield* writeHistogramSample(histogramAt(columns, row), timeMs, out);
      yield* out.plain('}');
    }
  }
  yield* out.plain(']');
  return rows < labels.length;
}

function* writeMatrix(
  columns: Columns,
  grid: Grid,
  limit: number,
  out: ChunkWriter,
): Generator<Buffer, boolean> {
  const { labels, kinds, values, steps } = columns;
  const texts = new StepTexts(grid);
  const rows = limit > 0 ? Math.min(limit, labels.length) : labels.length;
  yield* out.plain('[');
  for (let row = 0; row < rows; row++) {
    const base = row * steps;
    const ofRow = kinds.subarray(base, base + steps);
    yield* writeMetric(labels[row] as Labels, row > 0, out);
    const hasFloats = ofRow.includes(FLOAT);
    if (hasFloats) yield* writeFloats({ kinds, values, base }, texts, out);
    if (ofRow.includes(HISTOGRAM)) {
      const present = Array.from(ofRow.keys()).filter((step) => ofRow[step] === HISTOGRAM);
      const samples = present.map(
        (step): HistogramSample => ({
          timeMs: timeAt(grid, step),
          histogram: histogramAt(columns, base + step),
        }),
      );
      yield* writeHistograms(samples, hasFloats, out);
    }
    yield* out.plain('}');
  }
  yield* out.plain(']');
  return rows < labels.length;
}

/** The series of a range vector, whose samples have times of their own. */
function* writeRangeVector(
  series: readonly SampleSeries[],
  limit: number,
  out: ChunkWriter,
): Generator<Buffer, boolean> {
  const rows = limit > 0 ? Math.min(limit, series.length) : series.length;
  yield* out.plain('[');
  for (const [row, { labels, timesMs, values }] of series.slice(0, rows).entries()) {
    yield* writeMetric(labels, row > 0, out);
    const histograms: HistogramSample[] = [];
    let before = '"values":[';
    for (let at = 0; at < values.length; at++) {
      const value = values[at] as number | Histogram;
      const timeMs = timesMs[at] as number;
      if (typeof value === 'number') {
        if (!out.hasRoom(MAX_SAMPLE_BYTES + before.length)) yield out.take();
        out.at += out.bytes.write(before, out.at, 'latin1');
        writeSample(out, timeMs, value);
        before = ',';
      } else histograms.push({ timeMs, histogram: value });
    }
    const hasFloats = before === ',';
    if (hasFloats) yield* out.plain(']');
    if (histograms.length > 0) yield* writeHistograms(histograms, hasFloats, out);
    yield* out.plain('}');
  }
  yield* out.plain(']');
  return rows < series.length;
}

/** Writes `"values":[...]` of a row that has at least one number. */
function* writeFloats(row: Row, texts: StepTexts, out: ChunkWriter): Generator<Buffer> {
  yield* out.plain('"values":');
  if (!out.hasRoom(MAX_SAMPLE_BYTES)) yield out.take();
  const start = out.at;
  const { bytes } = out;
  let step = texts.writeRow(row, 0, out);
  // Each sample follows a comma; the first one follows the bracket that opens the list.
  bytes[start] = OPEN_BRACKET;
  while (step < texts.steps) {
    yield out.take();
    step = texts.writeRow(row, step, out);
  }
  yield* out.plain(']');
}

interface HistogramSample {
  readonly timeMs: number;
  readonly histogram: Histogram;
}

/** Writes `"histograms":[...]`. */
function* writeHistograms(
  samples: readonly HistogramSample[],
  hasFloats: boolean,
  out: ChunkWriter,
): Generator<Buffer> {
  yield* out.plain(hasFloats ? ',"histograms":' : '"histograms":');
  for (const [at, { timeMs, histogram }] of samples.entries()) {
    yield* out.plain(at === 0 ? '[' : ',');
    yield* writeHistogramSample(histogram, timeMs, out);
  }
  yield* out.plain(']');
}

function* writeHistogramSample(
  histogram: Histogram,
  timeMs: number,
  out: ChunkWriter,
): Generator<Buffer> {
  if (!out.hasRoom(MAX_SAMPLE_BYTES)) yield out.take();
  openSample(out, timeMs);
  yield* writeHistogram(histogram, out);
  yield* out.plain(']');
}

/** Writes the first remarks of a kind, and how many there are besides. */
function* writeRemarks(
  kind: 'warning' | 'info',
  texts: readonly string[],
  out: ChunkWriter,
): Generator<Buffer> {
  if (texts.length === 0) return;
  const omitted = texts.length - MAX_REMARKS;
  const shown = texts.slice(0, MAX_REMARKS);
  if (omitted > 0) shown.push(`${omitted} more ${kind} annotations omitted`);
  yield* out.plain(`,"${kind}s":[`);
  for (const [at, text] of shown.entries()) {
    if (at > 0) yield* out.plain(',');
    yield* out.quoted(text);
  }
  yield* out.plain(']');
}
