/**
 * A file of the corpus as a list of commands.
 */

import { parseSeries } from '../../../src/promql/series/parser.ts';
import {
  type NotedLabels,
  type NotedValue,
  readDuration,
  readNumber,
  unquote,
} from './series-notation.ts';

/** Series that a `load` adds: value i at i x step. */
export interface Load {
  readonly kind: 'load';
  readonly stepMs: number;
  /** Classic histograms also become native ones with custom bounds. */
  readonly withNhcb: boolean;
  readonly series: readonly LoadedLine[];
}

export interface LoadedLine {
  readonly labels: NotedLabels;
  readonly values: readonly NotedValue[];
  /** Start times relative to the samples, in milliseconds. */
  readonly starts: readonly (number | undefined)[] | undefined;
}

/** What a text of a failure, a warning or a remark must be. */
export interface TextExpectation {
  readonly kind: 'fail' | 'warn' | 'info';
  readonly text: string;
  readonly how: 'any' | 'whole' | 'regex';
}

/** One evaluation and what must come of it. */
export interface Evaluated {
  readonly kind: 'eval';
  readonly line: number;
  readonly expression: string;
  /** An instant query has a start only. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly texts: readonly TextExpectation[];
  readonly fails: boolean;
  readonly ordered: boolean;
  readonly none: readonly ('warn' | 'info')[];
  readonly scalar: number | undefined;
  readonly string: string | undefined;
  /** The grid of an expected range vector. */
  readonly rangeVector: { readonly startMs: number; readonly stepMs: number } | undefined;
  readonly series: readonly ExpectedSeries[];
}

export interface ExpectedSeries {
  readonly labels: NotedLabels;
  readonly values: readonly NotedValue[];
  /** Whether the hints of histograms are written, and so compared. */
  readonly hints: boolean;
}

export type Command = Load | Evaluated | { readonly kind: 'clear' };

/** Reads all commands of a file. */
export function readCorpusFile(text: string): Command[] {
  const lines = text.split('\n').map((line) => (line.trim().startsWith('#') ? '' : line.trim()));
  const commands: Command[] = [];
  let at = 0;
  const block = (): string[] => {
    const from = at;
    while ((lines[at] ?? '') !== '') at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at++] ?? '';
    if (line === '') continue;
    const [word = ''] = line.toLowerCase().split(/\s/);
    if (word === 'clear') commands.push({ kind: 'clear' });
    else if (word.startsWith('load')) commands.push(readLoad(line, block()));
    else if (word.startsWith('eval')) commands.push(readEvaluation(line, at, block()));
    else throw new Error(`line ${at}: unknown command: ${line}`);
  }
  return commands;
}

function readLoad(head: string, lines: readonly string[]): Load {
  const [word = '', step = ''] = head.split(/\s+/);
  const series: LoadedLine[] = [];
  let starts: (number | undefined)[] | undefined;
  for (const line of lines) {
    const [, offsets] = START_TIMES.exec(line) ?? [];
    if (offsets !== undefined) starts = readStarts(offsets.trim());
    else {
      series.push({ ...parseSeries(line), starts });
      starts = undefined;
    }
  }
  return { kind: 'load', stepMs: readDuration(step), withNhcb: word.endsWith('nhcb'), series };
}

/** The start times of the series in the next line, after the same labels. */
const START_TIMES = /^[^\s{]*(?:\{[^}]*\})?\s*@st\s(.*)$/;

function readStarts(text: string): (number | undefined)[] {
  return text.split(/\s+/).flatMap((item) => {
    const [, blank, first = '0', by, times] =
      /^(?:(_)|([-+]?[0-9a-z]+?)([-+][0-9a-z]+?)?)(?:x(\d+))?$/.exec(item) ?? [];
    const count = times === undefined ? 1 : Number(times) + (blank === undefined ? 1 : 0);
    const start = readDuration(first);
    const step = by === undefined ? 0 : readDuration(by);
    return Array.from({ length: count }, (_, at) =>
      blank === undefined ? start + at * step : undefined,
    );
  });
}

const INSTANT = /^eval(?:_(\w+))?\s+instant\s+at\s+(\S+)\s+(.*)$/i;
const RANGE = /^eval(?:_(\w+))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.*)$/i;
const RANGE_VECTOR = /^expect range vector from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/;
const EXPECT = /^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(msg|regex):\s*(.*))?$/;

function readEvaluation(head: string, line: number, lines: readonly string[]): Evaluated {
  const instant = INSTANT.exec(head);
  const range = RANGE.exec(head);
  const mode = instant?.[1] ?? range?.[1];
  const texts: TextExpectation[] = [];
  const none: ('warn' | 'info')[] = [];
  const series: ExpectedSeries[] = [];
  let ordered = mode === 'ordered';
  let fails = mode === 'fail';
  let scalar: number | undefined;
  let string: string | undefined;
  let rangeVector: Evaluated['rangeVector'];
  for (const text of lines) {
    const expected = EXPECT.exec(text);
    const grid = RANGE_VECTOR.exec(text);
    if (grid !== null) {
      rangeVector = { startMs: readDuration(grid[1] ?? ''), stepMs: readDuration(grid[3] ?? '') };
    } else if (text.startsWith('expect string')) string = unquote(text.slice(13).trim());
    else if (expected !== null) {
      const [, word = '', how, wanted = ''] = expected;
      if (word === 'ordered') ordered = true;
      else if (word === 'no_warn' || word === 'no_info')
        none.push(word === 'no_warn' ? 'warn' : 'info');
      else {
        if (word === 'fail') fails = true;
        const kind = word as TextExpectation['kind'];
        texts.push({
          kind,
          text: wanted,
          how: how === undefined ? 'any' : how === 'msg' ? 'whole' : 'regex',
        });
      }
    } else if (/^[-+]?(?:[0-9.]|inf|nan)\S*$/i.test(text)) scalar = readNumber(text);
    else {
      series.push({ ...parseSeries(text), hints: text.includes('counter_reset_hint') });
    }
  }
  if (mode === 'warn' || mode === 'info') texts.push({ kind: mode, text: '', how: 'any' });
  const at = (value: string | undefined) => readDuration(value ?? '');
  const times =
    instant === null
      ? { startMs: at(range?.[2]), endMs: at(range?.[3]), stepMs: at(range?.[4]) }
      : { startMs: at(instant[2]), endMs: at(instant[2]), stepMs: 0 };
  const expression = instant?.[3] ?? range?.[5];
  if (expression === undefined) throw new Error(`line ${line}: no evaluation: ${head}`);
  return {
    ...{ kind: 'eval', line, expression, ...times, texts, fails, ordered, none },
    ...{ scalar, string, rangeVector, series },
  };
}
