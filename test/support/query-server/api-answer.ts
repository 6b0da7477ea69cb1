/** The query API of the fake Prometheus. */
import { evaluate } from '../../../src/promql/evaluate/engine.ts';
import { EvaluationError } from '../../../src/promql/evaluate/failure.ts';
import type { SeriesBlock, Storage } from '../../../src/promql/evaluate/storage.ts';
import { parseDuration } from '../../../src/promql/literal/duration.ts';
import { parse, parseMetricSelector } from '../../../src/promql/parse.ts';
import { ParseError } from '../../../src/promql/parse-error.ts';
import { answerData } from './json-answer.ts';

/** The status and the JSON of an answer. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

const MINUTE_MS = 60_000;
const ALL_ON = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRanges: true,
  fillModifiers: true,
};
const STATUSES = { execution: 422, timeout: 503, canceled: 499 } as const;

export function failure(status: number, errorType: string, error: string): ApiAnswer {
  return { status, body: JSON.stringify({ status: 'error', errorType, error }) };
}

export function success(data: unknown): ApiAnswer {
  return { status: 200, body: JSON.stringify({ status: 'success', data }) };
}

/** `query` and `query_range`. */
export async function answerQuery(
  storage: Storage,
  parameters: URLSearchParams,
  isRange: boolean,
): Promise<ApiAnswer> {
  const text = parameters.get('query') ?? '';
  const now = Date.now();
  const startMs = isRange
    ? timeOf(parameters.get('start'), now)
    : timeOf(parameters.get('time'), now);
  const endMs = isRange ? timeOf(parameters.get('end'), now) : startMs;
  const stepMs = isRange ? durationOf(parameters.get('step') ?? '60') : 0;
  try {
    const lookback = parameters.get('lookback_delta');
    const result = await evaluate(
      { text, tree: parse(text, ALL_ON) },
      {
        ...{ storage, startMs, endMs, stepMs },
        lookbackMs: lookback === null ? 5 * MINUTE_MS : durationOf(lookback),
        ...{ subqueryStepMs: MINUTE_MS, delayedNameRemoval: false },
        ...{ typeLabels: false, startTimes: false },
      },
      { maxSamples: 50_000_000 },
    );
    const { warnings, infos } = result;
    const remarks = [
      warnings.length > 0 ? `,"warnings":${JSON.stringify(warnings)}` : '',
      infos.length > 0 ? `,"infos":${JSON.stringify(infos)}` : '',
    ].join('');
    return { status: 200, body: `{"status":"success","data":${answerData(result)}${remarks}}` };
  } catch (error) {
    if (error instanceof ParseError)
      return failure(400, 'bad_data', `invalid parameter "query": ${error.message}`);
    if (error instanceof EvaluationError)
      return failure(STATUSES[error.failure], error.failure, error.message);
    throw error;
  }
}

/** `series`, `labels` and `label/…/values`: the label sets that some selector finds. */
export async function answerLabels(
  storage: Storage,
  parameters: URLSearchParams,
  what:
    | { readonly kind: 'series' | 'labels' }
    | { readonly kind: 'values'; readonly label: string },
): Promise<ApiAnswer> {
  const selectors = parameters.getAll('match[]');
  if (what.kind === 'series' && selectors.length === 0)
    return failure(400, 'bad_data', 'no match[] parameter provided');
  const range = {
    afterMs: timeOf(parameters.get('start'), Number.NEGATIVE_INFINITY) - 1,
    untilMs: timeOf(parameters.get('end'), Number.POSITIVE_INFINITY),
  };
  const found: SeriesBlock[] = [];
  for (const selector of selectors.length > 0 ? selectors : ['{__name__!=""}']) {
    const hints = { function: 'series', stepMs: 0, rangeMs: 0 };
    try {
      found.push(...(await storage.select(parseMetricSelector(selector), range, hints)));
    } catch (error) {
      if (error instanceof ParseError) return failure(400, 'bad_data', error.message);
      throw error;
    }
  }
  const sets = found.map(({ labels }) => labels.filter(([, value]) => value !== ''));
  switch (what.kind) {
    case 'series': {
      const texts = sets.map((labels) => JSON.stringify(Object.fromEntries(labels.toSorted())));
      return success([...new Set(texts)].sort().map((text): unknown => JSON.parse(text)));
    }
    case 'labels':
      return success([...new Set(sets.flatMap((labels) => labels.map(([name]) => name)))].sort());
    case 'values': {
      const pairs = sets.flat().filter(([name]) => name === what.label);
      return success([...new Set(pairs.map(([, value]) => value))].sort());
    }
  }
}

function timeOf(text: string | null, otherwiseMs: number): number {
  if (text === null || text === '') return otherwiseMs;
  const number = Number(text);
  return Number.isNaN(number) ? Date.parse(text) : Math.round(number * 1000);
}

function durationOf(text: string): number {
  const number = Number(text);
  return Number.isNaN(number) ? parseDuration(text) : Math.round(number * 1000);
}
