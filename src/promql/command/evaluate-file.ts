/**
 * `npm run promql -- 'expr' file`: evaluates an expression over the samples of a file.
 */
import { parseArgs } from 'node:util';
import { evaluate } from '../evaluate/engine.ts';
import { EvaluationError } from '../evaluate/failure.ts';
import { memoryStorage } from '../evaluate/memory-storage.ts';
import type { SeriesBlock } from '../evaluate/storage.ts';
import { parse } from '../parse.ts';
import { ParseError } from '../parse-error.ts';
import { readSeries, SeriesFileError } from './read-series.ts';
import { writeResult } from './write-result.ts';

/** What a command prints, and how it ends. */
export interface Outcome {
  readonly output: string;
  readonly messages: string;
  readonly exitCode: 0 | 1 | 2;
}

const USAGE = `usage: npm run promql -- 'EXPRESSION' FILE [--at SECONDS] [--start SECONDS --end SECONDS --step SECONDS]

FILE is an exposition page, the answer of /api/v1/query_range, or a line 'load 1m' and series as unit tests of rules write
them: requests_total{code="200"} 0+5x10. Without a time the newest sample's time is taken.
`;

/** No timestamps in the file, and no time given: then the samples are of this time. */
const DEFAULT_TIME_MS = 0;
const MAX_SAMPLES = 50_000_000;
/** As in the configuration of Prometheus. */
const LOOKBACK_MS = 300_000;
const SUBQUERY_STEP_MS = 60_000;

/** Runs the command line. Nothing is thrown for wrong input. */
export async function evaluateFile(
  args: readonly string[],
  readFile: (path: string) => Promise<string>,
): Promise<Outcome> {
  let times: Readonly<Record<string, string | undefined>>;
  let positionals: readonly string[];
  try {
    const option = { type: 'string' } as const;
    const options = { at: option, start: option, end: option, step: option };
    ({ values: times, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
    }));
  } catch (error) {
    return { output: '', messages: `${(error as Error).message}\n${USAGE}`, exitCode: 2 };
  }
  const [text, file] = positionals;
  if (text === undefined || file === undefined) return { output: '', messages: USAGE, exitCode: 2 };
  try {
    const tree = parse(text, {
      experimentalFunctions: true,
      durationExpressions: true,
      extendedRanges: true,
      fillModifiers: true,
    });
    const at = millisecondsOf(times['at']);
    const series = readSeries(await readFile(file), at ?? DEFAULT_TIME_MS);
    const last = at ?? newestMs(series);
    const stepMs = millisecondsOf(times['step']) ?? 0;
    const startMs = stepMs === 0 ? last : (millisecondsOf(times['start']) ?? last);
    const result = await evaluate(
      { text, tree },
      {
        ...{ storage: memoryStorage(series), startMs, stepMs, lookbackMs: LOOKBACK_MS },
        ...{ endMs: stepMs === 0 ? last : (millisecondsOf(times['end']) ?? last) },
        ...{ subqueryStepMs: SUBQUERY_STEP_MS, delayedNameRemoval: false },
        ...{ typeLabels: false, startTimes: false },
      },
      { maxSamples: MAX_SAMPLES },
    );
    const messages = [...result.warnings, ...result.infos].map((line) => `${line}\n`).join('');
    const output = writeResult(result)
      .map((line) => `${line}\n`)
      .join('');
    return { output, messages, exitCode: 0 };
  } catch (error) {
    const known = [ParseError, EvaluationError, SeriesFileError].some(
      (kind) => error instanceof kind,
    );
    if (!known && !isSystemError(error)) throw error;
    return { output: '', messages: `${(error as Error).message}\n`, exitCode: 1 };
  }
}

/** A file that is not there, or must not be read. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function millisecondsOf(seconds: string | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  const number = Number(seconds);
  if (!Number.isFinite(number)) throw new SeriesFileError(`no time in seconds: ${seconds}`);
  return Math.round(number * 1000);
}

function newestMs(series: readonly SeriesBlock[]): number {
  let newest = DEFAULT_TIME_MS;
  for (const { timesMs } of series) newest = Math.max(newest, timesMs.at(-1) ?? newest);
  return newest;
}
