/**
 * `/api/v1/query` and `/api/v1/query_range`.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#expression-queries
 */
import { addAbortSignal, type Readable } from 'node:stream';
import { answerChunks } from '../../promql/answer/answer.ts';
import type { Query } from '../../promql/evaluate/engine.ts';
import type { ApiCall, Federation, QueryScope } from '../../query/federation.ts';
import { hasDefaultStep } from '../../query/selectors.ts';
import { badParameter, QueryError } from '../query-errors.ts';
import type { Handler, RequestContext } from '../request.ts';
import type { SendLimits } from '../send-chunks.ts';
import { sendBytes } from './answer.ts';
import { NO_FIGURES, type QueryDesk, type Run } from './desk.ts';
import {
  type EngineSettings,
  type Evaluated,
  evaluateOver,
  reachOf,
  readQuery,
  type Times,
} from './engine.ts';
import { failure } from './federated.ts';
import {
  durationMs,
  durationOf,
  flagOf,
  limitOf,
  readParameters,
  requiredTime,
  timeOf,
} from './parameters.ts';
import { queryStats, type StatsForm, statsForm, statsWarnings } from './stats.ts';
import { queryScope } from './tenants.ts';

export interface EvaluationOptions {
  readonly federation: () => Federation;
  readonly desk: QueryDesk;
  readonly settings: () => EngineSettings;
  readonly limits: SendLimits;
  /** Whether groups that fail become warnings if the reader does not say. */
  readonly partialResponse: () => boolean;
  /** Called for each answer that lacks a part, and says so. */
  readonly onIncomplete?: (() => void) | undefined;
  readonly nowMs: () => number;
}

const JSON_TYPE = 'application/json';
/** Prometheus' bound on the steps of a query. */
const MAX_STEPS = 11_000;
/** Parameters that servers below may not know, or must not see. */
const NOT_SPLICED = ['limit', 'lookback_delta', 'stats', 'explain', 'dedup', 'partial_response'];

/** The lookback of a Prometheus that is not told another one. */
const DEFAULT_LOOKBACK_MS = 300_000;

interface Asked {
  readonly call: 'query' | 'query_range';
  readonly query: Query;
  readonly times: Times;
  readonly limit: number;
  readonly stats: StatsForm;
  readonly explain: boolean;
  readonly scope: QueryScope;
  readonly parameters: URLSearchParams;
}

export function instantQuery(options: EvaluationOptions): Handler {
  return async (ctx) => {
    const parameters = await readParameters(ctx);
    const limit = limitOf(parameters);
    const timeMs = timeOf(parameters, 'time') ?? options.nowMs();
    const times = { startMs: timeMs, endMs: timeMs, stepMs: 0 };
    await answerQuery(ctx, options, { call: 'query', parameters, times, limit });
  };
}

export function rangeQuery(options: EvaluationOptions): Handler {
  return async (ctx) => {
    const parameters = await readParameters(ctx);
    const limit = limitOf(parameters);
    const startMs = requiredTime(parameters, 'start');
    const endMs = requiredTime(parameters, 'end');
    if (endMs < startMs) throw badParameter('end', 'end timestamp must not be before start time');
    const stepMs = stepOf(parameters);
    if ((endMs - startMs) / stepMs > MAX_STEPS) {
      const message =
        'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)';
      throw new QueryError('bad_data', message);
    }
    const times = { startMs, endMs, stepMs: Math.max(1, Math.round(stepMs)) };
    await answerQuery(ctx, options, { call: 'query_range', parameters, times, limit });
  };
}

function stepOf(parameters: URLSearchParams): number {
  const stepMs = durationOf(parameters, 'step');
  if (stepMs === undefined) throw badParameter('step', 'cannot parse "" to a valid duration');
  if (stepMs > 0) return stepMs;
  const why =
    'zero or negative query resolution step widths are not accepted. Try a positive integer';
  throw badParameter('step', why);
}

async function answerQuery(
  ctx: RequestContext,
  options: EvaluationOptions,
  { call, parameters, times, limit }: Pick<Asked, 'call' | 'parameters' | 'times' | 'limit'>,
): Promise<void> {
  const timeoutMs = timeoutOf(parameters);
  const lookbackMs = lookbackOf(parameters);
  const settings = options.settings();
  const asked: Asked = {
    ...{ call, parameters, limit },
    times: { ...times, lookbackMs },
    query: readQuery(parameters.get('query') ?? '', settings),
    stats: statsForm(parameters.get('stats') ?? ''),
    explain: flagOf(parameters, 'explain', false),
    scope: queryScope(ctx.state.scope, parameters, options.partialResponse()),
  };
  const work = { call, query: asked.query.text, timeoutMs };
  await options.desk.run(ctx, work, async (run) => {
    if (await splice(ctx, options, asked, run)) return;
    const startedMs = performance.now();
    const evaluated = await evaluateOver(options.federation(), asked.query, {
      ...{ times: asked.times, scope: asked.scope, settings, signal: run.signal },
    });
    run.sending(evaluated.figures);
    if (evaluated.warnings.length > 0) options.onIncomplete?.();
    const took = { queuedMs: run.queuedMs, evaluationMs: performance.now() - startedMs };
    const { limits } = options;
    await sendBytes(ctx, answerBytes(evaluated, asked, took), { type: JSON_TYPE, limits });
  });
}

/** @returns undefined if the reader gives no deadline */
function timeoutOf(parameters: URLSearchParams): number | undefined {
  const ms = durationOf(parameters, 'timeout');
  return ms === undefined ? undefined : Math.max(0, ms);
}

function lookbackOf(parameters: URLSearchParams): number | undefined {
  const text = parameters.get('lookback_delta') ?? '';
  if (text === '') return undefined;
  try {
    const ms = durationMs(text);
    return ms > 0 ? ms : undefined;
  } catch (error) {
    const message = `error parsing lookback delta duration: ${(error as Error).message}`;
    throw new QueryError('bad_data', message, { cause: error });
  }
}

/**
 * Passes the bytes of one server on, if it can give the whole answer alone.
 *
 * @returns false if it cannot, or does not: then the query is evaluated here
 */
async function splice(
  ctx: RequestContext,
  { federation, limits, settings }: EvaluationOptions,
  { call, query, times, scope, parameters }: Asked,
  run: Run,
): Promise<boolean> {
  if (scope.tenants.length > 0) return false; // the text of the query has no matchers of tenants
  if (NOT_SPLICED.some((name) => (parameters.get(name) ?? '') !== '')) return false;
  const own = settings();
  // The server would take its own lookback, and its own step for subqueries that name none.
  if (own.lookbackMs !== DEFAULT_LOOKBACK_MS || hasDefaultStep(query.tree)) return false;
  const reach = reachOf(query, times, own);
  if (reach === undefined) return false;
  const asked: ApiCall = { path: call, ...reach, parameters: spliced(query, times) };
  const chunks = await firstOf(federation().splice(asked, scope, run.signal), run.signal);
  if (chunks === undefined) return false;
  // The deadline of the query holds until the last byte: the server may stop in the middle.
  await sendBytes(ctx, chunks, { type: JSON_TYPE, limits });
  run.sending(NO_FIGURES);
  return true;
}

function spliced({ text }: Query, { startMs, endMs, stepMs }: Times): Record<string, string> {
  const [start, end, step] = [startMs, endMs, stepMs].map((ms) => String(ms / 1000));
  if (stepMs === 0) return { query: text, time: start ?? '' };
  return { query: text, start: start ?? '', end: end ?? '', step: step ?? '' };
}

/** @returns undefined if no server takes the query: the evaluation then tells why */
async function firstOf(
  asking: Promise<Readable | undefined>,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer> | undefined> {
  try {
    const stream = await asking;
    return stream && withKnownErrors(stream, signal);
  } catch (error) {
    if (signal.aborted) throw failure(error, signal);
    return undefined; // a server that fails, or does not know a function
  }
}

async function* withKnownErrors(
  stream: Readable,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  addAbortSignal(signal, stream);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw failure(error, signal);
  }
}

interface Took {
  readonly queuedMs: number;
  readonly evaluationMs: number;
}

/** The bytes of the answer; those of `explain=1` stand behind all that Prometheus has. */
function* answerBytes(
  evaluated: Evaluated,
  { limit, stats, explain, query, scope, parameters }: Asked,
  took: Took,
): Generator<Buffer, void, void> {
  const { result, infos, requests, figures } = evaluated;
  const warnings = [...evaluated.warnings, ...statsWarnings(parameters.get('stats') ?? '')];
  const own = queryStats(stats, evaluated, took);
  const chunks = answerChunks(result, {
    ...{ warnings, infos, limit },
    ...(own !== undefined && { stats: own }),
  });
  if (!explain) {
    yield* chunks;
    return;
  }
  const isTenant = scope.tenants.length > 0; // the addresses of servers are not for tenants
  const told = {
    ...{ query: query.text, ...figures, ...took, dedup: scope.dedup },
    asked: isTenant ? [] : requests,
  };
  yield* beforeLastByte(chunks, Buffer.from(`,"explain":${JSON.stringify(told)}`));
}

/** Puts bytes before the brace that ends an object. */
function* beforeLastByte(chunks: Iterable<Buffer>, bytes: Buffer): Generator<Buffer, void, void> {
  let last: Buffer | undefined;
  for (const chunk of chunks) {
    if (chunk.length === 0) continue;
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (last === undefined) return;
  yield last.subarray(0, -1);
  yield bytes;
  yield last.subarray(-1);
}
