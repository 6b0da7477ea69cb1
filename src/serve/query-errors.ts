/**
 * Errors of the query API, in the JSON that clients of Prometheus know:
 * `{"status":"error","errorType":…,"error":…}`.
 *
 * Only this file maps the kinds of error to statuses.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
 */
import { EvaluationError, type EvaluationFailure } from '../promql/evaluate/failure.ts';
import { ParseError } from '../promql/parse-error.ts';
import type { OnMistake } from './answer-problem.ts';
import { Problem, type ProblemCode } from './errors.ts';
import { type Mount, UnroutedError } from './mount.ts';
import type { RequestContext } from './request.ts';

/** The first eight are those of Prometheus. */
const KINDS = {
  bad_data: { status: 400 },
  execution: { status: 422 },
  canceled: { status: 499 },
  timeout: { status: 503 },
  internal: { status: 500 },
  not_found: { status: 404 },
  not_acceptable: { status: 406 },
  unavailable: { status: 500 },
  unauthorized: { status: 401 },
  forbidden: { status: 403 },
  method_not_allowed: { status: 405 },
  overloaded: { status: 503 },
} as const satisfies Record<string, { readonly status: number }>;

export type QueryErrorType = keyof typeof KINDS;

/** All kinds, for metrics and for the documentation. */
export const QUERY_ERROR_TYPES = Object.keys(KINDS) as readonly QueryErrorType[];

interface QueryErrorOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the status that the kind usually has. */
  readonly status?: number | undefined;
}

/** A request to the query API has no answer. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly type: QueryErrorType;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(type: QueryErrorType, message: string, options: QueryErrorOptions = {}) {
    super(message, options);
    this.type = type;
    this.status = options.status ?? KINDS[type].status;
    this.headers = options.headers ?? {};
  }
}

/** A parameter that cannot be read, in Prometheus' words. */
export function badParameter(name: string, why: string): QueryError {
  return new QueryError('bad_data', `invalid parameter ${JSON.stringify(name)}: ${why}`);
}

const OF_EVALUATION: Readonly<Record<EvaluationFailure, QueryErrorType>> = {
  execution: 'execution',
  timeout: 'timeout',
  canceled: 'canceled',
};

/** The kinds of the problems that the checks of a credential and of a request find. */
const OF_PROBLEMS: Partial<Readonly<Record<ProblemCode, QueryErrorType>>> = {
  'bad-request': 'bad_data',
  unauthorized: 'unauthorized',
  forbidden: 'forbidden',
  'not-found': 'not_found',
  'too-many-requests': 'overloaded',
  'tokens-unknown': 'overloaded',
  starting: 'overloaded',
};

/** @returns undefined for an error that is a fault of promgate */
function asQueryError(error: unknown): QueryError | undefined {
  if (error instanceof QueryError) return error;
  if (error instanceof EvaluationError) {
    return new QueryError(OF_EVALUATION[error.failure], error.message, { cause: error });
  }
  if (error instanceof ParseError) return badParameter('query', error.message);
  if (error instanceof Problem) {
    const { code, message, status, headers } = error;
    return new QueryError(OF_PROBLEMS[code] ?? 'internal', message, { status, headers });
  }
  if (!(error instanceof UnroutedError)) return undefined;
  if (error.allow.length === 0) return new QueryError('not_found', 'the API has no such path');
  const allow = error.allow.join(', ');
  return new QueryError('method_not_allowed', `the path has the methods ${allow}`, {
    headers: { Allow: allow },
  });
}

/** Answers an error that a handler threw; an error that is a bug also goes to `onMistake`. */
export function answerQueryError(
  onMistake: OnMistake,
  onError?: (type: QueryErrorType) => void,
): Mount['errors'] {
  return (ctx, error) => {
    const known = asQueryError(error);
    if (known === undefined) onMistake(error, ctx.state.target.path);
    const told = known ?? new QueryError('internal', "promgate's log has the cause");
    onError?.(told.type);
    writeQueryError(ctx, told);
  };
}

function writeQueryError(
  ctx: RequestContext,
  { type, message, status, headers }: QueryError,
): void {
  for (const name of ['Content-Encoding', 'Content-Length', 'ETag']) ctx.remove(name);
  ctx.status = status;
  ctx.set({ ...headers });
  ctx.set('Content-Type', 'application/json');
  ctx.body = Buffer.from(
    JSON.stringify({ status: 'error', errorType: type, error: message.toWellFormed() }),
  );
}
