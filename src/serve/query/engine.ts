/**
 * One evaluation over the federation: text and times in, value, remarks and cost out.
 */
import { evaluate, type Query, type QueryResult } from '../../promql/evaluate/engine.ts';
import { EvaluationError } from '../../promql/evaluate/failure.ts';
import { wantedBy } from '../../promql/evaluate/load.ts';
import type { Settings } from '../../promql/evaluate/settings.ts';
import type { Storage } from '../../promql/evaluate/storage.ts';
import { parse, type Switches } from '../../promql/parse.ts';
import type { ApiCall, Federation, QueryScope, RequestRecord } from '../../query/federation.ts';
import type { Figures } from './desk.ts';

/** How expressions are read and evaluated; equal for all queries. */
export interface EngineSettings {
  readonly switches: Partial<Switches>;
  readonly lookbackMs: number;
  /** The step of subqueries that name none. */
  readonly subqueryStepMs: number;
  readonly maxSamples: number;
  readonly delayedNameRemoval: boolean;
}

export interface Times {
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  /** Overrides that of the settings. */
  readonly lookbackMs?: number | undefined;
}

export interface Evaluated {
  readonly result: QueryResult;
  /** Remarks of the federation, beside those of the result. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly requests: readonly RequestRecord[];
  readonly figures: Figures;
}

/** @throws {ParseError} */
export function readQuery(text: string, { switches }: EngineSettings): Query {
  return { text, tree: parse(text, switches) };
}

function evaluationSettings(
  storage: Storage,
  times: Times,
  { lookbackMs, subqueryStepMs, delayedNameRemoval }: EngineSettings,
): Settings {
  return {
    ...{ storage, subqueryStepMs, delayedNameRemoval, typeLabels: false, startTimes: false },
    ...{ startMs: times.startMs, endMs: times.endMs, stepMs: times.stepMs },
    lookbackMs: times.lookbackMs ?? lookbackMs,
  };
}

/**
 * Which series of which times a query reads, with ranges, offsets and the lookback.
 *
 * @returns undefined if it reads none, or if only the evaluation finds out which
 */
export function reachOf(
  { text, tree }: Query,
  times: Times,
  settings: EngineSettings,
): Required<Pick<ApiCall, 'matchers' | 'startMs' | 'endMs'>> | undefined {
  if (/\binfo\s*\(/.test(text)) return undefined; // `info` reads series that no selector names
  const { startMs, endMs, stepMs } = times;
  const steps = stepMs === 0 ? 1 : Math.floor((endMs - startMs) / stepMs) + 1;
  const all = evaluationSettings(NOTHING, times, settings);
  const wanted = wantedBy(tree, { startMs, stepMs, steps }, text, all);
  if (wanted.length === 0) return undefined;
  return {
    matchers: wanted.map(({ selector }) => selector.matchers),
    startMs: Math.min(...wanted.map(({ range }) => range.afterMs)) + 1,
    endMs: Math.max(...wanted.map(({ range }) => range.untilMs)),
  };
}

const NOTHING: Storage = { select: async () => [] };

/** @throws {EvaluationError} */
export async function evaluateOver(
  federation: Federation,
  query: Query,
  {
    times,
    scope,
    settings,
    signal,
  }: {
    readonly times: Times;
    readonly scope: QueryScope;
    readonly settings: EngineSettings;
    readonly signal: AbortSignal;
  },
): Promise<Evaluated> {
  const storage = federation.open(scope);
  const counted = countReads(storage);
  const { maxSamples } = settings;
  const result = await evaluate(query, evaluationSettings(counted.storage, times, settings), {
    maxSamples,
    signal,
  }).catch((error: unknown) => {
    throw namingBound(error, maxSamples);
  });
  const requests = storage.requests();
  return {
    ...{ result, requests },
    warnings: storage.warnings(),
    infos: storage.infos(),
    figures: {
      ...counted.figures(),
      ...{ peakSamples: result.peakSamples, requests: requests.length },
    },
  };
}

/** A refusal for too many samples names the key that sets the bound. */
function namingBound(error: unknown, maxSamples: number): unknown {
  if (!(error instanceof EvaluationError) || !/too many samples/.test(error.message)) return error;
  const message = `${error.message} (query.max_samples: ${maxSamples})`;
  return new EvaluationError(message, error.failure, { cause: error });
}

/** Counts what an evaluation reads. */
function countReads(storage: Storage) {
  let series = 0;
  let samples = 0;
  return {
    figures: () => ({ series, samples }),
    storage: {
      select: async (...asked: Parameters<Storage['select']>) => {
        const blocks = await storage.select(...asked);
        series += blocks.length;
        for (const { timesMs } of blocks) samples += timesMs.length;
        return blocks;
      },
    },
  };
}
