/**
 * What the calls of the API have in common that ask the servers below, and join their answers.
 */
import { everyTurn, takeSteps } from '../../clock.ts';
import type { Matcher } from '../../promql/evaluate/storage.ts';
import { parseMetricSelector } from '../../promql/parse.ts';
import { ParseError } from '../../promql/parse-error.ts';
import { AnswerShapeError, requireShallow } from '../../query/answers/shape.ts';
import type {
  ApiCall,
  Federation,
  GroupAnswer,
  GroupAnswers,
  QueryScope,
} from '../../query/federation.ts';
import { isNarrow } from '../../query/selectors.ts';
import { badParameter, QueryError } from '../query-errors.ts';
import type { Handler, RequestContext } from '../request.ts';
import type { SendLimits } from '../send-chunks.ts';
import { type Answer, sendAnswer } from './answer.ts';
import { NO_FIGURES, type QueryDesk } from './desk.ts';
import { durationOf, readParameters, timeOf } from './parameters.ts';
import { queryScope } from './tenants.ts';

export interface FederatedOptions {
  readonly federation: () => Federation;
  readonly desk: QueryDesk;
  readonly limits: SendLimits;
  readonly partialResponse: () => boolean;
  /** Called for each answer that lacks a part, and says so. */
  readonly onIncomplete?: (() => void) | undefined;
}

/** How a call asks the groups. */
export interface Asking {
  readonly parameters: URLSearchParams;
  readonly scope: QueryScope;
  readonly ctx: RequestContext;
  /** @throws {QueryError} if a group fails that is needed */
  ask(call: Partial<ApiCall> & Pick<ApiCall, 'path'>): Promise<GroupAnswers>;
}

const TURN_MS = 4;
/** Each selector costs every server a request. */
const MAX_SELECTORS = 256;

/** A call that asks the groups: `work` asks and joins. */
export function federated(
  { federation, desk, limits, partialResponse, onIncomplete }: FederatedOptions,
  call: string,
  work: (asking: Asking) => Promise<Answer>,
): Handler {
  return async (ctx) => {
    const parameters = await readParameters(ctx);
    const scope = queryScope(ctx.state.scope, parameters, partialResponse());
    const timeoutMs = durationOf(parameters, 'timeout');
    const query = parameters.getAll('match[]').join(', ');
    await desk.run(ctx, { call, query, timeoutMs }, async ({ signal, sending }) => {
      const ask: Asking['ask'] = async (asked) => {
        const whole = { matchers: [], parameters: {}, ...asked };
        const found = await federation().ask(whole, scope, signal);
        for (const answer of found.answers) await inTurns(requireShallow(answer));
        if (found.warnings.length > 0) onIncomplete?.();
        return found;
      };
      const answer = await work({ parameters, scope, ctx, ask }).catch((error: unknown) => {
        throw failure(error, signal);
      });
      sending(NO_FIGURES);
      await sendAnswer(ctx, answer, limits);
    });
  };
}

/** Joins in steps, between which other requests run. */
export function inTurns<T>(steps: Generator<void, T, void>): Promise<T> {
  return takeSteps(steps, everyTurn(TURN_MS));
}

/** Errors of the federation are errors of the execution; those of the signal are told by its reason. */
export function failure(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof AnswerShapeError) {
    return new QueryError('execution', error.message, { cause: error });
  }
  if (!(error instanceof Error) || error instanceof QueryError || error instanceof ParseError) {
    return error;
  }
  if (signal.aborted) {
    const { reason } = signal;
    const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
    return timedOut
      ? new QueryError('timeout', 'the servers did not answer in time')
      : new QueryError('canceled', 'the call was canceled');
  }
  return 'failure' in error ? new QueryError('execution', error.message, { cause: error }) : error;
}

/** The times of a call; none means "all". */
export function timesOf(parameters: URLSearchParams): Pick<ApiCall, 'startMs' | 'endMs'> {
  const startMs = timeOf(parameters, 'start');
  const endMs = timeOf(parameters, 'end');
  if (startMs !== undefined && endMs !== undefined && endMs < startMs) {
    throw badParameter('end', 'end timestamp must not be before start time');
  }
  return { ...(startMs !== undefined && { startMs }), ...(endMs !== undefined && { endMs }) };
}

/** The selectors of `match[]`. @throws {QueryError} `bad_data` */
export function selectorsOf(parameters: URLSearchParams): readonly (readonly Matcher[])[] {
  const texts = parameters.getAll('match[]');
  if (texts.length > MAX_SELECTORS) {
    throw badParameter('match[]', `it occurs ${texts.length} times, at most ${MAX_SELECTORS} do`);
  }
  return texts.map((text) => {
    const matchers = readSelector(text);
    if (isNarrow(matchers)) return matchers;
    const message = 'match[] must contain at least one non-empty matcher';
    throw badParameter('match[]', message);
  });
}

function readSelector(text: string): readonly Matcher[] {
  try {
    return parseMetricSelector(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw badParameter('match[]', error.message);
  }
}

/** What the groups remark besides their data. */
export function remarksOf({ answers, warnings }: GroupAnswers): Pick<Answer, 'warnings' | 'infos'> {
  const of = (kind: 'warnings' | 'infos'): readonly string[] =>
    answers.flatMap((answer: GroupAnswer) => answer[kind]);
  return { warnings: [...warnings, ...of('warnings')], infos: of('infos') };
}

/**
 * What lets servers send less: one entry more than the reader gets, so that what is cut is seen.
 * Servers before Prometheus 3 do not know the parameter.
 */
export function limited(limit: number): ApiCall['parameters'] {
  return limit === 0 ? {} : { limit: String(limit + 1) };
}

/** Cuts a list at the limit, and says so. */
export function cut<T>(
  items: readonly T[],
  limit: number,
  remarks: Pick<Answer, 'warnings' | 'infos'>,
): { readonly items: readonly T[]; readonly remarks: Pick<Answer, 'warnings' | 'infos'> } {
  if (limit === 0 || items.length <= limit) return { items, remarks };
  const warnings = [...(remarks.warnings ?? []), 'results truncated due to limit'];
  return { items: items.slice(0, limit), remarks: { ...remarks, warnings } };
}
