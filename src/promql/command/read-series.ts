/**
 * Files of samples as series: exposition pages, the answers of Prometheus' query API, and series as unit tests write them.
 */

import { writeStale } from '../evaluate/stale.ts';
import type { SeriesBlock } from '../evaluate/storage.ts';
import { DurationError, parseDuration } from '../literal/duration.ts';
import { parse } from '../parse.ts';
import { ParseError } from '../parse-error.ts';
import { parseSeries, type SeriesValue } from '../series/parser.ts';

/** A file holds no series that can be read. */
export class SeriesFileError extends Error {
  override readonly name = 'SeriesFileError';
}

type Labels = readonly (readonly [string, string])[];

/** The samples of one series as they are read. */
interface Collected {
  readonly labels: Labels;
  readonly samples: Map<number, number>;
}

/**
 * The series of a file.
 *
 * @param atMs - the time of samples that bear none
 * @throws {SeriesFileError} at the first line that is no sample
 */
export function readSeries(text: string, atMs: number): SeriesBlock[] {
  const [, step] = LOAD.exec(text) ?? [];
  if (step !== undefined) return readNotation(text, step);
  const collected = new Map<string, Collected>();
  const add = (labels: Labels, timeMs: number, value: number) => {
    const key = JSON.stringify(labels.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    let series = collected.get(key);
    if (series === undefined) {
      series = { labels, samples: new Map() };
      collected.set(key, series);
    }
    series.samples.set(timeMs, value);
  };
  if (text.trimStart().startsWith('{"')) readAnswer(text, add);
  else readPage(text, atMs, add);
  return [...collected.values()].map(({ labels, samples }) => {
    const ordered = [...samples].sort(([a], [b]) => a - b);
    return {
      labels,
      timesMs: Float64Array.from(ordered, ([timeMs]) => timeMs),
      values: Float64Array.from(ordered, ([, value]) => value),
    };
  });
}

type Add = (labels: Labels, timeMs: number, value: number) => void;

/** A series, its value, and perhaps a timestamp: in milliseconds, or in seconds where a point says so. */
const LINE =
  /^([^\s{]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?)\s*([-+]?[0-9a-zA-Z.+-]+)(?:\s+(-?[0-9.]+(?:[eE][-+]?[0-9]+)?))?\s*(?:#.*)?$/;

function readPage(text: string, atMs: number, add: Add): void {
  const inSeconds = /(?:^|\n)# EOF\s*$/.test(text);
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const [, series, value = '', timestamp] = LINE.exec(line.trim()) ?? [];
    const number = readValue(value);
    if (series === undefined || number === undefined) {
      throw new SeriesFileError(`line ${at + 1} is no sample: ${line.slice(0, 200)}`);
    }
    const unit = inSeconds ? 1000 : 1;
    add(
      readLabels(series, at + 1),
      timestamp === undefined ? atMs : Number(timestamp) * unit,
      number,
    );
  }
}

function readValue(text: string): number | undefined {
  const plain = text.toLowerCase().replace(/^\+/, '');
  if (plain === 'nan') return Number.NaN;
  if (plain === 'inf' || plain === 'infinity') return Infinity;
  if (plain === '-inf' || plain === '-infinity') return -Infinity;
  return /^-?[0-9.]/.test(plain) && !Number.isNaN(Number(plain)) ? Number(plain) : undefined;
}

/** A series is written as a selector of equal labels. */
function readLabels(series: string, line: number): Labels {
  try {
    const tree = parse(series);
    if (tree.kind === 'vector-selector' && tree.matchers.every(({ op }) => op === '=')) {
      return tree.matchers.map(({ name, value }) => [name, value] as const);
    }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
  throw new SeriesFileError(`line ${line} does not begin with a series: ${series.slice(0, 200)}`);
}

/** The first line of a file of series; value i of each lies i steps after 0. */
const LOAD = /^load\s+(\S+)\s*(?:\n|$)/;

function readNotation(text: string, step: string): SeriesBlock[] {
  let stepMs: number;
  try {
    stepMs = parseDuration(step);
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw new SeriesFileError(`line 1: ${error.message}`, { cause: error });
  }
  return text.split('\n').flatMap((line, at) => {
    if (at === 0 || line.trim() === '' || line.trimStart().startsWith('#')) return [];
    try {
      const { labels, values } = parseSeries(line.trim());
      return [blockOf(labels, values, stepMs)];
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      throw new SeriesFileError(`line ${at + 1}: ${error.message}`, { cause: error });
    }
  });
}

function blockOf(labels: Labels, noted: readonly SeriesValue[], stepMs: number): SeriesBlock {
  const present = Array.from(noted.keys()).filter((at) => noted[at] !== undefined);
  const samples = present.map((at) => noted[at]);
  const values = Float64Array.from(samples, (one) => (typeof one === 'number' ? one : 0));
  samples.forEach((one, at) => {
    if (one === 'stale') writeStale(values, at);
  });
  const histograms = samples.map((one) => (typeof one === 'object' ? one : undefined));
  const timesMs = Float64Array.from(present, (at) => at * stepMs);
  const hasHistograms = histograms.some((one) => one !== undefined);
  return { labels, timesMs, values, ...(hasHistograms ? { histograms } : {}) };
}

interface AnswerSeries {
  readonly metric?: Readonly<Record<string, string>>;
  readonly values?: readonly (readonly [number, string])[];
  readonly value?: readonly [number, string];
}

/** The answer of `/api/v1/query` or `/api/v1/query_range`. */
function readAnswer(text: string, add: Add): void {
  let answer: { readonly data?: { readonly result?: unknown } };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch (cause) {
    throw new SeriesFileError('the file is neither a page nor JSON', { cause });
  }
  const result = answer.data?.result;
  if (!Array.isArray(result)) throw new SeriesFileError('the answer has no data.result');
  for (const one of result as AnswerSeries[]) {
    const labels = Object.entries(one.metric ?? {});
    for (const [seconds, value] of one.values ?? (one.value === undefined ? [] : [one.value])) {
      const number = readValue(value);
      if (number === undefined) throw new SeriesFileError(`no number: ${value.slice(0, 200)}`);
      add(labels, Math.round(seconds * 1000), number);
    }
  }
}
